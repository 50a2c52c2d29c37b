import {
  E2BIG,
  EBUSY,
  EEXIST,
  EINVAL,
  ENFILE,
  ENOENT,
  ENOMEM,
  EOPNOTSUPP,
  NFT_DATA_VALUE_MAXLEN,
  NFT_DATA_VERDICT,
  NFT_MSG_NEWSET,
  NFT_SET_ANONYMOUS,
  NFT_SET_CONCAT,
  NFT_SET_CONSTANT,
  NFT_SET_EVAL,
  NFT_SET_EXPR,
  NFT_SET_INTERVAL,
  NFT_SET_MAP,
  NFT_SET_OBJECT,
  NFT_SET_POL_MEMORY,
  NFT_SET_TIMEOUT,
  NFTA_SET_DATA_LEN,
  NFTA_SET_DATA_TYPE,
  NFTA_SET_DESC,
  NFTA_SET_DESC_CONCAT,
  NFTA_SET_DESC_SIZE,
  NFTA_SET_EXPR,
  NFTA_SET_EXPRESSIONS,
  NFTA_SET_FIELD_LEN,
  NFTA_SET_FLAGS,
  NFTA_SET_GC_INTERVAL,
  NFTA_SET_HANDLE,
  NFTA_SET_ID,
  NFTA_SET_KEY_LEN,
  NFTA_SET_KEY_TYPE,
  NFTA_SET_NAME,
  NFTA_SET_OBJ_TYPE,
  NFTA_SET_POLICY,
  NFTA_SET_TABLE,
  NFTA_SET_TIMEOUT,
  NFTA_SET_USERDATA,
  NLM_F_EXCL,
  NLM_F_NONREC,
  NLM_F_REPLACE,
} from '@sandbox/abi';
import { nft, parseAttributes } from '@sandbox/net';
import { type Attributes, be32, be64, listOf, nested, text } from './attributes.js';
import { contextOf } from './context-of.js';
import { costOf, dropSet, isAnonymous } from './drop.js';
import { readExpression } from './expressions/read.js';
import { type SetDescription, SetEntry, type Table } from './objects.js';
import type { Ruleset } from './ruleset.js';
import type { Transaction } from './transaction.js';
import { writeSet } from './write.js';

const FLAGS =
  NFT_SET_ANONYMOUS |
  NFT_SET_CONSTANT |
  NFT_SET_INTERVAL |
  NFT_SET_MAP |
  NFT_SET_TIMEOUT |
  NFT_SET_EVAL |
  NFT_SET_OBJECT |
  NFT_SET_CONCAT |
  NFT_SET_EXPR;
/** Expressions an element counts by, at most (NFT_SET_EXPR_MAX); parts of a key (NFT_REG32_COUNT). */
const MOST_EXPRESSIONS = 2;
const MOST_FIELDS = 16;
const MOST_NAMES = 65536;

export function newSet(ruleset: Ruleset, a: Attributes, family: number, tx: Transaction): number {
  const asked = text(a, NFTA_SET_NAME);
  const id = be32(a, NFTA_SET_ID);
  if (asked === undefined || id === undefined || !a.has(NFTA_SET_TABLE)) return -EINVAL;
  const description = describe(a);
  if (typeof description === 'number') return description;
  const table = ruleset.table(family, text(a, NFTA_SET_TABLE));
  if (table === undefined) return tx.bad(ENOENT, a.get(NFTA_SET_TABLE));
  const known = table.sets.get(asked);
  if (known !== undefined) {
    if ((tx.request.flags & NLM_F_EXCL) !== 0) return tx.bad(EEXIST, a.get(NFTA_SET_NAME));
    if ((tx.request.flags & NLM_F_REPLACE) !== 0 || isAnonymous(known)) return -EOPNOTSUPP;
    return same(known.description, description) ? 0 : tx.bad(EEXIST, a.get(NFTA_SET_NAME));
  }
  const context = contextOf(ruleset, table);
  for (const bytes of description.expressions) {
    const part = readExpression(bytes, context);
    if (typeof part === 'number') return part;
  }
  const name = freeName(table, asked);
  if (name === null) return -ENFILE;
  if (!ruleset.account(costOf(description))) return -ENOMEM;
  const set = new nft.NftSet(
    description.keyLength,
    (description.flags & NFT_SET_INTERVAL) !== 0,
    description.fields,
    description.size,
    ruleset.elementRoom,
    () => ruleset.stack.now(),
  );
  const entry = new SetEntry(table, name, table.nextHandle(), id, description, set);
  table.sets.set(name, entry);
  tx.did(() => {
    ruleset.account(-costOf(description));
    table.sets.delete(name);
    set.dispose();
  });
  tx.tell(NFT_MSG_NEWSET, family, (w) => writeSet(w, entry));
  return 0;
}

/** A name with %d gets the first number that is free. */
function freeName(table: Table, name: string): string | null {
  const at = name.indexOf('%');
  if (at < 0) return name;
  if (name.slice(at, at + 2) !== '%d' || name.indexOf('%', at + 1) >= 0) return null;
  for (let n = 0; n < MOST_NAMES; n++) {
    const candidate = name.replace('%d', String(n));
    if (!table.sets.has(candidate)) return candidate;
  }
  return null;
}

function same(a: SetDescription, b: SetDescription): boolean {
  return (
    a.flags === b.flags &&
    a.keyType === b.keyType &&
    a.keyLength === b.keyLength &&
    a.dataType === b.dataType &&
    a.dataLength === b.dataLength &&
    a.objectType === b.objectType &&
    a.expressions.length === b.expressions.length
  );
}

/** What a set shall be (nf_tables_newset); -errno. */
function describe(a: Attributes): (SetDescription & { readonly size: number }) | number {
  const keyLength = be32(a, NFTA_SET_KEY_LEN);
  const keyType = be32(a, NFTA_SET_KEY_TYPE) ?? 0;
  const flags = be32(a, NFTA_SET_FLAGS) ?? 0;
  if (keyLength === undefined || keyLength === 0 || keyLength > NFT_DATA_VALUE_MAXLEN) return -EINVAL;
  if (keyType >= NFT_DATA_VERDICT) return -EINVAL;
  const r = checkFlags(flags);
  if (r < 0) return r;
  const data = readDataType(a, flags);
  if (typeof data === 'number') return data;
  const objectType = be32(a, NFTA_SET_OBJ_TYPE) ?? 0;
  if (a.has(NFTA_SET_OBJ_TYPE) !== ((flags & NFT_SET_OBJECT) !== 0)) return -EINVAL;
  const timeout = be64(a, NFTA_SET_TIMEOUT) ?? 0;
  const collectInterval = be32(a, NFTA_SET_GC_INTERVAL) ?? 0;
  if ((a.has(NFTA_SET_TIMEOUT) || a.has(NFTA_SET_GC_INTERVAL)) && (flags & NFT_SET_TIMEOUT) === 0)
    return -EINVAL;
  const policy = be32(a, NFTA_SET_POLICY) ?? 0;
  if (policy > NFT_SET_POL_MEMORY) return -EOPNOTSUPP;
  const shape = readShape(a, keyLength);
  if (typeof shape === 'number') return shape;
  if (shape.fields.length > 1 !== ((flags & NFT_SET_CONCAT) !== 0)) return -EINVAL;
  const expressions = readExpressions(a);
  if (typeof expressions === 'number') return expressions;
  const userData = a.get(NFTA_SET_USERDATA)?.slice() ?? null;
  return {
    ...{ flags, keyType, keyLength, ...data, objectType, policy, ...shape },
    ...{ timeout, collectInterval, userData, expressions },
  };
}

function checkFlags(flags: number): number {
  const both = (mask: number): boolean => (flags & mask) === mask;
  if ((flags & ~FLAGS) !== 0) return -EOPNOTSUPP;
  if (both(NFT_SET_MAP | NFT_SET_OBJECT) || both(NFT_SET_EVAL | NFT_SET_OBJECT)) return -EOPNOTSUPP;
  if (both(NFT_SET_ANONYMOUS | NFT_SET_TIMEOUT) && (flags & NFT_SET_EVAL) === 0) return -EOPNOTSUPP;
  if (both(NFT_SET_CONSTANT | NFT_SET_TIMEOUT)) return -EOPNOTSUPP;
  return 0;
}

function readDataType(
  a: Attributes,
  flags: number,
): Pick<SetDescription, 'dataType' | 'dataLength'> | number {
  const dataType = be32(a, NFTA_SET_DATA_TYPE);
  if ((dataType !== undefined) !== ((flags & NFT_SET_MAP) !== 0)) return -EINVAL;
  if (dataType === undefined) return { dataType: 0, dataLength: 0 };
  if (dataType === NFT_DATA_VERDICT) return { dataType, dataLength: be32(a, NFTA_SET_DATA_LEN) ?? 16 };
  const dataLength = be32(a, NFTA_SET_DATA_LEN);
  if (dataType > NFT_DATA_VERDICT || dataLength === undefined) return -EINVAL;
  return dataLength === 0 || dataLength > NFT_DATA_VALUE_MAXLEN ? -EINVAL : { dataType, dataLength };
}

/** How many elements, and what parts a key has: they fill its words. */
function readShape(
  a: Attributes,
  keyLength: number,
): (Pick<SetDescription, 'fields'> & { size: number }) | number {
  const description = nested(a, NFTA_SET_DESC);
  if (description === undefined) return { size: 0, fields: [] };
  const size = be32(description, NFTA_SET_DESC_SIZE) ?? 0;
  const concatenation = description.get(NFTA_SET_DESC_CONCAT);
  if (concatenation === undefined) return { size, fields: [] };
  const items = listOf(concatenation);
  if (items === null) return -EINVAL;
  if (items.length > MOST_FIELDS) return -E2BIG;
  const fields: number[] = [];
  for (const item of items) {
    const length = be32(parseAttributes(item, 0), NFTA_SET_FIELD_LEN);
    if (length === undefined || length === 0 || length > NFT_DATA_VALUE_MAXLEN) return -EINVAL;
    fields.push(length);
  }
  const words = fields.reduce((sum, length) => sum + ((length + 3) & ~3), 0);
  return words === ((keyLength + 3) & ~3) ? { size, fields } : -EINVAL;
}

function readExpressions(a: Attributes): Uint8Array[] | number {
  const several = a.get(NFTA_SET_EXPRESSIONS);
  const one = a.get(NFTA_SET_EXPR);
  const found = several !== undefined ? listOf(several) : one !== undefined ? [one] : [];
  if (found === null) return -EINVAL;
  return found.length > MOST_EXPRESSIONS ? -E2BIG : found.map((bytes) => bytes.slice());
}

/** A set by handle or name. */
function findSet(table: Table, a: Attributes): [set: SetEntry | undefined, by: Uint8Array | undefined] {
  const handle = be64(a, NFTA_SET_HANDLE);
  if (handle === undefined) return [table.sets.get(text(a, NFTA_SET_NAME) ?? ''), a.get(NFTA_SET_NAME)];
  return [[...table.sets.values()].find((set) => set.handle === handle), a.get(NFTA_SET_HANDLE)];
}

export function deleteSet(
  ruleset: Ruleset,
  a: Attributes,
  family: number,
  tx: Transaction,
  destroy = false,
): number {
  const table = ruleset.table(family, text(a, NFTA_SET_TABLE));
  if (table === undefined) return tx.bad(ENOENT, a.get(NFTA_SET_TABLE));
  const [set, by] = findSet(table, a);
  if (set === undefined) return destroy ? 0 : tx.bad(ENOENT, by);
  if (set.use > 0 || ((tx.request.flags & NLM_F_NONREC) !== 0 && set.set.size > 0)) return tx.bad(EBUSY, by);
  dropSet(ruleset, set, tx);
  return 0;
}
