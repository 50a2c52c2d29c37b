import { IpAddress } from '../core/address.js';
import { putU32 } from '../core/bytes.js';
import { allocatePacket, type Packet } from '../core/packet.js';
import { ICMP_HEADER, NDP_NEIGHBOUR_ADVERTISEMENT, NDP_NEIGHBOUR_SOLICITATION } from '../wire/icmp.js';
import type { NetInterface } from './interface.js';
import type { IpStack } from './stack.js';

/** A target address behind the ICMP header. */
const NEIGHBOUR_LENGTH = ICMP_HEADER + 16;
const OPTION_SOURCE = 1;
const OPTION_TARGET = 2;
const FLAG_ROUTER = 0x80000000;
const FLAG_SOLICITED = 0x40000000;
const FLAG_OVERRIDE = 0x20000000;
/** Messages that crossed a router are not believed (RFC 4861 section 7.1). */
const HOP_LIMIT = 255;

export const ALL_NODES: IpAddress = IpAddress.v6(0xff020000, 0, 0, 1);

/** ff02::1:ffXX:XXXX, which an address's solicitations are sent to (RFC 4291 section 2.7.1). */
export function solicitedNode(address: IpAddress): IpAddress {
  return IpAddress.v6(0xff020000, 0, 1, (0xff000000 | (address.w3 & 0xffffff)) >>> 0);
}

/**
 * Neighbour discovery for IPv6 (RFC 4861). Router discovery, redirects and duplicate address detection are
 * not done.
 */
export class Ndp {
  constructor(private readonly stack: IpStack) {}

  /** A neighbour solicitation or advertisement, checksum good. The packet stays the caller's. */
  receive(packet: Packet, source: IpAddress, destination: IpAddress, iface: NetInterface): void {
    const { bytes, transport, end } = packet;
    if (packet.ttl !== HOP_LIMIT || bytes[transport + 1] !== 0 || end - transport < NEIGHBOUR_LENGTH) return;
    const target = IpAddress.fromBytes6(bytes, transport + ICMP_HEADER);
    if (target.isMulticast) return;
    if (bytes[transport] === NDP_NEIGHBOUR_SOLICITATION) {
      const mac = linkAddress(bytes, transport + NEIGHBOUR_LENGTH, end, OPTION_SOURCE);
      if (mac === undefined) return;
      this.solicited(target, source, destination, mac, iface);
    } else {
      const mac = linkAddress(bytes, transport + NEIGHBOUR_LENGTH, end, OPTION_TARGET);
      if (mac === undefined) return;
      const flags = bytes[transport + 4];
      const solicited = (flags & 0x40) !== 0;
      if (destination.isMulticast && solicited) return;
      const override = (flags & 0x20) !== 0;
      this.stack.neighbours.heard(iface, target, mac, solicited, override, false, (flags & 0x80) !== 0);
    }
  }

  private solicited(
    target: IpAddress,
    source: IpAddress,
    destination: IpAddress,
    mac: Uint8Array | null,
    iface: NetInterface,
  ): void {
    if (this.stack.addresses.owner(target) !== iface) return;
    if (source.isAny) {
      // Somebody checks whether the address is free: all shall hear that it is not.
      this.advertise(iface, target, ALL_NODES, false);
      return;
    }
    if (mac !== null) this.stack.neighbours.heard(iface, source, mac, false, true, true);
    else if (destination.isMulticast) return;
    this.advertise(iface, target, source, true);
  }

  private advertise(iface: NetInterface, target: IpAddress, to: IpAddress, solicited: boolean): void {
    const forwards = iface.forwarding6 ?? this.stack.settings.forwarding6;
    const flags = FLAG_OVERRIDE | (solicited ? FLAG_SOLICITED : 0) | (forwards ? FLAG_ROUTER : 0);
    this.send(iface, NDP_NEIGHBOUR_ADVERTISEMENT, flags >>> 0, target, OPTION_TARGET, target, to);
  }

  /** Ask who has `target`; to the address known when `unicast`. */
  solicit(iface: NetInterface, target: IpAddress, unicast: boolean): void {
    const source = this.stack.sourceFor(iface, target, target);
    if (source === null) return;
    const to = unicast ? target : solicitedNode(target);
    this.send(iface, NDP_NEIGHBOUR_SOLICITATION, 0, target, OPTION_SOURCE, source, to);
  }

  private send(
    iface: NetInterface,
    type: number,
    flags: number,
    target: IpAddress,
    option: number,
    source: IpAddress,
    to: IpAddress,
  ): void {
    const { stack } = this;
    const packet = allocatePacket(NEIGHBOUR_LENGTH + 8);
    const { bytes, start } = packet;
    bytes[start] = type;
    bytes[start + 1] = 0;
    putU32(bytes, start + 4, flags);
    target.toBytes(bytes, start + ICMP_HEADER);
    packet.end = start + NEIGHBOUR_LENGTH;
    if (iface.mac !== null) {
      bytes[packet.end] = option;
      bytes[packet.end + 1] = 1;
      bytes.set(iface.mac, packet.end + 2);
      packet.end += 8;
    }
    const path = stack.onLink(iface, to, source);
    stack.icmp6.send(path, packet, source, to, HOP_LIMIT);
  }
}

/**
 * The link-layer address of an option of `kind`; null: there is none; undefined: the options are malformed.
 */
function linkAddress(
  bytes: Uint8Array,
  at: number,
  end: number,
  kind: number,
): Uint8Array | null | undefined {
  let found: Uint8Array | null = null;
  while (at < end) {
    const length = at + 1 < end ? bytes[at + 1] * 8 : 0;
    if (length === 0 || at + length > end) return undefined;
    if (bytes[at] === kind && length === 8) found = bytes.slice(at + 2, at + 8);
    at += length;
  }
  return found;
}
