/** Expressions that look at a packet and what is known of it. */
import {
  AF_INET,
  AF_INET6,
  EINVAL,
  EOPNOTSUPP,
  ERANGE,
  NFT_CT_DST,
  NFT_CT_MARK,
  NFT_CT_PROTO_DST,
  NFT_CT_PROTO_SRC,
  NFT_CT_SRC,
  NFT_EXTHDR_F_PRESENT,
  NFT_EXTHDR_OP_IPV6,
  NFT_EXTHDR_OP_TCPOPT,
  NFT_FIB_RESULT_ADDRTYPE,
  NFT_FIB_RESULT_OIF,
  NFT_FIB_RESULT_OIFNAME,
  NFT_META_IIFNAME,
  NFT_META_IIFTYPE,
  NFT_META_L4PROTO,
  NFT_META_MARK,
  NFT_META_NFPROTO,
  NFT_META_OIFNAME,
  NFT_META_OIFTYPE,
  NFT_META_PKTTYPE,
  NFT_META_PROTOCOL,
  NFT_PAYLOAD_CSUM_INET,
  NFT_PAYLOAD_INNER_HEADER,
  NFT_PAYLOAD_LL_HEADER,
  NFTA_CT_DIRECTION,
  NFTA_CT_DREG,
  NFTA_CT_KEY,
  NFTA_CT_SREG,
  NFTA_EXTHDR_DREG,
  NFTA_EXTHDR_FLAGS,
  NFTA_EXTHDR_LEN,
  NFTA_EXTHDR_OFFSET,
  NFTA_EXTHDR_OP,
  NFTA_EXTHDR_TYPE,
  NFTA_FIB_DREG,
  NFTA_FIB_F_DADDR,
  NFTA_FIB_F_PRESENT,
  NFTA_FIB_F_SADDR,
  NFTA_FIB_FLAGS,
  NFTA_FIB_RESULT,
  NFTA_META_DREG,
  NFTA_META_KEY,
  NFTA_META_SREG,
  NFTA_PAYLOAD_BASE,
  NFTA_PAYLOAD_CSUM_FLAGS,
  NFTA_PAYLOAD_CSUM_OFFSET,
  NFTA_PAYLOAD_CSUM_TYPE,
  NFTA_PAYLOAD_DREG,
  NFTA_PAYLOAD_LEN,
  NFTA_PAYLOAD_OFFSET,
  NFTA_PAYLOAD_SREG,
} from '@sandbox/abi';
import { HOOK_FORWARD, HOOK_INPUT, HOOK_PREROUTING, HOOKS, nft } from '@sandbox/net';
import { type Attributes, be32 } from '../attributes.js';
import type { ExpressionContext, Found, Reader } from './context.js';

const payload: Reader = (a, c) => {
  const base = be32(a, NFTA_PAYLOAD_BASE);
  const offset = be32(a, NFTA_PAYLOAD_OFFSET);
  const length = be32(a, NFTA_PAYLOAD_LEN);
  if (base === undefined || offset === undefined || length === undefined) return -EINVAL;
  if (base > NFT_PAYLOAD_INNER_HEADER) return -EOPNOTSUPP;
  if (offset > 0xffff || length > 255) return -ERANGE;
  if (!a.has(NFTA_PAYLOAD_SREG)) {
    const target = c.registers.write(a, NFTA_PAYLOAD_DREG, length);
    return target < 0 ? target : { expression: new nft.PayloadLoad(target, base, offset, length) };
  }
  if (a.has(NFTA_PAYLOAD_DREG)) return -EINVAL;
  // Link headers of packets under way are written by whoever sends them on.
  if (base === NFT_PAYLOAD_LL_HEADER || base === NFT_PAYLOAD_INNER_HEADER) return -EOPNOTSUPP;
  const type = be32(a, NFTA_PAYLOAD_CSUM_TYPE) ?? 0;
  if (type > NFT_PAYLOAD_CSUM_INET) return -EOPNOTSUPP;
  if ((be32(a, NFTA_PAYLOAD_CSUM_OFFSET) ?? 0) > 0xffff) return -ERANGE;
  const source = c.registers.read(a, NFTA_PAYLOAD_SREG, length);
  if (source < 0) return source;
  const checksum = { type, flags: be32(a, NFTA_PAYLOAD_CSUM_FLAGS) ?? 0 };
  return { expression: new nft.PayloadStore(source, base, offset, length, checksum) };
};

const exthdr: Reader = (a, c) => {
  const offset = be32(a, NFTA_EXTHDR_OFFSET);
  const length = be32(a, NFTA_EXTHDR_LEN);
  const type = a.get(NFTA_EXTHDR_TYPE)?.[0];
  const operation = be32(a, NFTA_EXTHDR_OP) ?? NFT_EXTHDR_OP_IPV6;
  if (offset === undefined || length === undefined || type === undefined) return -EINVAL;
  // To change options is not there.
  if (!a.has(NFTA_EXTHDR_DREG)) return -EOPNOTSUPP;
  if (offset > 255 || length > 255) return -ERANGE;
  const flags = be32(a, NFTA_EXTHDR_FLAGS) ?? 0;
  if ((flags & ~NFT_EXTHDR_F_PRESENT) !== 0) return -EINVAL;
  const target = c.registers.write(a, NFTA_EXTHDR_DREG, length);
  if (target < 0) return target;
  if (operation === NFT_EXTHDR_OP_TCPOPT)
    return { expression: new nft.TcpOptionLoad(target, type, offset, length, flags !== 0) };
  if (operation === NFT_EXTHDR_OP_IPV6)
    return { expression: new nft.ExtensionLoad(target, type, offset, length, flags !== 0) };
  return -EOPNOTSUPP;
};

/** Bytes of what meta loads, where it is not four. */
const META_LENGTHS: ReadonlyMap<number, number> = new Map([
  [NFT_META_PROTOCOL, 2],
  [NFT_META_IIFTYPE, 2],
  [NFT_META_OIFTYPE, 2],
  [NFT_META_NFPROTO, 1],
  [NFT_META_L4PROTO, 1],
  [NFT_META_PKTTYPE, 1],
  [NFT_META_IIFNAME, 16],
  [NFT_META_OIFNAME, 16],
]);

const meta: Reader = (a, c) => {
  const key = be32(a, NFTA_META_KEY);
  if (key === undefined) return -EINVAL;
  if (a.has(NFTA_META_DREG) && a.has(NFTA_META_SREG)) return -EINVAL;
  if (a.has(NFTA_META_SREG)) {
    if (key !== NFT_META_MARK) return -EOPNOTSUPP;
    const source = c.registers.read(a, NFTA_META_SREG, 4);
    return source < 0 ? source : { expression: new nft.MarkStore(source) };
  }
  if (!nft.MetaLoad.knows(key)) return -EOPNOTSUPP;
  const target = c.registers.write(a, NFTA_META_DREG, META_LENGTHS.get(key) ?? 4);
  return target < 0 ? target : { expression: new nft.MetaLoad(target, key, c.stack) };
};

const DIRECTED: ReadonlySet<number> = new Set([NFT_CT_SRC, NFT_CT_DST, NFT_CT_PROTO_SRC, NFT_CT_PROTO_DST]);

const ct: Reader = (a, c) => {
  const key = be32(a, NFTA_CT_KEY);
  if (key === undefined) return -EINVAL;
  if (a.has(NFTA_CT_DREG) && a.has(NFTA_CT_SREG)) return -EINVAL;
  if (a.has(NFTA_CT_SREG)) {
    if (key !== NFT_CT_MARK) return -EOPNOTSUPP;
    const source = c.registers.read(a, NFTA_CT_SREG, 4);
    return source < 0 ? source : { expression: new nft.ConnectionMarkStore(source) };
  }
  if (!nft.ConnectionLoad.knows(key)) return -EOPNOTSUPP;
  const direction = a.get(NFTA_CT_DIRECTION)?.[0];
  if (direction !== undefined && direction > 1) return -EINVAL;
  if (DIRECTED.has(key) && direction === undefined) return -EINVAL;
  if ((key === NFT_CT_SRC || key === NFT_CT_DST) && c.family !== AF_INET && c.family !== AF_INET6)
    return -EINVAL;
  const target = c.registers.write(a, NFTA_CT_DREG, nft.ConnectionLoad.lengthOf(key, c.family));
  if (target < 0) return target;
  return { expression: new nft.ConnectionLoad(target, key, direction === 1, () => c.stack.now()) };
};

const ALL_HOOKS = (1 << HOOKS) - 1;
/** Hooks where there is an interface the packet came in by. */
const INWARD = (1 << HOOK_PREROUTING) | (1 << HOOK_INPUT) | (1 << HOOK_FORWARD);

const fib: Reader = (a, c) => {
  const result = be32(a, NFTA_FIB_RESULT);
  const flags = be32(a, NFTA_FIB_FLAGS);
  if (result === undefined || flags === undefined || flags === 0) return -EINVAL;
  if ((flags & (NFTA_FIB_F_SADDR | NFTA_FIB_F_DADDR)) === (NFTA_FIB_F_SADDR | NFTA_FIB_F_DADDR))
    return -EINVAL;
  if ((flags & (NFTA_FIB_F_SADDR | NFTA_FIB_F_DADDR)) === 0) return -EINVAL;
  // To be judged by mark or by one interface alone is not there.
  if ((flags & ~(NFTA_FIB_F_SADDR | NFTA_FIB_F_DADDR | NFTA_FIB_F_PRESENT)) !== 0) return -EOPNOTSUPP;
  return fibOf(a, c, result, flags);
};

function fibOf(a: Attributes, c: ExpressionContext, result: number, flags: number): Found | number {
  let length = 4;
  let hooks = ALL_HOOKS;
  if (result === NFT_FIB_RESULT_OIFNAME) length = (flags & NFTA_FIB_F_PRESENT) === 0 ? 16 : 4;
  else if (result !== NFT_FIB_RESULT_OIF && result !== NFT_FIB_RESULT_ADDRTYPE) return -EINVAL;
  if (result !== NFT_FIB_RESULT_ADDRTYPE) hooks = INWARD;
  else if ((flags & NFTA_FIB_F_PRESENT) !== 0) return -EINVAL;
  const target = c.registers.write(a, NFTA_FIB_DREG, length);
  if (target < 0) return target;
  return { expression: new nft.FibLoad(c.stack, target, result, flags), hooks };
}

const notrack: Reader = () => ({ expression: nft.NO_TRACK });

export const PACKET: ReadonlyMap<string, Reader> = new Map([
  ['payload', payload],
  ['exthdr', exthdr],
  ['meta', meta],
  ['ct', ct],
  ['fib', fib],
  ['notrack', notrack],
]);
