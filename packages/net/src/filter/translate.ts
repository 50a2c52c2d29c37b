import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE } from '@sandbox/abi';
import { IpAddress } from '../core/address.js';
import { getU16, putU16 } from '../core/bytes.js';
import { type Connection, Tuple } from '../core/connection.js';
import type { Packet } from '../core/packet.js';
import { internetChecksum, pseudoHeader } from '../wire/checksum.js';
import { IPV4 } from '../wire/ipv4.js';
import { IPV6 } from '../wire/ipv6.js';
import { CT_RELATED } from './conntrack.js';
import { Flow, hasPorts } from './flow.js';

/** Where a translation may lead: NF_NAT_RANGE_*. Null: as it is. */
export interface NatRange {
  readonly low: IpAddress | null;
  readonly high: IpAddress | null;
  /** 0: any port will do, the packet's own preferred. */
  readonly lowPort: number;
  readonly highPort: number;
}

const MOST_TRIES = 128;
const inner = new Flow();
const scratch = new Uint8Array(16);

/**
 * Decide what the packets of a connection are translated to, by its first packet (nf_nat_setup_info).
 * `source`: the source is changed, else the destination. false: no port is left.
 */
export function translate(
  entry: Connection,
  source: boolean,
  range: NatRange,
  random: () => number,
): boolean {
  const now = entry.reply.inverted();
  const address = pick(range, source ? now.source : now.destination, now);
  const port = source ? now.sourcePort : now.destinationPort;
  const portless =
    !hasPorts(now.protocol) && now.protocol !== IPPROTO_ICMP && now.protocol !== IPPROTO_ICMPV6;
  const fixed = range.lowPort !== 0 && !portless;
  const wanted = fixed && (port < range.lowPort || port > range.highPort) ? range.lowPort : port;
  // Whoever is asked for by name may be asked by many; whoever asks must be told from others.
  if (!source && (!fixed || range.lowPort === range.highPort)) return set(entry, now, false, address, wanted);
  const [low, high] = fixed ? [range.lowPort, range.highPort] : spare(port);
  const room = high - low + 1;
  let candidate = wanted;
  for (let tries = 0; tries < Math.min(MOST_TRIES, room + 1); tries++) {
    const next = changed(now, source, address, candidate);
    if (!entry.table.has(next.inverted())) return set(entry, now, source, address, candidate);
    if (portless) return false;
    candidate = low + ((random() + tries) % room);
  }
  return false;
}

/** Ports another may be replaced by: privileged ones stay privileged (nf_nat_l4proto_unique_tuple). */
function spare(port: number): [number, number] {
  if (port < 512) return [1, 511];
  return port < 1024 ? [600, 1023] : [1024, 65535];
}

/** The same address for the same pair of hosts. */
function pick(range: NatRange, own: IpAddress, tuple: Tuple): IpAddress {
  const { low, high } = range;
  if (low === null) return own;
  // Of IPv6 only the last 32 bits vary.
  if (high === null || high.w3 <= low.w3) return low;
  const spread = high.w3 - low.w3 + 1;
  const last = low.w3 + ((tuple.source.hash >>> 0) % spread);
  return low.isV4 ? IpAddress.v4(last) : IpAddress.v6(low.w0, low.w1, low.w2, last);
}

function changed(tuple: Tuple, source: boolean, address: IpAddress, port: number): Tuple {
  const { source: from, sourcePort, destination, destinationPort, protocol } = tuple;
  // The identifier of an echo is both of its ports.
  const echo = protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6;
  return source
    ? new Tuple(address, port, destination, echo ? port : destinationPort, protocol)
    : new Tuple(from, echo ? port : sourcePort, address, port, protocol);
}

function set(entry: Connection, now: Tuple, source: boolean, address: IpAddress, port: number): boolean {
  const next = changed(now, source, address, port);
  if (next.key === now.key) return true;
  entry.reply = next.inverted();
  if (source) entry.sourceChanged = true;
  else entry.destinationChanged = true;
  return true;
}

/**
 * Write into a packet what its connection says: at the beginning of its way (`source` false) its destination,
 * at the end its source. Where both directions are translated, answers get the other half.
 */
export function rewrite(packet: Packet, flow: Flow, source: boolean): void {
  const entry = packet.connection;
  if (entry === null || !entry.translated) return;
  const half = source !== packet.reply ? entry.sourceChanged : entry.destinationChanged;
  if (!half) return;
  // Packets of a direction leave as those of the other come in, turned round.
  const target = (packet.reply ? entry.original : entry.reply).inverted();
  if (packet.connectionInfo === CT_RELATED) rewriteInner(packet, flow, target, source);
  const address = source ? target.source : target.destination;
  const port = source ? target.sourcePort : target.destinationPort;
  change(
    packet.bytes,
    flow,
    address,
    packet.connectionInfo === CT_RELATED ? -1 : port,
    source,
    packet.trusted,
  );
  flow.read(packet);
}

/** Change an address and (from 0 on) a port, with the checksums unless these are `none`. */
function change(
  bytes: Uint8Array,
  flow: Flow,
  address: IpAddress,
  port: number,
  source: boolean,
  none: boolean,
): void {
  const { network, transport: at, protocol, isV4 } = flow;
  const where =
    network + (isV4 ? (source ? IPV4.source : IPV4.destination) : source ? IPV6.source : IPV6.destination);
  const old = source ? flow.source : flow.destination;
  let delta = difference(old, address);
  address.toBytes(bytes, where);
  if (isV4 && !none) adjust(bytes, network + IPV4.checksum, delta);
  if (flow.laterFragment) return;
  const echo = protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6;
  if (port >= 0 && (hasPorts(protocol) || (echo && flow.isEcho(bytes)))) {
    const field = at + (echo ? 4 : source ? 0 : 2);
    delta = protocol === IPPROTO_ICMP ? 0 : delta;
    delta += 0xffff - getU16(bytes, field) + port;
    putU16(bytes, field, port);
  } else if (protocol === IPPROTO_ICMP) return;
  const sum = checksumField(protocol);
  if (sum < 0 || none || at + sum + 2 > flow.end) return;
  if (protocol === IPPROTO_UDP && getU16(bytes, at + sum) === 0) return;
  adjust(bytes, at + sum, delta);
  if (protocol === IPPROTO_UDP && getU16(bytes, at + sum) === 0) putU16(bytes, at + sum, 0xffff);
}

function checksumField(protocol: number): number {
  if (protocol === IPPROTO_TCP) return 16;
  if (protocol === IPPROTO_UDP || protocol === IPPROTO_UDPLITE) return 6;
  return protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6 ? 2 : -1;
}

/** What the words of an address add to a checksum when it becomes another. */
function difference(from: IpAddress, to: IpAddress): number {
  let sum = 0;
  const length = from.toBytes(scratch, 0);
  for (let i = 0; i < length; i += 2) sum += 0xffff - getU16(scratch, i);
  to.toBytes(scratch, 0);
  for (let i = 0; i < length; i += 2) sum += getU16(scratch, i);
  return sum;
}

/** RFC 1624. */
function adjust(bytes: Uint8Array, at: number, delta: number): void {
  let sum = 0xffff - getU16(bytes, at) + delta;
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 65536);
  putU16(bytes, at, 0xffff - sum);
}

/**
 * An ICMP error quotes a packet as it was before (or after) its translation: it has to be what its receiver
 * sent.
 */
function rewriteInner(packet: Packet, flow: Flow, target: Tuple, source: boolean): void {
  const { bytes } = packet;
  const at = flow.transport + 8;
  if (!inner.readAt(bytes, at, packet.end, false)) return;
  const address = source ? target.source : target.destination;
  const port = source ? target.sourcePort : target.destinationPort;
  // The quoted packet went the other way: its source is where the error goes.
  change(bytes, inner, address, port, !source, false);
  if (packet.trusted) return;
  putU16(bytes, flow.transport + 2, 0);
  const initial = flow.isV4
    ? 0
    : pseudoHeader(flow.source, flow.destination, IPPROTO_ICMPV6, packet.end - flow.transport);
  putU16(bytes, flow.transport + 2, internetChecksum(bytes, flow.transport, packet.end, initial));
}
