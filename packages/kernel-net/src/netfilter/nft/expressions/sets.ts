/** Expressions that look into sets, change them, or use named objects. */
import {
  EBUSY,
  EINVAL,
  ENOENT,
  EOPNOTSUPP,
  NFT_DATA_VERDICT,
  NFT_DYNSET_F_EXPR,
  NFT_DYNSET_F_INV,
  NFT_DYNSET_OP_ADD,
  NFT_DYNSET_OP_DELETE,
  NFT_DYNSET_OP_UPDATE,
  NFT_LOOKUP_F_INV,
  NFT_SET_ANONYMOUS,
  NFT_SET_CONSTANT,
  NFT_SET_EVAL,
  NFT_SET_INTERVAL,
  NFT_SET_MAP,
  NFT_SET_OBJECT,
  NFT_SET_TIMEOUT,
  NFTA_DYNSET_EXPR,
  NFTA_DYNSET_EXPRESSIONS,
  NFTA_DYNSET_FLAGS,
  NFTA_DYNSET_OP,
  NFTA_DYNSET_SET_ID,
  NFTA_DYNSET_SET_NAME,
  NFTA_DYNSET_SREG_DATA,
  NFTA_DYNSET_SREG_KEY,
  NFTA_DYNSET_TIMEOUT,
  NFTA_LOOKUP_DREG,
  NFTA_LOOKUP_FLAGS,
  NFTA_LOOKUP_SET,
  NFTA_LOOKUP_SET_ID,
  NFTA_LOOKUP_SREG,
  NFTA_OBJREF_IMM_NAME,
  NFTA_OBJREF_IMM_TYPE,
  NFTA_OBJREF_SET_ID,
  NFTA_OBJREF_SET_NAME,
  NFTA_OBJREF_SET_SREG,
} from '@sandbox/abi';
import { type NetlinkWriter, nft } from '@sandbox/net';
import { type Attributes, be32, be64, listOf, text } from '../attributes.js';
import type { Element, SetEntry } from '../objects.js';
import type { ExpressionContext, Reader } from './context.js';

/** Attributes as they came in, with the set's real name and without its number. */
function withName(a: Attributes, name: number, id: number, set: SetEntry): (w: NetlinkWriter) => void {
  const kept = [...a].filter(([type]) => type !== name && type !== id);
  const copies = kept.map(([type, bytes]) => [type, bytes.slice()] as const);
  return (w) => {
    w.string(name, set.name);
    for (const [type, bytes] of copies) w.data(type, bytes);
  };
}

function setOf(a: Attributes, c: ExpressionContext, name: number, id: number): SetEntry | number {
  const asked = text(a, name);
  if (asked === undefined) return -EINVAL;
  const set = c.set(asked, be32(a, id));
  if (set === null) return -ENOENT;
  // A set without a name belongs to one rule.
  return (set.description.flags & NFT_SET_ANONYMOUS) !== 0 && set.use > 0 ? -EBUSY : set;
}

const lookup: Reader = (a, c) => {
  const set = setOf(a, c, NFTA_LOOKUP_SET, NFTA_LOOKUP_SET_ID);
  if (typeof set === 'number') return set;
  const { flags, keyLength, dataType, dataLength } = set.description;
  const source = c.registers.read(a, NFTA_LOOKUP_SREG, keyLength);
  if (source < 0) return source;
  const invert = ((be32(a, NFTA_LOOKUP_FLAGS) ?? 0) & NFT_LOOKUP_F_INV) !== 0;
  let target: number | null = null;
  if (a.has(NFTA_LOOKUP_DREG)) {
    if (invert || (flags & NFT_SET_MAP) === 0) return -EINVAL;
    if (dataType === NFT_DATA_VERDICT) {
      if (be32(a, NFTA_LOOKUP_DREG) !== 0) return -EINVAL;
      target = nft.VERDICT_REGISTER;
    } else {
      target = c.registers.write(a, NFTA_LOOKUP_DREG, dataLength);
      if (target < 0) return target;
    }
  } else if ((flags & NFT_SET_MAP) !== 0 && (flags & NFT_SET_ANONYMOUS) !== 0) return -EINVAL;
  return {
    expression: new nft.Lookup(set.set, source, target, invert),
    uses: [set],
    set,
    dump: withName(a, NFTA_LOOKUP_SET, NFTA_LOOKUP_SET_ID, set),
  };
};

const OPERATIONS = new Map([
  [NFT_DYNSET_OP_ADD, 'add'],
  [NFT_DYNSET_OP_UPDATE, 'update'],
  [NFT_DYNSET_OP_DELETE, 'delete'],
] as const);

/** What each element a rule adds shall count by; -errno. */
function elementExpressions(a: Attributes, c: ExpressionContext, set: SetEntry): Uint8Array[] | number {
  const one = a.get(NFTA_DYNSET_EXPR);
  const several = a.get(NFTA_DYNSET_EXPRESSIONS);
  const asked = several !== undefined ? listOf(several) : one !== undefined ? [one] : null;
  const chosen = asked ?? [...set.description.expressions];
  for (const bytes of chosen) {
    const found = c.read(bytes);
    if (typeof found === 'number') return found;
    if (!STATEFUL_NAMES.has(found.name)) return -EOPNOTSUPP;
  }
  return chosen.map((bytes) => bytes.slice());
}

const STATEFUL_NAMES: ReadonlySet<string> = new Set(['counter', 'limit', 'quota', 'last']);

/** An element with a key only. */
const BARE: Omit<Element, 'key' | 'expires'> = {
  keyEnd: null,
  ends: false,
  data: null,
  verdict: null,
  object: null,
  expressions: [],
  userData: null,
  timeout: null,
  objectEntry: null,
  parts: [],
  uses: [],
};

const dynset: Reader = (a, c) => {
  const set = setOf(a, c, NFTA_DYNSET_SET_NAME, NFTA_DYNSET_SET_ID);
  if (typeof set === 'number') return set;
  const { description } = set;
  const flags = be32(a, NFTA_DYNSET_FLAGS) ?? 0;
  if ((flags & ~(NFT_DYNSET_F_INV | NFT_DYNSET_F_EXPR)) !== 0) return -EOPNOTSUPP;
  if ((description.flags & (NFT_SET_EVAL | NFT_SET_CONSTANT | NFT_SET_INTERVAL)) !== NFT_SET_EVAL)
    return (description.flags & NFT_SET_CONSTANT) !== 0 ? -EBUSY : -EOPNOTSUPP;
  const operation = OPERATIONS.get(be32(a, NFTA_DYNSET_OP) as never);
  if (operation === undefined) return -EOPNOTSUPP;
  const asked = be64(a, NFTA_DYNSET_TIMEOUT);
  if (asked !== undefined && (description.flags & NFT_SET_TIMEOUT) === 0) return -EOPNOTSUPP;
  const key = c.registers.read(a, NFTA_DYNSET_SREG_KEY, description.keyLength);
  if (key < 0) return key;
  let data: { register: number; length: number } | null = null;
  if (a.has(NFTA_DYNSET_SREG_DATA)) {
    if ((description.flags & NFT_SET_MAP) === 0 || description.dataType === NFT_DATA_VERDICT)
      return -EOPNOTSUPP;
    const register = c.registers.read(a, NFTA_DYNSET_SREG_DATA, description.dataLength);
    if (register < 0) return register;
    data = { register, length: description.dataLength };
  } else if ((description.flags & NFT_SET_MAP) !== 0) return -EINVAL;
  // Who lets packets fill a set without saying how far is given a limit.
  if (set.set.most === 0) set.set.most = 0xffff;
  const counted = elementExpressions(a, c, set);
  if (typeof counted === 'number') return counted;
  return {
    expression: new nft.SetUpdate(
      set.set,
      operation,
      key,
      data,
      (flags & NFT_DYNSET_F_INV) !== 0,
      asked || description.timeout,
      () => c.stack.now(),
      (bytes, value, expires): Element => {
        const parts = counted.map((part) => c.read(part)).filter((part) => typeof part !== 'number');
        const timed = (description.flags & NFT_SET_TIMEOUT) !== 0;
        return {
          ...BARE,
          key: bytes,
          data: value,
          parts,
          expressions: parts.map(({ expression }) => expression),
          timeout: timed ? asked || description.timeout : null,
          expires,
        };
      },
    ),
    uses: [set],
    set,
    dump: withName(a, NFTA_DYNSET_SET_NAME, NFTA_DYNSET_SET_ID, set),
  };
};

const objref: Reader = (a, c) => {
  if (a.has(NFTA_OBJREF_SET_SREG)) {
    const set = setOf(a, c, NFTA_OBJREF_SET_NAME, NFTA_OBJREF_SET_ID);
    if (typeof set === 'number') return set;
    if ((set.description.flags & NFT_SET_OBJECT) === 0) return -EINVAL;
    const source = c.registers.read(a, NFTA_OBJREF_SET_SREG, set.description.keyLength);
    if (source < 0) return source;
    return {
      expression: new nft.ObjectLookup(set.set, source),
      uses: [set],
      set,
      dump: withName(a, NFTA_OBJREF_SET_NAME, NFTA_OBJREF_SET_ID, set),
    };
  }
  const name = text(a, NFTA_OBJREF_IMM_NAME);
  const type = be32(a, NFTA_OBJREF_IMM_TYPE);
  if (name === undefined || type === undefined) return -EINVAL;
  const object = c.object(type, name);
  if (object === null) return -ENOENT;
  return { expression: object.state.expression, uses: [object] };
};

export const SETS: ReadonlyMap<string, Reader> = new Map([
  ['lookup', lookup],
  ['dynset', dynset],
  ['objref', objref],
]);
