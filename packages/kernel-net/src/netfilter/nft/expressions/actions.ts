/** Expressions that act on a packet, and what iptables calls matches and targets. */
import {
  AF_INET,
  AF_INET6,
  EAFNOSUPPORT,
  EINVAL,
  EOPNOTSUPP,
  NF_NAT_RANGE_PERSISTENT,
  NF_NAT_RANGE_PROTO_RANDOM,
  NF_NAT_RANGE_PROTO_RANDOM_FULLY,
  NF_NAT_RANGE_PROTO_SPECIFIED,
  NFPROTO_INET,
  NFT_LOGLEVEL_DEBUG,
  NFT_LOGLEVEL_WARNING,
  NFT_NAT_DNAT,
  NFT_NAT_SNAT,
  NFT_REJECT_ICMP_UNREACH,
  NFT_REJECT_ICMPX_ADMIN_PROHIBITED,
  NFT_REJECT_ICMPX_UNREACH,
  NFT_REJECT_TCP_RST,
  NFTA_LOG_FLAGS,
  NFTA_LOG_GROUP,
  NFTA_LOG_LEVEL,
  NFTA_LOG_PREFIX,
  NFTA_MASQ_FLAGS,
  NFTA_MASQ_REG_PROTO_MAX,
  NFTA_MASQ_REG_PROTO_MIN,
  NFTA_MATCH_INFO,
  NFTA_MATCH_NAME,
  NFTA_MATCH_REV,
  NFTA_NAT_FAMILY,
  NFTA_NAT_FLAGS,
  NFTA_NAT_REG_ADDR_MAX,
  NFTA_NAT_REG_ADDR_MIN,
  NFTA_NAT_REG_PROTO_MAX,
  NFTA_NAT_REG_PROTO_MIN,
  NFTA_NAT_TYPE,
  NFTA_REDIR_FLAGS,
  NFTA_REDIR_REG_PROTO_MAX,
  NFTA_REDIR_REG_PROTO_MIN,
  NFTA_REJECT_ICMP_CODE,
  NFTA_REJECT_TYPE,
  NFTA_TARGET_INFO,
  NFTA_TARGET_NAME,
  NFTA_TARGET_REV,
} from '@sandbox/abi';
import {
  HOOK_FORWARD,
  HOOK_INPUT,
  HOOK_OUTPUT,
  HOOK_POSTROUTING,
  HOOK_PREROUTING,
  LogTarget,
  nft,
  ResetTarget,
} from '@sandbox/net';
import { readMatch, readTarget } from '../../extensions.js';
import { type Attributes, be32, text } from '../attributes.js';
import type { ExpressionContext, Found, Reader } from './context.js';

/** Choices of ports by chance are choices. */
const NAT_FLAGS =
  NF_NAT_RANGE_PROTO_RANDOM |
  NF_NAT_RANGE_PROTO_RANDOM_FULLY |
  NF_NAT_RANGE_PERSISTENT |
  NF_NAT_RANGE_PROTO_SPECIFIED;

const SOURCE_HOOKS = (1 << HOOK_POSTROUTING) | (1 << HOOK_INPUT);
const DESTINATION_HOOKS = (1 << HOOK_PREROUTING) | (1 << HOOK_OUTPUT);
const REJECT_HOOKS = (1 << HOOK_INPUT) | (1 << HOOK_FORWARD) | (1 << HOOK_OUTPUT) | (1 << HOOK_PREROUTING);

/** A register that need not be given: null. -errno. */
function maybe(a: Attributes, c: ExpressionContext, type: number, length: number): number | null {
  return a.has(type) ? c.registers.read(a, type, length) : null;
}

const failed = (at: number | null): at is number => at !== null && at < 0;

const nat: Reader = (a, c) => {
  const type = be32(a, NFTA_NAT_TYPE);
  const family = be32(a, NFTA_NAT_FAMILY);
  if (type === undefined || family === undefined) return -EINVAL;
  if (!a.has(NFTA_NAT_REG_ADDR_MIN) && !a.has(NFTA_NAT_REG_PROTO_MIN)) return -EINVAL;
  if (type !== NFT_NAT_SNAT && type !== NFT_NAT_DNAT) return -EOPNOTSUPP;
  if (c.family !== NFPROTO_INET && c.family !== family) return -EOPNOTSUPP;
  const known = family === AF_INET || family === AF_INET6;
  if (!known && a.has(NFTA_NAT_REG_ADDR_MIN)) return -EAFNOSUPPORT;
  if (((be32(a, NFTA_NAT_FLAGS) ?? 0) & ~NAT_FLAGS) !== 0) return -EOPNOTSUPP;
  const length = family === AF_INET ? 4 : 16;
  const lowAddress = maybe(a, c, NFTA_NAT_REG_ADDR_MIN, length);
  const highAddress = maybe(a, c, NFTA_NAT_REG_ADDR_MAX, length);
  const lowPort = maybe(a, c, NFTA_NAT_REG_PROTO_MIN, 2);
  const highPort = maybe(a, c, NFTA_NAT_REG_PROTO_MAX, 2);
  for (const at of [lowAddress, highAddress, lowPort, highPort]) if (failed(at)) return at;
  const source = type === NFT_NAT_SNAT;
  const from = { lowAddress, highAddress, lowPort, highPort };
  return {
    expression: new nft.Nat(c.stack, source, family, from),
    kind: 'nat',
    hooks: source ? SOURCE_HOOKS : DESTINATION_HOOKS,
  };
};

const masq: Reader = (a, c) => {
  if (((be32(a, NFTA_MASQ_FLAGS) ?? 0) & ~NAT_FLAGS) !== 0) return -EINVAL;
  const lowPort = maybe(a, c, NFTA_MASQ_REG_PROTO_MIN, 2);
  const highPort = maybe(a, c, NFTA_MASQ_REG_PROTO_MAX, 2);
  for (const at of [lowPort, highPort]) if (failed(at)) return at;
  const expression = new nft.Masquerade(c.stack, { lowPort, highPort });
  return { expression, kind: 'nat', hooks: 1 << HOOK_POSTROUTING };
};

const redir: Reader = (a, c) => {
  if (((be32(a, NFTA_REDIR_FLAGS) ?? 0) & ~NAT_FLAGS) !== 0) return -EINVAL;
  const lowPort = maybe(a, c, NFTA_REDIR_REG_PROTO_MIN, 2);
  const highPort = maybe(a, c, NFTA_REDIR_REG_PROTO_MAX, 2);
  for (const at of [lowPort, highPort]) if (failed(at)) return at;
  return {
    expression: new nft.Redirect(c.stack, { lowPort, highPort }),
    kind: 'nat',
    hooks: DESTINATION_HOOKS,
  };
};

const reject: Reader = (a, c) => {
  const type = be32(a, NFTA_REJECT_TYPE);
  const code = a.get(NFTA_REJECT_ICMP_CODE)?.[0];
  if (type === undefined) return -EINVAL;
  if (type === NFT_REJECT_TCP_RST)
    return { expression: new nft.TargetAction(new ResetTarget(c.stack)), hooks: REJECT_HOOKS };
  if (code === undefined) return -EINVAL;
  const both = type === NFT_REJECT_ICMPX_UNREACH;
  if (both && code > NFT_REJECT_ICMPX_ADMIN_PROHIBITED) return -EINVAL;
  if (!both && (type !== NFT_REJECT_ICMP_UNREACH || c.family === NFPROTO_INET)) return -EINVAL;
  return { expression: new nft.Reject(c.stack, code, both), hooks: REJECT_HOOKS };
};

const log: Reader = (a, c) => {
  // Nobody takes packets out of the kernel here (NFLOG), nor audits them.
  if (a.has(NFTA_LOG_GROUP)) return a.has(NFTA_LOG_LEVEL) ? -EINVAL : -EOPNOTSUPP;
  const level = be32(a, NFTA_LOG_LEVEL) ?? NFT_LOGLEVEL_WARNING;
  if (level > NFT_LOGLEVEL_DEBUG) return -EOPNOTSUPP;
  const prefix = text(a, NFTA_LOG_PREFIX, 127) ?? '';
  const target = new LogTarget(c.filter, level, prefix, be32(a, NFTA_LOG_FLAGS) ?? 0);
  return { expression: new nft.TargetAction(target) };
};

/**
 * Where an extension of iptables stands. It is not told which of its tables: names of nf_tables' are the
 * user's.
 */
function compat(c: ExpressionContext) {
  return { stack: c.stack, filter: c.filter, family: c.family, table: null };
}

const match: Reader = (a, c) => {
  const name = text(a, NFTA_MATCH_NAME, 31);
  const revision = be32(a, NFTA_MATCH_REV);
  const info = a.get(NFTA_MATCH_INFO);
  if (name === undefined || revision === undefined || info === undefined) return -EINVAL;
  const found = readMatch(name, revision, info.slice(), compat(c));
  return typeof found === 'number' ? found : { expression: new nft.CompatMatch(found) };
};

/** What the base chains of targets that translate must be. */
const TARGETS: ReadonlyMap<string, Pick<Found, 'kind' | 'hooks'>> = new Map([
  ['SNAT', { kind: 'nat', hooks: SOURCE_HOOKS }],
  ['DNAT', { kind: 'nat', hooks: DESTINATION_HOOKS }],
  ['MASQUERADE', { kind: 'nat', hooks: 1 << HOOK_POSTROUTING }],
  ['REDIRECT', { kind: 'nat', hooks: DESTINATION_HOOKS }],
  ['REJECT', { hooks: (1 << HOOK_INPUT) | (1 << HOOK_FORWARD) | (1 << HOOK_OUTPUT) }],
]);

const target: Reader = (a, c) => {
  const name = text(a, NFTA_TARGET_NAME, 31);
  const revision = be32(a, NFTA_TARGET_REV);
  const info = a.get(NFTA_TARGET_INFO);
  if (name === undefined || revision === undefined || info === undefined) return -EINVAL;
  const found = readTarget(name, revision, info.slice(), compat(c));
  if (typeof found === 'number') return found;
  return { expression: new nft.TargetAction(found), ...TARGETS.get(name) };
};

export const ACTIONS: ReadonlyMap<string, Reader> = new Map([
  ['nat', nat],
  ['masq', masq],
  ['redir', redir],
  ['reject', reject],
  ['log', log],
  ['match', match],
  ['target', target],
]);
