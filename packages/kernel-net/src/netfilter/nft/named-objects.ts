import {
  EBUSY,
  EEXIST,
  EINVAL,
  ENOENT,
  ENOMEM,
  EOPNOTSUPP,
  NFT_MSG_DELOBJ,
  NFT_MSG_NEWOBJ,
  NFT_OBJECT_COUNTER,
  NFT_OBJECT_LIMIT,
  NFT_OBJECT_QUOTA,
  NFTA_OBJ_DATA,
  NFTA_OBJ_HANDLE,
  NFTA_OBJ_NAME,
  NFTA_OBJ_TABLE,
  NFTA_OBJ_TYPE,
  NFTA_OBJ_USE,
  NFTA_OBJ_USERDATA,
  NLM_F_EXCL,
  NLM_F_REPLACE,
} from '@sandbox/abi';
import type { NetlinkWriter } from '@sandbox/net';
import { type Attributes, be32, be64, nest, putBe32, putBe64, text } from './attributes.js';
import { contextOf } from './context-of.js';
import { readState, writeState } from './expressions/read.js';
import { ObjectEntry, objectKey, type Table } from './objects.js';
import { objectOf, type Ruleset } from './ruleset.js';
import type { Transaction } from './transaction.js';

/** Named objects are expressions that count, by number. */
const KINDS: ReadonlyMap<number, string> = new Map([
  [NFT_OBJECT_COUNTER, 'counter'],
  [NFT_OBJECT_QUOTA, 'quota'],
  [NFT_OBJECT_LIMIT, 'limit'],
]);
const COST = 512;

export function newObject(ruleset: Ruleset, a: Attributes, family: number, tx: Transaction): number {
  const name = text(a, NFTA_OBJ_NAME);
  const type = be32(a, NFTA_OBJ_TYPE);
  const data = a.get(NFTA_OBJ_DATA);
  if (name === undefined || type === undefined || data === undefined) return -EINVAL;
  const table = ruleset.table(family, text(a, NFTA_OBJ_TABLE));
  if (table === undefined) return tx.bad(ENOENT, a.get(NFTA_OBJ_TABLE));
  if (objectOf(table, type, name) !== null) {
    if ((tx.request.flags & NLM_F_EXCL) !== 0) return tx.bad(EEXIST, a.get(NFTA_OBJ_NAME));
    return (tx.request.flags & NLM_F_REPLACE) !== 0 ? -EOPNOTSUPP : 0;
  }
  const kind = KINDS.get(type);
  if (kind === undefined) return -EOPNOTSUPP;
  const state = readState(kind, data, contextOf(ruleset, table));
  if (typeof state === 'number') return state;
  const userData = a.get(NFTA_OBJ_USERDATA)?.slice() ?? null;
  const object = new ObjectEntry(table, name, table.nextHandle(), type, state, userData);
  if (!ruleset.account(sizeOf(object))) return -ENOMEM;
  table.objects.set(objectKey(type, name), object);
  tx.did(() => {
    ruleset.account(-sizeOf(object));
    table.objects.delete(objectKey(type, name));
  });
  tx.tell(NFT_MSG_NEWOBJ, family, (w) => writeObject(w, object));
  return 0;
}

const sizeOf = ({ userData }: ObjectEntry): number => COST + (userData?.length ?? 0);

/** An object by handle or name, of a type. */
export function findObject(table: Table, a: Attributes): ObjectEntry | undefined {
  const type = be32(a, NFTA_OBJ_TYPE);
  const handle = be64(a, NFTA_OBJ_HANDLE);
  if (handle !== undefined)
    return [...table.objects.values()].find((object) => object.handle === handle && object.type === type);
  return objectOf(table, type ?? 0, text(a, NFTA_OBJ_NAME) ?? '') ?? undefined;
}

export function deleteObject(
  ruleset: Ruleset,
  a: Attributes,
  family: number,
  tx: Transaction,
  destroy = false,
): number {
  if (!a.has(NFTA_OBJ_TYPE) || (!a.has(NFTA_OBJ_NAME) && !a.has(NFTA_OBJ_HANDLE))) return -EINVAL;
  const table = ruleset.table(family, text(a, NFTA_OBJ_TABLE));
  if (table === undefined) return tx.bad(ENOENT, a.get(NFTA_OBJ_TABLE));
  const object = findObject(table, a);
  if (object === undefined) return destroy ? 0 : tx.bad(ENOENT, a.get(NFTA_OBJ_NAME));
  if (object.use > 0) return tx.bad(EBUSY, a.get(NFTA_OBJ_NAME));
  dropObject(ruleset, object, tx);
  return 0;
}

export function dropObject(ruleset: Ruleset, object: ObjectEntry, tx: Transaction): void {
  const { table, type, name } = object;
  table.objects.delete(objectKey(type, name));
  ruleset.account(-sizeOf(object));
  tx.did(() => {
    ruleset.account(sizeOf(object));
    table.objects.set(objectKey(type, name), object);
  });
  tx.tell(NFT_MSG_DELOBJ, table.family, (w) => writeObject(w, object));
}

export function writeObject(w: NetlinkWriter, object: ObjectEntry): void {
  w.string(NFTA_OBJ_TABLE, object.table.name);
  w.string(NFTA_OBJ_NAME, object.name);
  putBe64(w, NFTA_OBJ_HANDLE, object.handle);
  putBe32(w, NFTA_OBJ_TYPE, object.type);
  putBe32(w, NFTA_OBJ_USE, object.use);
  const data = nest(w, NFTA_OBJ_DATA);
  writeState(w, object.state);
  w.endNest(data);
  if (object.userData !== null) w.data(NFTA_OBJ_USERDATA, object.userData);
}
