import {
  E2BIG,
  EBUSY,
  EEXIST,
  EINVAL,
  ENOENT,
  ENOTEMPTY,
  EOPNOTSUPP,
  ERANGE,
  NFT_DATA_VERDICT,
  NFT_MSG_DELSETELEM,
  NFT_MSG_NEWSETELEM,
  NFT_SET_ANONYMOUS,
  NFT_SET_CONCAT,
  NFT_SET_CONSTANT,
  NFT_SET_ELEM_CATCHALL,
  NFT_SET_ELEM_INTERVAL_END,
  NFT_SET_INTERVAL,
  NFT_SET_MAP,
  NFT_SET_OBJECT,
  NFT_SET_TIMEOUT,
  NFTA_LIST_ELEM,
  NFTA_SET_ELEM_DATA,
  NFTA_SET_ELEM_EXPIRATION,
  NFTA_SET_ELEM_EXPR,
  NFTA_SET_ELEM_EXPRESSIONS,
  NFTA_SET_ELEM_FLAGS,
  NFTA_SET_ELEM_KEY,
  NFTA_SET_ELEM_KEY_END,
  NFTA_SET_ELEM_LIST_ELEMENTS,
  NFTA_SET_ELEM_LIST_SET,
  NFTA_SET_ELEM_LIST_SET_ID,
  NFTA_SET_ELEM_LIST_TABLE,
  NFTA_SET_ELEM_OBJREF,
  NFTA_SET_ELEM_TIMEOUT,
  NFTA_SET_ELEM_USERDATA,
  NLM_F_EXCL,
} from '@sandbox/abi';
import { type NetlinkWriter, parseAttributes } from '@sandbox/net';
import {
  type Attributes,
  be32,
  be64,
  listOf,
  nest,
  numberedListOf,
  putBe32,
  putBe64,
  text,
} from './attributes.js';
import { contextOf } from './context-of.js';
import { isVerdict, readValueOf, readVerdict, type VerdictValue, writeValue, writeVerdict } from './data.js';
import type { ExpressionContext } from './expressions/context.js';
import { readExpression, writeExpression } from './expressions/read.js';
import type { Element, ObjectEntry, ReadExpression, SetEntry, Used } from './objects.js';
import { objectOf, type Ruleset, setOf, using } from './ruleset.js';
import type { Transaction } from './transaction.js';

const MOST_EXPRESSIONS = 2;

/** The set a list of elements is about. */
function setFor(ruleset: Ruleset, a: Attributes, family: number, tx: Transaction): SetEntry | number {
  const table = ruleset.table(family, text(a, NFTA_SET_ELEM_LIST_TABLE));
  if (table === undefined) return tx.bad(ENOENT, a.get(NFTA_SET_ELEM_LIST_TABLE));
  const set = setOf(table, text(a, NFTA_SET_ELEM_LIST_SET), be32(a, NFTA_SET_ELEM_LIST_SET_ID));
  if (set === null) return tx.bad(ENOENT, a.get(NFTA_SET_ELEM_LIST_SET));
  // What a rule goes by as it is does not change under it.
  return set.use > 0 && (set.description.flags & (NFT_SET_CONSTANT | NFT_SET_ANONYMOUS)) !== 0 ? -EBUSY : set;
}

export function newElements(ruleset: Ruleset, a: Attributes, family: number, tx: Transaction): number {
  const list = a.get(NFTA_SET_ELEM_LIST_ELEMENTS);
  if (list === undefined) return -EINVAL;
  const set = setFor(ruleset, a, family, tx);
  if (typeof set === 'number') return set;
  const context = contextOf(ruleset, set.table);
  for (const item of numberedListOf(list)) {
    const element = readElement(parseAttributes(item, 0), set, context);
    const r = typeof element === 'number' ? element : addElement(set, element, tx);
    if (r < 0) return tx.bad(-r, item);
  }
  return 0;
}

function addElement(set: SetEntry, element: Element, tx: Transaction): number {
  const r = set.set.add(element);
  if (r === -EEXIST) {
    const old = set.set.same(element) as Element;
    if ((tx.request.flags & NLM_F_EXCL) !== 0) return -EEXIST;
    if (!leadsToSame(old, element)) return -EBUSY;
    if (old.timeout !== element.timeout) changeTimeout(old, element, tx);
    return 0;
  }
  // It overlaps another.
  if (r < 0) return r === -ENOTEMPTY ? -EEXIST : r;
  using(element.uses, 1);
  tx.did(() => {
    using(element.uses, -1);
    set.set.delete(element);
  });
  tellElement(NFT_MSG_NEWSETELEM, set, element, tx);
  return 0;
}

function changeTimeout(element: Element, { timeout, expires }: Element, tx: Transaction): void {
  const before = { timeout: element.timeout, expires: element.expires };
  Object.assign(element, { timeout, expires });
  tx.did(() => Object.assign(element, before));
}

function leadsToSame(a: Element, b: Element): boolean {
  if (a.objectEntry !== b.objectEntry) return false;
  if (a.verdict?.code !== b.verdict?.code || a.verdict?.chain !== b.verdict?.chain) return false;
  return a.data === b.data || (a.data !== null && b.data !== null && Buffer.compare(a.data, b.data) === 0);
}

/** Flags that make sense for a set; -errno. */
function readFlags(a: Attributes, setFlags: number): number {
  const flags = be32(a, NFTA_SET_ELEM_FLAGS) ?? 0;
  if ((flags & ~(NFT_SET_ELEM_INTERVAL_END | NFT_SET_ELEM_CATCHALL)) !== 0) return -EOPNOTSUPP;
  const ends = (flags & NFT_SET_ELEM_INTERVAL_END) !== 0;
  const catchall = (flags & NFT_SET_ELEM_CATCHALL) !== 0;
  if (ends && (catchall || (setFlags & NFT_SET_INTERVAL) === 0)) return -EINVAL;
  if (catchall === a.has(NFTA_SET_ELEM_KEY)) return -EINVAL;
  const boxes = (setFlags & (NFT_SET_CONCAT | NFT_SET_INTERVAL)) === (NFT_SET_CONCAT | NFT_SET_INTERVAL);
  if (a.has(NFTA_SET_ELEM_KEY_END) && (!boxes || catchall)) return -EINVAL;
  return boxes && ends ? -EINVAL : flags;
}

/** What only an element that is no end has. */
const OF_VALUES = [
  NFTA_SET_ELEM_DATA,
  NFTA_SET_ELEM_OBJREF,
  NFTA_SET_ELEM_TIMEOUT,
  NFTA_SET_ELEM_EXPIRATION,
  NFTA_SET_ELEM_USERDATA,
  NFTA_SET_ELEM_EXPR,
  NFTA_SET_ELEM_EXPRESSIONS,
];

function readElement(a: Attributes, set: SetEntry, c: ExpressionContext): Element | number {
  const { flags: setFlags, keyLength } = set.description;
  const flags = readFlags(a, setFlags);
  if (flags < 0) return flags;
  const ends = (flags & NFT_SET_ELEM_INTERVAL_END) !== 0;
  if (ends && OF_VALUES.some((type) => a.has(type))) return -EINVAL;
  if (!ends && a.has(NFTA_SET_ELEM_DATA) !== ((setFlags & NFT_SET_MAP) !== 0)) return -EINVAL;
  if (!ends && a.has(NFTA_SET_ELEM_OBJREF) !== ((setFlags & NFT_SET_OBJECT) !== 0)) return -EINVAL;
  const key = a.has(NFTA_SET_ELEM_KEY) ? readValueOf(a.get(NFTA_SET_ELEM_KEY), keyLength) : null;
  if (typeof key === 'number') return key;
  const keyEnd = a.has(NFTA_SET_ELEM_KEY_END) ? readValueOf(a.get(NFTA_SET_ELEM_KEY_END), keyLength) : null;
  if (typeof keyEnd === 'number') return keyEnd;
  const time = readTime(a, set, ends, c.stack.now());
  if (typeof time === 'number') return time;
  const parts = ends ? [] : readParts(a, set, c);
  if (typeof parts === 'number') return parts;
  const value = readData(a, set, c);
  if (typeof value === 'number') return value;
  const uses: Used[] = [];
  if (value.objectEntry !== null) uses.push(value.objectEntry);
  if (value.verdict?.chain != null) uses.push(value.verdict.chain);
  return {
    ...{ key, keyEnd, ends, ...value, ...time, parts, uses },
    expressions: parts.map(({ expression }) => expression),
    userData: a.get(NFTA_SET_ELEM_USERDATA)?.slice() ?? null,
  };
}

function readTime(
  a: Attributes,
  set: SetEntry,
  ends: boolean,
  now: number,
): Pick<Element, 'timeout' | 'expires'> | number {
  const timed = (set.description.flags & NFT_SET_TIMEOUT) !== 0;
  const asked = be64(a, NFTA_SET_ELEM_TIMEOUT);
  const left = be64(a, NFTA_SET_ELEM_EXPIRATION);
  if ((asked !== undefined || left !== undefined) && !timed) return -EINVAL;
  if (!timed || ends) return { timeout: null, expires: Number.POSITIVE_INFINITY };
  const timeout = asked ?? set.description.timeout;
  if (left !== undefined && timeout === 0) return -EOPNOTSUPP;
  if (left !== undefined && left > timeout) return -ERANGE;
  return { timeout, expires: timeout === 0 ? Number.POSITIVE_INFINITY : now + (left || timeout) };
}

/** What the element counts by: its own, or the set's. */
function readParts(a: Attributes, set: SetEntry, c: ExpressionContext): ReadExpression[] | number {
  const of = set.description.expressions;
  const several = a.get(NFTA_SET_ELEM_EXPRESSIONS);
  const one = a.get(NFTA_SET_ELEM_EXPR);
  const chosen = several !== undefined ? listOf(several) : one !== undefined ? [one] : of;
  if (chosen === null) return -EINVAL;
  if (chosen.length > MOST_EXPRESSIONS) return -E2BIG;
  if (of.length > 0 && chosen.length !== of.length) return -EOPNOTSUPP;
  const parts: ReadExpression[] = [];
  for (const bytes of chosen) {
    const part = readExpression(bytes, c);
    if (typeof part === 'number') return part;
    if (part.dump === null || part.uses.length > 0 || part.leadsTo !== null) return -EOPNOTSUPP;
    parts.push(part);
  }
  return parts;
}

interface Value {
  readonly data: Uint8Array | null;
  readonly verdict: VerdictValue | null;
  readonly object: Element['object'];
  readonly objectEntry: ObjectEntry | null;
}

function readData(a: Attributes, set: SetEntry, c: ExpressionContext): Value | number {
  const none: Value = { data: null, verdict: null, object: null, objectEntry: null };
  const { dataType, dataLength, objectType } = set.description;
  const name = text(a, NFTA_SET_ELEM_OBJREF);
  if (name !== undefined) {
    const objectEntry = objectOf(set.table, objectType, name);
    return objectEntry === null ? -ENOENT : { ...none, object: objectEntry.state.expression, objectEntry };
  }
  const bytes = a.get(NFTA_SET_ELEM_DATA);
  if (bytes === undefined) return none;
  if (isVerdict(bytes) !== (dataType === NFT_DATA_VERDICT)) return -EINVAL;
  if (dataType === NFT_DATA_VERDICT) {
    const verdict = readVerdict(bytes, c);
    return typeof verdict === 'number' ? verdict : { ...none, verdict };
  }
  const data = readValueOf(bytes, dataLength);
  return typeof data === 'number' ? data : { ...none, data };
}

export function deleteElements(
  ruleset: Ruleset,
  a: Attributes,
  family: number,
  tx: Transaction,
  destroy = false,
): number {
  const set = setFor(ruleset, a, family, tx);
  if (typeof set === 'number') return set;
  const list = a.get(NFTA_SET_ELEM_LIST_ELEMENTS);
  if (list === undefined) {
    for (const element of [...set.set.all()] as Element[]) dropElement(set, element, tx);
    return 0;
  }
  for (const item of numberedListOf(list)) {
    const wanted = readKey(parseAttributes(item, 0), set);
    if (typeof wanted === 'number') return tx.bad(-wanted, item);
    const found = set.set.same(wanted) as Element | undefined;
    if (found !== undefined && found.expires > ruleset.stack.now()) dropElement(set, found, tx);
    else if (!destroy) return tx.bad(ENOENT, item);
  }
  return 0;
}

/** An element to look for: only its key counts. */
function readKey(a: Attributes, set: SetEntry): Element | number {
  const { flags: setFlags, keyLength } = set.description;
  const flags = readFlags(a, setFlags);
  if (flags < 0) return flags;
  const key = a.has(NFTA_SET_ELEM_KEY) ? readValueOf(a.get(NFTA_SET_ELEM_KEY), keyLength) : null;
  if (typeof key === 'number') return key;
  const keyEnd = a.has(NFTA_SET_ELEM_KEY_END) ? readValueOf(a.get(NFTA_SET_ELEM_KEY_END), keyLength) : null;
  if (typeof keyEnd === 'number') return keyEnd;
  return {
    ...{ key, keyEnd, ends: (flags & NFT_SET_ELEM_INTERVAL_END) !== 0 },
    ...{ data: null, verdict: null, object: null, objectEntry: null, expressions: [], parts: [], uses: [] },
    ...{ userData: null, timeout: null, expires: Number.POSITIVE_INFINITY },
  };
}

function dropElement(set: SetEntry, element: Element, tx: Transaction): void {
  set.set.delete(element);
  using(element.uses, -1);
  tx.did(() => {
    set.set.add(element);
    using(element.uses, 1);
  });
  tellElement(NFT_MSG_DELSETELEM, set, element, tx);
}

function tellElement(type: number, set: SetEntry, element: Element, tx: Transaction): void {
  tx.tell(type, set.table.family, (w) => {
    const list = beginElements(w, set);
    writeElement(w, set, element, element.expires - (element.timeout ?? 0));
    w.endNest(list);
  });
}

/** One element as asked for by GETSETELEM, or undefined. */
export function findElement(set: SetEntry, bytes: Uint8Array): Element | undefined {
  const wanted = readKey(parseAttributes(bytes, 0), set);
  if (typeof wanted === 'number' || wanted.key === null) return undefined;
  // In a set of intervals, the one that has the key.
  if ((set.description.flags & NFT_SET_INTERVAL) !== 0 && !wanted.ends)
    return set.set.lookup(wanted.key, 0) as Element | undefined;
  return set.set.same(wanted) as Element | undefined;
}

/** The head of a list of elements; `elements` are written into the nest it begins. */
export function beginElements(w: NetlinkWriter, set: SetEntry): number {
  w.string(NFTA_SET_ELEM_LIST_TABLE, set.table.name);
  w.string(NFTA_SET_ELEM_LIST_SET, set.name);
  return nest(w, NFTA_SET_ELEM_LIST_ELEMENTS);
}

export function writeElement(w: NetlinkWriter, set: SetEntry, element: Element, now: number): void {
  const at = nest(w, NFTA_LIST_ELEM);
  if (element.key !== null) writeValue(w, NFTA_SET_ELEM_KEY, element.key);
  if (element.keyEnd !== null) writeValue(w, NFTA_SET_ELEM_KEY_END, element.keyEnd);
  if (element.verdict !== null) writeVerdict(w, NFTA_SET_ELEM_DATA, element.verdict as VerdictValue);
  else if (element.data !== null) writeValue(w, NFTA_SET_ELEM_DATA, element.data);
  if (element.parts.length === 1) writeNested(w, NFTA_SET_ELEM_EXPR, element.parts[0]!);
  else if (element.parts.length > 1) {
    const list = nest(w, NFTA_SET_ELEM_EXPRESSIONS);
    for (const part of element.parts) writeNested(w, NFTA_LIST_ELEM, part);
    w.endNest(list);
  }
  if (element.objectEntry !== null) w.string(NFTA_SET_ELEM_OBJREF, element.objectEntry.name);
  const flags =
    (element.ends ? NFT_SET_ELEM_INTERVAL_END : 0) | (element.key === null ? NFT_SET_ELEM_CATCHALL : 0);
  if (flags !== 0) putBe32(w, NFTA_SET_ELEM_FLAGS, flags);
  const { timeout, expires } = element;
  if (timeout !== null) {
    if (timeout !== set.description.timeout) putBe64(w, NFTA_SET_ELEM_TIMEOUT, timeout);
    if (timeout > 0) putBe64(w, NFTA_SET_ELEM_EXPIRATION, Math.max(0, Math.round(expires - now)));
  }
  if (element.userData !== null) w.data(NFTA_SET_ELEM_USERDATA, element.userData);
  w.endNest(at);
}

function writeNested(w: NetlinkWriter, type: number, part: ReadExpression): void {
  const at = nest(w, type);
  writeExpression(w, part);
  w.endNest(at);
}
