import {
  AF_INET,
  AF_INET6,
  EAFNOSUPPORT,
  EEXIST,
  EINVAL,
  ENOENT,
  FIB_RULE_INVERT,
  FRA_DST,
  FRA_FWMARK,
  FRA_FWMASK,
  FRA_IIFNAME,
  FRA_OIFNAME,
  FRA_PRIORITY,
  FRA_PROTOCOL,
  FRA_SRC,
  FRA_SUPPRESS_PREFIXLEN,
  FRA_TABLE,
  NLM_F_EXCL,
  RT_TABLE_COMPAT,
  RTM_NEWRULE,
  RTMSG,
  RTPROT_KERNEL,
} from '@sandbox/abi';
import {
  addressOf,
  type NetlinkWriter,
  parseAttributes,
  type Routes,
  RULE_TABLE,
  type Rule,
  stringOf,
  u32At,
  u32Of,
} from '@sandbox/net';
import type { Network } from '../network.js';
import type { NetlinkReply, NetlinkRequest } from './domain.js';
import { wantsFamily } from './families.js';

/** What the default rule for the main table has: later rules go in front of it. */
const MAIN_PRIORITY = 32766;

function writeRule(w: NetlinkWriter, rule: Rule, family: number): void {
  const at = w.header(RTMSG.SIZE);
  w.set8(at, family);
  w.set8(at + RTMSG.rtm_dst_len, rule.destinationLength);
  w.set8(at + RTMSG.rtm_src_len, rule.sourceLength);
  w.set8(at + RTMSG.rtm_tos, rule.tos);
  w.set8(at + RTMSG.rtm_table, rule.table > 255 ? RT_TABLE_COMPAT : rule.table);
  w.set8(at + RTMSG.rtm_type, rule.action);
  w.set32(at + RTMSG.rtm_flags, rule.invert ? FIB_RULE_INVERT : 0);
  w.u32(FRA_TABLE, rule.table);
  w.u32(FRA_SUPPRESS_PREFIXLEN, 0xffffffff);
  w.u8(FRA_PROTOCOL, RTPROT_KERNEL);
  if (rule.priority !== 0) w.u32(FRA_PRIORITY, rule.priority);
  if (rule.iif !== '') w.string(FRA_IIFNAME, rule.iif);
  if (rule.oif !== '') w.string(FRA_OIFNAME, rule.oif);
  if (rule.markMask !== 0) {
    w.u32(FRA_FWMARK, rule.mark);
    w.u32(FRA_FWMASK, rule.markMask);
  }
  if (rule.destination !== null) w.address(FRA_DST, rule.destination);
  if (rule.source !== null) w.address(FRA_SRC, rule.source);
}

/** RTM_GETRULE */
export function dumpRules(network: Network, request: NetlinkRequest, reply: NetlinkReply): number {
  const asked = request.payload[0] ?? 0;
  reply.dump();
  for (const [family, routes] of [
    [AF_INET, network.stack.routes4],
    [AF_INET6, network.stack.routes6],
  ] as const) {
    if (!wantsFamily(asked, family)) continue;
    for (const rule of routes.rules) {
      writeRule(reply.begin(RTM_NEWRULE), rule, family);
      reply.end();
    }
  }
  return 0;
}

function routesOf(network: Network, family: number): Routes {
  return family === AF_INET ? network.stack.routes4 : network.stack.routes6;
}

function read(request: NetlinkRequest, attributes: Map<number, Uint8Array>): Rule | number {
  const { payload } = request;
  const family = payload[0]!;
  const sourceLength = payload[RTMSG.rtm_src_len]!;
  const destinationLength = payload[RTMSG.rtm_dst_len]!;
  const source = addressOf(attributes, FRA_SRC, family);
  const destination = addressOf(attributes, FRA_DST, family);
  if ((sourceLength > 0 && source === null) || (destinationLength > 0 && destination === null))
    return -EINVAL;
  const mark = u32Of(attributes, FRA_FWMARK);
  return {
    priority: u32Of(attributes, FRA_PRIORITY),
    action: payload[RTMSG.rtm_type] || RULE_TABLE,
    table: u32Of(attributes, FRA_TABLE, payload[RTMSG.rtm_table]!),
    source,
    sourceLength,
    destination,
    destinationLength,
    iif: stringOf(attributes, FRA_IIFNAME) ?? '',
    oif: stringOf(attributes, FRA_OIFNAME) ?? '',
    mark,
    markMask: u32Of(attributes, FRA_FWMASK, mark !== 0 ? 0xffffffff : 0),
    tos: payload[RTMSG.rtm_tos]!,
    invert: (u32At(payload, RTMSG.rtm_flags) & FIB_RULE_INVERT) !== 0,
  };
}

/** RTM_NEWRULE */
export function newRule(network: Network, request: NetlinkRequest): number {
  const { payload } = request;
  if (payload.length < RTMSG.SIZE) return -EINVAL;
  if (payload[0] !== AF_INET && payload[0] !== AF_INET6) return -EAFNOSUPPORT;
  const attributes = parseAttributes(payload, RTMSG.SIZE);
  const rule = read(request, attributes);
  if (typeof rule === 'number') return rule;
  const routes = routesOf(network, payload[0]);
  if ((request.flags & NLM_F_EXCL) !== 0 && routes.rules.some((other) => sameRule(other, rule, true)))
    return -EEXIST;
  if (attributes.has(FRA_PRIORITY)) return routes.addRule(rule);
  // Without a priority it goes in front of those there are, but behind the first.
  const next = routes.rules.find((other) => other.priority > 0)?.priority ?? MAIN_PRIORITY;
  return routes.addRule({ ...rule, priority: Math.max(1, next - 1) });
}

/** RTM_DELRULE */
export function deleteRule(network: Network, request: NetlinkRequest): number {
  const { payload } = request;
  if (payload.length < RTMSG.SIZE) return -EINVAL;
  if (payload[0] !== AF_INET && payload[0] !== AF_INET6) return -EAFNOSUPPORT;
  const attributes = parseAttributes(payload, RTMSG.SIZE);
  const rule = read(request, attributes);
  if (typeof rule === 'number') return rule;
  const routes = routesOf(network, payload[0]);
  const given = attributes.has(FRA_PRIORITY);
  const found = routes.rules.find((other) => sameRule(other, rule, given));
  return found === undefined ? -ENOENT : routes.removeRule(found);
}

function sameRule(a: Rule, b: Rule, withPriority: boolean): boolean {
  const same = (x: Rule['source'], y: Rule['source']): boolean =>
    x === null || y === null ? x === y : x.equals(y);
  return (
    (!withPriority || a.priority === b.priority) &&
    (b.table === 0 || a.table === b.table) &&
    a.action === b.action &&
    a.sourceLength === b.sourceLength &&
    a.destinationLength === b.destinationLength &&
    same(a.source, b.source) &&
    same(a.destination, b.destination) &&
    a.mark === b.mark &&
    a.iif === b.iif &&
    a.oif === b.oif &&
    a.tos === b.tos
  );
}
