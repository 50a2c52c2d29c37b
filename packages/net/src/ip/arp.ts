import { ETH_P_ARP } from '@sandbox/abi';
import { IpAddress } from '../core/address.js';
import { getU16 } from '../core/bytes.js';
import { allocatePacket, type Packet } from '../core/packet.js';
import {
  ARP,
  ARP_LENGTH,
  ARP_REPLY,
  ARP_REQUEST,
  checkArp,
  senderIp,
  targetIp,
  writeArp,
} from '../wire/arp.js';
import { BROADCAST_MAC } from '../wire/ethernet.js';
import type { NetInterface } from './interface.js';
import type { IpStack } from './stack.js';

const NO_MAC = new Uint8Array(6);

/** ARP: finds IPv4 neighbours and answers for own addresses. */
export class Arp {
  constructor(private readonly stack: IpStack) {}

  /** An ARP packet at `packet.start`. It stays the caller's. */
  receive(packet: Packet, iface: NetInterface): void {
    const { bytes, start, end } = packet;
    if (!iface.resolves || !checkArp(bytes, start, end)) return;
    const operation = getU16(bytes, start + ARP.operation);
    const sender = IpAddress.v4(senderIp(bytes, start));
    const target = IpAddress.v4(targetIp(bytes, start));
    if (sender.isMulticast || target.isMulticast || sender.isLoopback) return;
    const mac = bytes.slice(start + ARP.senderMac, start + ARP.senderMac + 6);
    // As Linux' arp_ignore 0: any address of this host is answered for, whichever interface has it.
    const mine = this.stack.addresses.owner(target) !== undefined && !target.isLoopback;
    if (operation === ARP_REQUEST) {
      if (sender.isAny) {
        // A probe for a duplicate (RFC 5227): answer, and learn nothing.
        if (mine) this.send(iface, ARP_REPLY, target, mac, sender, mac);
        return;
      }
      this.stack.neighbours.heard(iface, sender, mac, false, true, mine);
      if (mine) this.send(iface, ARP_REPLY, target, mac, sender, mac);
    } else if (operation === ARP_REPLY && !sender.isAny) {
      const solicited = this.stack.addresses.owner(target) === iface && !sender.equals(target);
      this.stack.neighbours.heard(iface, sender, mac, solicited, true, false);
    }
  }

  /** Ask who has `target`; `mac`: of whom it is known, to be confirmed. */
  solicit(iface: NetInterface, target: IpAddress, mac: Uint8Array | null): void {
    const source = this.stack.sourceFor(iface, target, target);
    if (source === null) return;
    this.send(iface, ARP_REQUEST, source, NO_MAC, target, mac ?? BROADCAST_MAC);
  }

  private send(
    iface: NetInterface,
    operation: number,
    sender: IpAddress,
    targetMac: Uint8Array,
    target: IpAddress,
    to: Uint8Array,
  ): void {
    const packet = allocatePacket(ARP_LENGTH);
    packet.network = packet.start;
    writeArp(packet.bytes, packet.start, operation, iface.mac!, sender.w3, targetMac, target.w3);
    packet.end = packet.start + ARP_LENGTH;
    packet.etherType = ETH_P_ARP;
    this.stack.frames.sendFrame(iface, packet, to);
  }
}
