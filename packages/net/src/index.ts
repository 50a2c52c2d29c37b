/** Wire formats, protocols, sockets and links: see README.md. */
export { IpAddress, parseCidr, SocketAddress } from './core/address.js';
export { type ByteSink, type ByteSource, BytesSink, BytesSource } from './core/bytes.js';
export type { Connection, Tuple } from './core/connection.js';
export type { StackHost } from './core/host.js';
export { allocatePacket, Packet, packetFrom } from './core/packet.js';
export { Timer, type TimerOwner, Timers } from './core/timers.js';
export { VirtualHost } from './core/virtual-host.js';
export { StackError } from './embed/errors.js';
export { type ConnectionTaker, StackServer } from './embed/server.js';
export { connect, StackSocket } from './embed/socket.js';
export {
  Conntrack,
  CT_ESTABLISHED,
  CT_INVALID,
  CT_NEW,
  CT_RELATED,
  CT_UNTRACKED,
} from './filter/conntrack.js';
export { Flow } from './filter/flow.js';
export {
  AddressTypeMatch,
  COMMENT_MATCH,
  ConnectionMarkMatch,
  IcmpMatch,
  type IdRange,
  LimitMatch,
  MarkMatch,
  MultiportMatch,
  OwnerMatch,
  type PortRange,
  STATE_DESTINATION_CHANGED,
  STATE_SOURCE_CHANGED,
  STATE_UNTRACKED,
  StateMatch,
  TcpMatch,
  UdpMatch,
} from './filter/matches.js';
export {
  type HookedRules,
  type HookKind,
  Netfilter,
  PRIORITY_DNAT,
  PRIORITY_SNAT,
} from './filter/netfilter.js';
export * as nft from './filter/nft/index.js';
export {
  ACCEPT,
  CONTINUE,
  DROP,
  type FilterRule,
  HOOK_FORWARD,
  HOOK_INPUT,
  HOOK_OUTPUT,
  HOOK_POSTROUTING,
  HOOK_PREROUTING,
  HOOKS,
  type Match,
  type NamePattern,
  RETURN,
  RuleTable,
  type Selector,
  type Target,
  type Visit,
} from './filter/rules.js';
export {
  ConnectionMarkTarget,
  LogTarget,
  MarkTarget,
  MasqueradeTarget,
  NatTarget,
  NO_TRACK_TARGET,
  RedirectTarget,
  RejectTarget,
  ResetTarget,
} from './filter/targets.js';
export type { NatRange } from './filter/translate.js';
export { HostNetwork, type JoinOptions, joinHostNetwork, type WrapLink } from './host/join.host.js';
export { RealHost } from './host/real.host.js';
export type { NewAddress } from './ip/addresses.js';
export type { PacketFilter } from './ip/filter.js';
export { type InterfaceAddress, InterfaceStatistics, NetInterface } from './ip/interface.js';
export type { InterfaceChange } from './ip/interfaces.js';
export type { StackMonitor } from './ip/monitor.js';
export { Neighbour, Neighbours } from './ip/neighbours.js';
export type { Path } from './ip/path.js';
export { makeRoute, type Route } from './ip/route-table.js';
export {
  RouteQuery,
  Routes,
  RULE_BLACKHOLE,
  RULE_PROHIBIT,
  RULE_TABLE,
  RULE_UNREACHABLE,
  type Rule,
} from './ip/routes.js';
export { DummyLink } from './link/dummy.js';
export { ImpairedLink, type Impairment, type ImpairmentCounts } from './link/impairment.js';
export type { Link, LinkReceiver } from './link/link.js';
export { LoopbackLink } from './link/loopback.js';
export { type HostInterface, PacketLink } from './link/packet.host.js';
export { CaptureLink, PcapngWriter } from './link/pcapng.js';
export { SwitchPort, VirtualSwitch } from './link/switch.js';
export { TapLink, type TapOptions } from './link/tap.host.js';
export { VethLink } from './link/veth.js';
export { WrappedLink } from './link/wrapped.js';
export type { NatBackend, OutsideRecord, OutsideUdp } from './nat/backend.js';
export { BuiltInNames } from './nat/dns.js';
export { type FlowEvent, type GatewayOptions, type GuestNetwork, NatGateway } from './nat/gateway.js';
export { nodeBackend } from './nat/node-backend.host.js';
export { EgressPolicy, type FlowProtocol, type Verdict } from './nat/policy.js';
export { type PublishedPort, type PublishOptions, publish } from './nat/publish.host.js';
export { StackCounters, StackSettings } from './settings.js';
export { DatagramEndpoint } from './socket/datagram-endpoint.js';
export { Endpoint, type EndpointObserver, type SocketFilter } from './socket/endpoint.js';
export { InetEndpoint } from './socket/inet-endpoint.js';
export {
  type FilterMode,
  type GroupMembership,
  Memberships,
  MOST_SOURCES,
  MOST_SOURCES6,
  type SourceChange,
} from './socket/memberships.js';
export { EndpointOptions } from './socket/options.js';
export { PacketEndpoint } from './socket/packet.js';
export { PingEndpoint } from './socket/ping.js';
export { RawEndpoint } from './socket/raw.js';
export { type ExtendedError, type LinkAddress, ReceiveRequest, SendRequest } from './socket/request.js';
export { TcpEndpoint } from './socket/tcp/endpoint.js';
export { UdpEndpoint } from './socket/udp.js';
export { NetStack } from './stack.js';
export { CONGESTION_CONTROLS } from './tcp/congestion.js';
export {
  type TcpHost,
  type TcpInfo,
  type TcpMachine,
  TcpOptions,
  type TcpTimeWaitRecord,
} from './tcp/contract.js';
export { TcpSettings } from './tcp/settings.js';
export { internetChecksum } from './wire/checksum.js';
export { formatMac, parseMac } from './wire/ethernet.js';
export {
  addressOf,
  NetlinkWriter,
  parseAttributes,
  stringOf,
  u16At,
  u32At,
  u32Of,
} from './wire/netlink.js';
