import {
  EINVAL,
  ENOENT,
  EOPNOTSUPP,
  NFT_BREAK,
  NFT_CONTINUE,
  NFT_DATA_VALUE_MAXLEN,
  NFT_GOTO,
  NFT_JUMP,
  NFT_RETURN,
  NFTA_DATA_VALUE,
  NFTA_DATA_VERDICT,
  NFTA_VERDICT_CHAIN,
  NFTA_VERDICT_CHAIN_ID,
  NFTA_VERDICT_CODE,
} from '@sandbox/abi';
import { ACCEPT, DROP, type NetlinkWriter, parseAttributes } from '@sandbox/net';
import { be32, nest, putBe32, text } from './attributes.js';
import type { ExpressionContext } from './expressions/context.js';
import type { Chain } from './objects.js';

/** A decision, and the chain it leads to. */
export interface VerdictValue {
  readonly code: number;
  readonly chain: Chain | null;
}

/** Bytes of an attribute that is a value (NFTA_DATA_VALUE). null: it is none, empty or too long. */
export function readValue(bytes: Uint8Array | undefined): Uint8Array | null {
  if (bytes === undefined) return null;
  const value = parseAttributes(bytes, 0).get(NFTA_DATA_VALUE);
  if (value === undefined || value.length === 0 || value.length > NFT_DATA_VALUE_MAXLEN) return null;
  return value.slice();
}

/** A value, filled up to or compared with a length that is known: -EINVAL when it is another. */
export function readValueOf(bytes: Uint8Array | undefined, length: number): Uint8Array | number {
  const value = readValue(bytes);
  return value === null || value.length !== length ? -EINVAL : value;
}

export function isVerdict(bytes: Uint8Array): boolean {
  return parseAttributes(bytes, 0).has(NFTA_DATA_VERDICT);
}

/** -EINVAL; -ENOENT: no such chain; -EOPNOTSUPP: nobody jumps to a chain at a hook. */
export function readVerdict(bytes: Uint8Array, context: ExpressionContext): VerdictValue | number {
  const inside = parseAttributes(bytes, 0).get(NFTA_DATA_VERDICT);
  if (inside === undefined) return -EINVAL;
  const attributes = parseAttributes(inside, 0);
  const raw = be32(attributes, NFTA_VERDICT_CODE);
  if (raw === undefined) return -EINVAL;
  const code = raw | 0;
  switch (code) {
    case DROP:
    case ACCEPT:
    case NFT_CONTINUE:
    case NFT_BREAK:
    case NFT_RETURN:
      return { code, chain: null };
    case NFT_JUMP:
    case NFT_GOTO: {
      const name = text(attributes, NFTA_VERDICT_CHAIN);
      const id = be32(attributes, NFTA_VERDICT_CHAIN_ID);
      if (name === undefined && id === undefined) return -EINVAL;
      const chain = context.chain(name, id);
      if (chain === null) return -ENOENT;
      return chain.hooked === null ? { code, chain } : -EOPNOTSUPP;
    }
    default:
      return -EINVAL;
  }
}

export function writeVerdict(w: NetlinkWriter, type: number, { code, chain }: VerdictValue): void {
  const outer = nest(w, type);
  const inner = nest(w, NFTA_DATA_VERDICT);
  putBe32(w, NFTA_VERDICT_CODE, code);
  if (chain !== null) w.string(NFTA_VERDICT_CHAIN, chain.name);
  w.endNest(inner);
  w.endNest(outer);
}

export function writeValue(w: NetlinkWriter, type: number, value: Uint8Array): void {
  const at = nest(w, type);
  w.data(NFTA_DATA_VALUE, value);
  w.endNest(at);
}
