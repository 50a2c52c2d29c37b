import {
  AF_INET,
  AF_INET6,
  EAFNOSUPPORT,
  EINVAL,
  ENODEV,
  ESRCH,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  RT_SCOPE_HOST,
  RT_SCOPE_LINK,
  RT_SCOPE_NOWHERE,
  RT_TABLE_COMPAT,
  RT_TABLE_MAIN,
  RTA_CACHEINFO,
  RTA_DST,
  RTA_GATEWAY,
  RTA_IIF,
  RTA_MARK,
  RTA_METRICS,
  RTA_OIF,
  RTA_PREF,
  RTA_PREFSRC,
  RTA_PRIORITY,
  RTA_SRC,
  RTA_TABLE,
  RTA_UID,
  RTAX_MTU,
  RTCF_LOCAL,
  RTM_F_CLONED,
  RTM_F_FIB_MATCH,
  RTM_F_LOOKUP_TABLE,
  RTM_NEWROUTE,
  RTMSG,
  RTN_LOCAL,
  RTN_UNICAST,
  RTNH_F_LINKDOWN,
} from '@sandbox/abi';
import {
  addressOf,
  type IpAddress,
  makeRoute,
  type NetlinkWriter,
  parseAttributes,
  type Route,
  RouteQuery,
  u32At,
  u32Of,
} from '@sandbox/net';
import type { Network } from '../network.js';
import type { NetlinkReply, NetlinkRequest } from './domain.js';
import { anyOf, wantsFamily } from './families.js';

/** struct rta_cacheinfo. */
const CACHEINFO_SIZE = 32;

/** struct rtmsg and attributes. */
export function writeRoute(w: NetlinkWriter, route: Route): void {
  const at = w.header(RTMSG.SIZE);
  const { isV4 } = route.destination;
  w.set8(at, isV4 ? AF_INET : AF_INET6);
  w.set8(at + RTMSG.rtm_dst_len, route.prefixLength);
  w.set8(at + RTMSG.rtm_tos, route.tos);
  w.set8(at + RTMSG.rtm_table, route.table > 255 ? RT_TABLE_COMPAT : route.table);
  w.set8(at + RTMSG.rtm_protocol, route.protocol);
  w.set8(at + RTMSG.rtm_scope, route.scope);
  w.set8(at + RTMSG.rtm_type, route.type);
  w.set32(at + RTMSG.rtm_flags, route.flags);
  w.u32(RTA_TABLE, route.table);
  if (route.prefixLength > 0) w.address(RTA_DST, route.destination);
  if (route.metric !== 0 || !route.destination.isV4) w.u32(RTA_PRIORITY, route.metric);
  writeMetrics(w, route.mtu);
  if (route.source !== null) w.address(RTA_PREFSRC, route.source);
  if (route.gateway !== null) w.address(RTA_GATEWAY, route.gateway);
  if (route.ifindex !== 0) w.u32(RTA_OIF, route.ifindex);
  if (!isV4) {
    w.attribute(RTA_CACHEINFO, CACHEINFO_SIZE);
    w.u8(RTA_PREF, 0);
  }
}

function writeMetrics(w: NetlinkWriter, mtu: number): void {
  if (mtu === 0) return;
  const nest = w.nest(RTA_METRICS);
  w.u32(RTAX_MTU, mtu);
  w.endNest(nest);
}

/** RTM_GETROUTE: the tables, or the way to one destination. */
export function getRoute(network: Network, request: NetlinkRequest, reply: NetlinkReply): number {
  if ((request.flags & NLM_F_DUMP) !== 0) return dump(network, request, reply);
  const { payload } = request;
  if (payload.length < RTMSG.SIZE) return -EINVAL;
  const family = payload[0]!;
  if (family !== AF_INET && family !== AF_INET6) return -EAFNOSUPPORT;
  const attributes = parseAttributes(payload, RTMSG.SIZE);
  const destination = addressOf(attributes, RTA_DST, family) ?? anyOf(family);
  const source = addressOf(attributes, RTA_SRC, family);
  const { stack } = network;
  const oif = u32Of(attributes, RTA_OIF);
  const mark = u32Of(attributes, RTA_MARK);
  if (oif !== 0 && stack.interfaceByIndex(oif) === undefined) return -ENODEV;
  const iif = u32Of(attributes, RTA_IIF);
  if (iif !== 0 && stack.interfaceByIndex(iif) === undefined) return -ENODEV;
  const query = new RouteQuery().reset(source, oif, mark, payload[RTMSG.rtm_tos]!);
  query.iif = iif;
  const route = stack.routesFor(destination).lookup(destination, query);
  if (typeof route === 'number') return route;
  const path = stack.resolve(destination, source, oif, mark, payload[RTMSG.rtm_tos]!, iif);
  if (typeof path === 'number') return path;
  const flags = u32At(payload, RTMSG.rtm_flags);
  const w = reply.begin(RTM_NEWROUTE);
  if ((flags & RTM_F_FIB_MATCH) !== 0) writeRoute(w, route);
  else writePath(w, route, { ...path, source: source ?? path.source }, destination, flags);
  reply.end();
  return 0;
}

/** A route as it is taken for one destination: `ip route get`. */
function writePath(
  w: NetlinkWriter,
  route: Route,
  path: { readonly source: IpAddress; readonly iface: { readonly index: number } },
  destination: IpAddress,
  flags: number,
): void {
  const at = w.header(RTMSG.SIZE);
  const { isV4 } = destination;
  w.set8(at, isV4 ? AF_INET : AF_INET6);
  w.set8(at + RTMSG.rtm_dst_len, destination.bits);
  // Asked for the table, Linux names it for all routes but local ones.
  const named = !isV4 || ((flags & RTM_F_LOOKUP_TABLE) !== 0 && route.type !== RTN_LOCAL);
  const table = named ? route.table : RT_TABLE_MAIN;
  w.set8(at + RTMSG.rtm_table, table);
  w.set8(at + RTMSG.rtm_protocol, isV4 ? 0 : route.protocol);
  w.set8(at + RTMSG.rtm_type, route.type);
  w.set32(at + RTMSG.rtm_flags, isV4 ? RTM_F_CLONED | (route.type === RTN_LOCAL ? RTCF_LOCAL : 0) : 0);
  w.u32(RTA_TABLE, table);
  w.address(RTA_DST, destination);
  w.u32(RTA_OIF, path.iface.index);
  w.address(RTA_PREFSRC, path.source);
  if (route.gateway !== null) w.address(RTA_GATEWAY, route.gateway);
  if (!isV4) w.u32(RTA_PRIORITY, route.metric);
  if (isV4) w.u32(RTA_UID, 0);
  w.attribute(RTA_CACHEINFO, CACHEINFO_SIZE);
  if (!isV4) w.u8(RTA_PREF, 0);
  writeMetrics(w, route.mtu);
}

function dump(network: Network, request: NetlinkRequest, reply: NetlinkReply): number {
  const { payload } = request;
  const asked = payload[0] ?? 0;
  const attributes =
    payload.length >= RTMSG.SIZE ? parseAttributes(payload, RTMSG.SIZE) : new Map<number, Uint8Array>();
  const table = u32Of(attributes, RTA_TABLE, payload.length >= RTMSG.SIZE ? payload[RTMSG.rtm_table]! : 0);
  const oif = u32Of(attributes, RTA_OIF);
  reply.dump();
  const { stack } = network;
  for (const [family, routes] of [
    [AF_INET, stack.routes4],
    [AF_INET6, stack.routes6],
  ] as const) {
    if (!wantsFamily(asked, family)) continue;
    for (const route of inDumpOrder(routes.all())) {
      if (table !== 0 && route.table !== table) continue;
      if (oif !== 0 && route.ifindex !== oif) continue;
      writeRoute(reply.begin(RTM_NEWROUTE), route);
      reply.end();
    }
  }
  return 0;
}

/** As Linux walks its tables: by table, then by destination, of one destination the more specific first. */
export function inDumpOrder(routes: Iterable<Route>): Route[] {
  return [...routes].sort(
    (a, b) =>
      a.table - b.table ||
      compare(a.destination, b.destination) ||
      b.prefixLength - a.prefixLength ||
      a.metric - b.metric,
  );
}

function compare(a: IpAddress, b: IpAddress): number {
  return a.w0 - b.w0 || a.w1 - b.w1 || a.w2 - b.w2 || a.w3 - b.w3;
}

/** The route a request describes; -errno when it makes no sense. */
function read(network: Network, request: NetlinkRequest): Route | number {
  const { payload } = request;
  if (payload.length < RTMSG.SIZE) return -EINVAL;
  const family = payload[0]!;
  if (family !== AF_INET && family !== AF_INET6) return -EAFNOSUPPORT;
  const attributes = parseAttributes(payload, RTMSG.SIZE);
  const destination = addressOf(attributes, RTA_DST, family) ?? anyOf(family);
  const prefixLength = payload[RTMSG.rtm_dst_len]!;
  if (prefixLength > destination.bits) return -EINVAL;
  const gateway = addressOf(attributes, RTA_GATEWAY, family);
  const type = payload[RTMSG.rtm_type] || RTN_UNICAST;
  let ifindex = u32Of(attributes, RTA_OIF);
  const { stack } = network;
  if (ifindex !== 0 && stack.interfaceByIndex(ifindex) === undefined) return -ENODEV;
  if (ifindex === 0 && gateway !== null) {
    const path = stack.resolve(gateway, null);
    if (typeof path === 'number') return path;
    ifindex = path.iface.index;
  }
  if (ifindex === 0 && (type === RTN_UNICAST || type === RTN_LOCAL)) return -ENODEV;
  const metrics = attributes.get(RTA_METRICS);
  const metric = u32Of(attributes, RTA_PRIORITY, family === AF_INET ? 0 : 1024);
  return makeRoute({
    destination,
    prefixLength,
    gateway,
    ifindex,
    source: addressOf(attributes, RTA_PREFSRC, family),
    metric: metric === 0 && family === AF_INET6 ? 1024 : metric,
    type,
    scope: payload[RTMSG.rtm_scope]!,
    protocol: payload[RTMSG.rtm_protocol]!,
    table: u32Of(attributes, RTA_TABLE, payload[RTMSG.rtm_table] || RT_TABLE_MAIN),
    tos: payload[RTMSG.rtm_tos]!,
    mtu: metrics === undefined ? 0 : u32Of(parseAttributes(metrics, 0), RTAX_MTU),
    flags: u32At(payload, RTMSG.rtm_flags) & ~RTNH_F_LINKDOWN,
  });
}

/** RTM_NEWROUTE */
export function newRoute(network: Network, request: NetlinkRequest, reply: NetlinkReply): number {
  const route = read(network, request);
  if (typeof route === 'number') return route;
  const routes = network.stack.routesFor(route.destination);
  const r = routes.check(route);
  if (r < 0) return r;
  if (route.gateway !== null && route.scope >= RT_SCOPE_LINK && route.destination.isV4)
    return reply.refuse(EINVAL, 'Nexthop has invalid scope');
  const { flags } = request;
  if ((flags & NLM_F_REPLACE) !== 0)
    return routes.add(route, (flags & NLM_F_CREATE) !== 0 ? 'replace' : 'change');
  if ((flags & NLM_F_EXCL) !== 0) return routes.add(route, 'exclusive');
  return routes.add(route, (flags & NLM_F_APPEND) !== 0 ? 'append' : 'exclusive');
}

/** RTM_DELROUTE: the first route that fits everything the request tells of it. */
export function deleteRoute(network: Network, request: NetlinkRequest): number {
  const { payload } = request;
  if (payload.length < RTMSG.SIZE) return -EINVAL;
  const family = payload[0]!;
  if (family !== AF_INET && family !== AF_INET6) return -EAFNOSUPPORT;
  const attributes = parseAttributes(payload, RTMSG.SIZE);
  const destination = addressOf(attributes, RTA_DST, family) ?? anyOf(family);
  const prefixLength = payload[RTMSG.rtm_dst_len]!;
  const gateway = addressOf(attributes, RTA_GATEWAY, family);
  const ifindex = u32Of(attributes, RTA_OIF);
  const metric = attributes.has(RTA_PRIORITY) ? u32Of(attributes, RTA_PRIORITY) : -1;
  const table = u32Of(attributes, RTA_TABLE, payload[RTMSG.rtm_table] || RT_TABLE_MAIN);
  const type = payload[RTMSG.rtm_type]!;
  const scope = payload[RTMSG.rtm_scope]!;
  const protocol = payload[RTMSG.rtm_protocol]!;
  const routes = network.stack.routesFor(destination);
  for (const route of routes.all()) {
    const fits =
      route.table === table &&
      route.prefixLength === prefixLength &&
      route.destination.equals(destination) &&
      (type === 0 || route.type === type) &&
      (family === AF_INET6 || scope === RT_SCOPE_NOWHERE || route.scope === scope || scope > RT_SCOPE_HOST) &&
      (protocol === 0 || route.protocol === protocol) &&
      (ifindex === 0 || route.ifindex === ifindex) &&
      (metric < 0 || route.metric === metric) &&
      (gateway === null || route.gateway?.equals(gateway) === true);
    if (fits) return routes.remove(route);
  }
  return -ESRCH;
}
