import {
  ENETDOWN,
  ETH_HLEN,
  ETH_P_ARP,
  ETH_P_IP,
  ETH_P_IPV6,
  RTN_BROADCAST,
  RTN_MULTICAST,
} from '@sandbox/abi';
import { getU16 } from '../core/bytes.js';
import { OUTGOING, type Packet, TO_BROADCAST, TO_HOST, TO_MULTICAST, TO_OTHER } from '../core/packet.js';
import { Timer } from '../core/timers.js';
import { BROADCAST_MAC, multicastMac, sameMac, writeEthernet } from '../wire/ethernet.js';
import { IPV4 } from '../wire/ipv4.js';
import type { NetInterface } from './interface.js';
import type { Path } from './path.js';
import type { IpStack } from './stack.js';

/**
 * Packets one entry into the stack works off at most. The rest waits for a timer, so that no caller is kept
 * for ever.
 */
const MOST_AT_ONCE = 4096;
/** Packets waiting at most (net.core.netdev_max_backlog, larger because nothing else drains it meanwhile). */
const MOST_WAITING = 16384;
const NO_MAC = new Uint8Array(6);

/**
 * Frames between interfaces and protocols: every packet that comes in waits here, every packet that goes out
 * passes `transmit`.
 */
export class Frames {
  private head: Packet | null = null;
  private tail: Packet | null = null;
  private waiting = 0;
  private readonly drainTimer = new Timer({ onTimer: () => {} });

  constructor(private readonly stack: IpStack) {}

  // Out

  /** Send an IP packet, header written, along its path. Given away. 0 or -ENOBUFS, -ENETDOWN. */
  transmit(path: Path, packet: Packet): number {
    const { stack } = this;
    const { iface } = path;
    if (packet.trusted && !iface.link.trusted) stack.completeChecksum(packet);
    if (!iface.running) {
      packet.release();
      return iface.adminUp ? 0 : -ENETDOWN;
    }
    if (!iface.resolves) {
      if (stack.packets.active) stack.packets.tap(packet, iface, OUTGOING, packet.start);
      iface.transmit(packet);
      return 0;
    }
    if (path.type === RTN_MULTICAST) this.sendFrame(iface, packet, multicastMac(path.destination));
    else if (path.type === RTN_BROADCAST) this.sendFrame(iface, packet, BROADCAST_MAC);
    else if (iface.link.noArp) this.sendFrame(iface, packet, NO_MAC);
    else return stack.neighbours.send(iface, path.nextHop, packet);
    return 0;
  }

  /** Put an Ethernet header in front and send. Given away. */
  sendFrame(iface: NetInterface, packet: Packet, to: Uint8Array): void {
    const { stack } = this;
    const network = packet.start;
    packet.start -= ETH_HLEN;
    writeEthernet(packet.bytes, packet.start, to, iface.mac!, packet.etherType);
    if (stack.packets.active) stack.packets.tap(packet, iface, OUTGOING, network);
    iface.transmit(packet);
  }

  /**
   * A copy of an outgoing multicast or broadcast packet for this host's own listeners. The packet stays the
   * caller's.
   */
  loopBack(packet: Packet, iface: NetInterface): void {
    const copy = packet.clone();
    copy.addressed = packet.etherType === ETH_P_IP && !isGroup4(copy) ? TO_BROADCAST : TO_MULTICAST;
    copy.trusted = true;
    copy.looped = true;
    copy.ifindex = iface.index;
    this.enqueue(copy);
  }

  private enqueue(packet: Packet): void {
    if (this.waiting >= MOST_WAITING) {
      packet.release();
      return;
    }
    packet.next = null;
    if (this.tail === null) this.head = packet;
    else this.tail.next = packet;
    this.tail = packet;
    this.waiting++;
  }

  // In

  /** `iface` received a packet. Given away. */
  receive(iface: NetInterface, packet: Packet): void {
    packet.ifindex = iface.index;
    packet.owner = null;
    // On loopback a packet stays what it was to its connection.
    if (!iface.loopback) packet.connectionInfo = 0;
    if (packet.shared) {
      // The sender keeps a reference: headers are written in place on the way up and back.
      const copy = packet.clone();
      packet.release();
      packet = copy;
      packet.ifindex = iface.index;
    }
    this.stack.enter();
    this.enqueue(packet);
    this.stack.leave();
  }

  private input(packet: Packet, iface: NetInterface): void {
    const { stack } = this;
    if (!iface.adminUp) {
      packet.release();
      return;
    }
    const { statistics } = iface;
    statistics.rxPackets++;
    statistics.rxBytes += packet.end - packet.start;
    const frame = packet.start;
    if (iface.resolves && !packet.looped) {
      if (!this.readEthernet(packet, iface)) {
        statistics.rxErrors++;
        packet.release();
        return;
      }
    }
    if (stack.packets.active) {
      const network = packet.start;
      packet.start = frame;
      stack.packets.tap(packet, iface, packet.addressed, network);
      packet.start = network;
    }
    if (packet.addressed === TO_OTHER) {
      packet.release();
      return;
    }
    switch (packet.etherType) {
      case ETH_P_IP:
        stack.ipv4.receive(packet, iface);
        return;
      case ETH_P_IPV6:
        stack.ipv6.receive(packet, iface);
        return;
      case ETH_P_ARP:
        stack.arp.receive(packet, iface);
    }
    packet.release();
  }

  private readEthernet(packet: Packet, iface: NetInterface): boolean {
    const { bytes, start } = packet;
    if (packet.end - start < ETH_HLEN) return false;
    packet.etherType = getU16(bytes, start + 12);
    if (iface.mac !== null && sameMac(bytes, start, iface.mac)) packet.addressed = TO_HOST;
    else if ((bytes[start] & 1) === 0) packet.addressed = TO_OTHER;
    else packet.addressed = sameMac(bytes, start, BROADCAST_MAC) ? TO_BROADCAST : TO_MULTICAST;
    packet.start = start + ETH_HLEN;
    return true;
  }

  /** Whether packets wait for `drain`. */
  get pending(): boolean {
    return this.head !== null;
  }

  /** Work off what waits. */
  drain(): void {
    for (let n = 0; this.head !== null; n++) {
      if (n === MOST_AT_ONCE) {
        this.stack.timers.armIn(this.drainTimer, 0);
        return;
      }
      const packet = this.head;
      this.head = packet.next;
      if (this.head === null) this.tail = null;
      packet.next = null;
      this.waiting--;
      const iface = this.stack.interfaceByIndex(packet.ifindex);
      if (iface === undefined) packet.release();
      else this.input(packet, iface);
    }
  }

  /** Drop what waits. */
  clear(): void {
    while (this.head !== null) {
      const packet = this.head;
      this.head = packet.next;
      packet.release();
    }
    this.tail = null;
    this.waiting = 0;
  }
}

function isGroup4(packet: Packet): boolean {
  return packet.bytes[packet.network + IPV4.destination] >>> 4 === 14;
}
