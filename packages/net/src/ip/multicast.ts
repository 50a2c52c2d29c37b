import { EADDRNOTAVAIL, IPPROTO_ICMPV6, IPPROTO_IGMP } from '@sandbox/abi';
import { IpAddress } from '../core/address.js';
import { putU16 } from '../core/bytes.js';
import { allocatePacket, type Packet } from '../core/packet.js';
import { Timer, type TimerOwner } from '../core/timers.js';
import { internetChecksum } from '../wire/checksum.js';
import { ICMP_HEADER, MLD2_REPORT } from '../wire/icmp.js';
import { IGMP_HEADER, IGMP_QUERY, IGMP_V2_REPORT, IGMP_V3_REPORT, responseTime } from '../wire/igmp.js';
import type { NetInterface } from './interface.js';
import { ALL_NODES, solicitedNode } from './ndp.js';
import { IpOut } from './path.js';
import type { IcmpError, TransportProtocol } from './protocol.js';
import type { IpStack } from './stack.js';

const ALL_HOSTS = IpAddress.v4(0xe0000001);
const IGMP_V3_ROUTERS = IpAddress.v4(0xe0000016);
const MLD2_ROUTERS = IpAddress.v6(0xff020000, 0, 0, 0x16);
/** Group records of version 3 reports. */
const IS_EXCLUDE = 2;
const TO_INCLUDE = 3;
const TO_EXCLUDE = 4;
/** Router alert, as IPv4 option and in a hop-by-hop header with padding (RFC 2113, RFC 2711). */
const ROUTER_ALERT4 = Uint8Array.of(148, 4, 0, 0);
const ROUTER_ALERT6 = Uint8Array.of(IPPROTO_ICMPV6, 0, 5, 2, 0, 0, 1, 0);
/** Membership changes are told twice (robustness variable, RFC 3376 section 8.1), this long apart, ms. */
const UNSOLICITED_INTERVAL = 1000;

/** A group an interface listens to. */
class Membership implements TimerOwner {
  users = 1;
  /** Unsolicited reports still to send. */
  repeats = 0;
  readonly timer = new Timer(this);

  constructor(
    private readonly owner: Multicast,
    readonly iface: NetInterface,
    readonly group: IpAddress,
  ) {}

  onTimer(): void {
    this.owner.report(this);
  }
}

/**
 * Multicast groups of all interfaces: IGMP (RFC 3376, and reports of version 2 when a router of that age
 * asks) and MLDv2 (RFC 3810).
 */
export class Multicast implements TransportProtocol {
  private readonly groups = new Map<number, Map<string, Membership>>();
  private readonly out = new IpOut();
  /** Interfaces on which a query of version 2 was heard lately: until when. */
  private readonly version2Until = new Map<number, number>();

  constructor(private readonly stack: IpStack) {}

  /** Does the interface listen to `group`? */
  isMember(iface: NetInterface, group: IpAddress): boolean {
    if (group.equals(ALL_HOSTS) || group.equals(ALL_NODES)) return true;
    if (this.groups.get(iface.index)?.has(group.toString())) return true;
    if (group.isV4) return false;
    for (const entry of iface.addresses) {
      if (!entry.address.isV4 && solicitedNode(entry.address).equals(group)) return true;
    }
    return false;
  }

  /** The groups of an interface with the number of their users (/proc/net/igmp, igmp6). */
  *groupsOf(iface: NetInterface): Iterable<{ group: IpAddress; users: number }> {
    yield { group: ALL_HOSTS, users: 1 };
    yield { group: ALL_NODES, users: 1 };
    for (const { group, users } of this.groups.get(iface.index)?.values() ?? []) yield { group, users };
  }

  /** One user more. */
  join(iface: NetInterface, group: IpAddress): void {
    let table = this.groups.get(iface.index);
    if (table === undefined) this.groups.set(iface.index, (table = new Map()));
    const key = group.toString();
    const known = table.get(key);
    if (known !== undefined) {
      known.users++;
      return;
    }
    const membership = new Membership(this, iface, group);
    table.set(key, membership);
    if (iface.loopback || isSilent(group)) return;
    membership.repeats = 1;
    this.send(iface, group, TO_EXCLUDE);
    this.stack.timers.armIn(membership.timer, this.random(UNSOLICITED_INTERVAL));
  }

  /** One user less. 0 or -EADDRNOTAVAIL. */
  leave(iface: NetInterface, group: IpAddress): number {
    const table = this.groups.get(iface.index);
    const membership = table?.get(group.toString());
    if (membership === undefined) return -EADDRNOTAVAIL;
    if (--membership.users > 0) return 0;
    table!.delete(group.toString());
    this.stack.timers.remove(membership.timer);
    if (!iface.loopback && !isSilent(group)) this.send(iface, group, TO_INCLUDE);
    return 0;
  }

  removeInterface(iface: NetInterface): void {
    for (const membership of this.groups.get(iface.index)?.values() ?? []) {
      this.stack.timers.remove(membership.timer);
    }
    this.groups.delete(iface.index);
  }

  /** @internal A membership's timer: repeat what was said, or answer a query. */
  report(membership: Membership): void {
    const change = membership.repeats > 0;
    if (change) membership.repeats--;
    this.send(membership.iface, membership.group, change ? TO_EXCLUDE : IS_EXCLUDE);
  }

  /** IGMP came in. */
  receive(packet: Packet, _source: IpAddress, _destination: IpAddress, iface: NetInterface): boolean {
    const { bytes, transport, end } = packet;
    const sound =
      end - transport >= IGMP_HEADER && (packet.trusted || internetChecksum(bytes, transport, end) === 0);
    if (sound && bytes[transport] === IGMP_QUERY) {
      const version3 = end - transport >= 12;
      const code = bytes[transport + 1];
      const now = this.stack.now();
      // Anything older than version 3 is answered in version 2, which routers of version 1 ignore at worst.
      if (!version3) this.version2Until.set(iface.index, now + 400_000);
      const time = version3 ? responseTime(code) * 100 : (code || 100) * 100;
      this.query(iface, IpAddress.fromBytes4(bytes, transport + 4), time);
    }
    packet.release();
    return true;
  }

  icmpError(_error: IcmpError): void {}

  /** An MLD query, checksum good. The packet stays the caller's. */
  receiveMldQuery(packet: Packet, source: IpAddress, iface: NetInterface): void {
    const { bytes, transport, end } = packet;
    if (end - transport < ICMP_HEADER + 16 || packet.ttl !== 1 || !source.isLinkLocal) return;
    const code = (bytes[transport + 4] << 8) | bytes[transport + 5];
    const time = code < 32768 ? code : ((code & 0xfff) | 0x1000) << (((code >> 12) & 7) + 3);
    this.query(iface, IpAddress.fromBytes6(bytes, transport + ICMP_HEADER), time);
  }

  private query(iface: NetInterface, group: IpAddress, time: number): void {
    const now = this.stack.now();
    for (const membership of this.groups.get(iface.index)?.values() ?? []) {
      const asked = group.isAny ? membership.group.isV4 === group.isV4 : membership.group.equals(group);
      if (!asked || isSilent(membership.group)) continue;
      const due = now + this.random(Math.max(time, 1));
      if (membership.timer.deadline > due) this.stack.timers.arm(membership.timer, due);
    }
  }

  private random(upTo: number): number {
    return (this.stack.host.random32() / 2 ** 32) * upTo;
  }

  private send(iface: NetInterface, group: IpAddress, record: number): void {
    if (!iface.running) return;
    if (group.isV4) this.sendIgmp(iface, group, record);
    else this.sendMld(iface, group, record);
  }

  private sendIgmp(iface: NetInterface, group: IpAddress, record: number): void {
    const { stack } = this;
    const source = stack.sourceFor(iface, group, group);
    if (source === null) return;
    const old = (this.version2Until.get(iface.index) ?? 0) > stack.now();
    const packet = allocatePacket(16);
    const { bytes, start } = packet;
    bytes.fill(0, start, start + 16);
    let to = IGMP_V3_ROUTERS;
    if (old) {
      if (record === TO_INCLUDE) {
        // Leave messages of version 2 go to all routers.
        bytes[start] = 0x17;
        to = IpAddress.v4(0xe0000002);
      } else {
        bytes[start] = IGMP_V2_REPORT;
        to = group;
      }
      group.toBytes(bytes, start + 4);
      packet.end = start + 8;
    } else {
      bytes[start] = IGMP_V3_REPORT;
      bytes[start + 7] = 1;
      bytes[start + 8] = record;
      group.toBytes(bytes, start + 12);
      packet.end = start + 16;
    }
    putU16(bytes, start + 2, internetChecksum(bytes, start, packet.end));
    const path = stack.onLink(iface, to, source);
    this.out.set(source, to, IPPROTO_IGMP, 1, 0xc0);
    this.out.options = ROUTER_ALERT4;
    this.out.multicastLoop = false;
    stack.ipv4.send(path, packet, this.out);
  }

  private sendMld(iface: NetInterface, group: IpAddress, record: number): void {
    const { stack } = this;
    const source = stack.sourceFor(iface, MLD2_ROUTERS, MLD2_ROUTERS);
    if (source === null) return;
    const packet = allocatePacket(ICMP_HEADER + 20);
    const { bytes, start } = packet;
    packet.end = start + ICMP_HEADER + 20;
    bytes.fill(0, start, packet.end);
    bytes[start] = MLD2_REPORT;
    bytes[start + 7] = 1;
    bytes[start + 8] = record;
    group.toBytes(bytes, start + 12);
    const path = stack.onLink(iface, MLD2_ROUTERS, source);
    stack.icmp6.send(path, packet, source, MLD2_ROUTERS, 1, 0, ROUTER_ALERT6);
  }
}

/**
 * Groups nobody reports: all hosts of a link, and what does not leave a host (RFC 3376 section 5, RFC 3810
 * section 6).
 */
function isSilent(group: IpAddress): boolean {
  if (group.isV4) return group.equals(ALL_HOSTS);
  return group.equals(ALL_NODES) || ((group.w0 >>> 16) & 15) < 2;
}
