import {
  EBUSY,
  EEXIST,
  EINVAL,
  ENOENT,
  ENOMEM,
  EOPNOTSUPP,
  NFPROTO_INET,
  NFPROTO_IPV4,
  NFPROTO_IPV6,
  NFT_MSG_DELTABLE,
  NFT_MSG_NEWTABLE,
  NFT_TABLE_F_DORMANT,
  NFTA_TABLE_FLAGS,
  NFTA_TABLE_HANDLE,
  NFTA_TABLE_NAME,
  NFTA_TABLE_USE,
  NFTA_TABLE_USERDATA,
  NLM_F_EXCL,
  NLM_F_NONREC,
  NLM_F_REPLACE,
} from '@sandbox/abi';
import type { NetlinkWriter } from '@sandbox/net';
import { type Attributes, be32, be64, putBe32, putBe64, text } from './attributes.js';
import { dropChain, dropRules, dropSet, hookIn, hookOut } from './drop.js';
import { dropObject } from './named-objects.js';
import { Table } from './objects.js';
import type { Ruleset } from './ruleset.js';
import type { Transaction } from './transaction.js';

const FAMILIES: ReadonlySet<number> = new Set([NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6]);
/** What a table costs beside its user data. */
const COST = 512;

export function newTable(ruleset: Ruleset, a: Attributes, family: number, tx: Transaction): number {
  if (!FAMILIES.has(family)) return -EOPNOTSUPP;
  const name = text(a, NFTA_TABLE_NAME);
  if (name === undefined) return -EINVAL;
  // Tables that belong to a process are not there.
  const flags = be32(a, NFTA_TABLE_FLAGS) ?? 0;
  if ((flags & ~NFT_TABLE_F_DORMANT) !== 0) return tx.bad(EOPNOTSUPP, a.get(NFTA_TABLE_FLAGS));
  const known = ruleset.table(family, name);
  if (known !== undefined) {
    if ((tx.request.flags & NLM_F_EXCL) !== 0) return tx.bad(EEXIST, a.get(NFTA_TABLE_NAME));
    if ((tx.request.flags & NLM_F_REPLACE) !== 0) return -EOPNOTSUPP;
    if (a.has(NFTA_TABLE_FLAGS)) changeFlags(ruleset, known, flags, tx);
    return 0;
  }
  const userData = a.get(NFTA_TABLE_USERDATA)?.slice() ?? null;
  const size = COST + (userData?.length ?? 0);
  if (!ruleset.account(size)) return -ENOMEM;
  const table = new Table(family, name, ruleset.nextTable(), flags, userData);
  ruleset.tables.push(table);
  tx.did(() => {
    ruleset.account(-size);
    ruleset.tables.splice(ruleset.tables.indexOf(table), 1);
  });
  tx.tell(NFT_MSG_NEWTABLE, family, (w) => writeTable(w, table));
  return 0;
}

/** A dormant table has its chains at no hooks. */
function changeFlags(ruleset: Ruleset, table: Table, flags: number, tx: Transaction): void {
  const before = table.flags;
  if (before === flags) return;
  const to = (next: number): void => {
    for (const chain of table.chains.values()) hookOut(ruleset, chain);
    table.flags = next;
    for (const chain of table.chains.values()) hookIn(ruleset, chain);
  };
  to(flags);
  tx.did(() => to(before));
  tx.tell(NFT_MSG_NEWTABLE, table.family, (w) => writeTable(w, table));
}

/** A table by name or handle. */
export function findTable(ruleset: Ruleset, a: Attributes, family: number): Table | undefined {
  const handle = be64(a, NFTA_TABLE_HANDLE);
  if (handle === undefined) return ruleset.table(family, text(a, NFTA_TABLE_NAME));
  return ruleset.tables.find((table) => table.handle === handle && table.family === family);
}

/** `destroy`: that it is not there is as well. */
export function deleteTable(
  ruleset: Ruleset,
  a: Attributes,
  family: number,
  tx: Transaction,
  destroy = false,
): number {
  if (family === 0 || (!a.has(NFTA_TABLE_NAME) && !a.has(NFTA_TABLE_HANDLE))) {
    const name = text(a, NFTA_TABLE_NAME);
    for (const table of ruleset.tablesOf(family))
      if (name === undefined || table.name === name) dropTable(ruleset, table, tx);
    return 0;
  }
  const table = findTable(ruleset, a, family);
  if (table === undefined)
    return destroy ? 0 : tx.bad(ENOENT, a.get(NFTA_TABLE_HANDLE) ?? a.get(NFTA_TABLE_NAME));
  if ((tx.request.flags & NLM_F_NONREC) !== 0 && table.use > 0) return -EBUSY;
  dropTable(ruleset, table, tx);
  return 0;
}

function dropTable(ruleset: Ruleset, table: Table, tx: Transaction): void {
  for (const chain of [...table.chains.values()]) dropRules(ruleset, chain, tx);
  for (const set of [...table.sets.values()]) dropSet(ruleset, set, tx);
  for (const object of [...table.objects.values()]) dropObject(ruleset, object, tx);
  for (const chain of [...table.chains.values()]) dropChain(ruleset, chain, tx);
  const at = ruleset.tables.indexOf(table);
  const size = COST + (table.userData?.length ?? 0);
  ruleset.tables.splice(at, 1);
  ruleset.account(-size);
  tx.did(() => {
    ruleset.account(size);
    ruleset.tables.splice(at, 0, table);
  });
  tx.tell(NFT_MSG_DELTABLE, table.family, (w) => writeTable(w, table));
}

export function writeTable(w: NetlinkWriter, table: Table): void {
  w.string(NFTA_TABLE_NAME, table.name);
  putBe32(w, NFTA_TABLE_USE, table.use);
  putBe64(w, NFTA_TABLE_HANDLE, table.handle);
  putBe32(w, NFTA_TABLE_FLAGS, table.flags);
  if (table.userData !== null) w.data(NFTA_TABLE_USERDATA, table.userData);
}
