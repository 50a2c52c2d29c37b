import type { Packet } from '../core/packet.js';
import type { Link, LinkReceiver } from './link.js';

/**
 * One end of a pair: what one sends the other receives (veth(4)). There is carrier while the interfaces of
 * both are up; when one end is closed the other is gone, too.
 */
export class VethLink implements Link {
  readonly kind = 'veth';
  readonly framing = 'ethernet';
  readonly maxMtu = 65535;
  readonly trusted = true;
  private other: VethLink | null = null;
  private receiver: LinkReceiver | null = null;
  private open = false;

  private constructor(
    readonly mac: Uint8Array,
    readonly mtu: number,
  ) {}

  /** Both ends, with their hardware addresses. */
  static pair(mac: Uint8Array, peerMac: Uint8Array, mtu = 1500, peerMtu = mtu): [VethLink, VethLink] {
    const a = new VethLink(mac, mtu);
    const b = new VethLink(peerMac, peerMtu);
    a.other = b;
    b.other = a;
    return [a, b];
  }

  get up(): boolean {
    return this.open && this.other?.open === true;
  }

  /** What the other end is attached to. */
  get peer(): LinkReceiver | null {
    return this.other?.receiver ?? null;
  }

  attach(receiver: LinkReceiver | null): void {
    this.receiver = receiver;
    if (receiver === null) this.interfaceUp(false);
  }

  interfaceUp(up: boolean): void {
    const { other } = this;
    const before = this.up;
    this.open = up;
    if (this.up === before) return;
    this.receiver?.linkChanged?.();
    other?.receiver?.linkChanged?.();
  }

  send(packet: Packet): void {
    const receiver = this.peer;
    if (receiver === null || !this.up) packet.release();
    else receiver.receive(packet);
  }

  close(): void {
    const { other } = this;
    if (other === null) return;
    this.other = other.other = null;
    other.receiver?.linkRemoved?.();
  }
}
