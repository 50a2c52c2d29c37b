import type { Packet } from '../core/packet.js';
import type { Link, LinkReceiver } from './link.js';

/** What is sent comes back. MTU 65536, no checksums, as Linux' lo. */
export class LoopbackLink implements Link {
  readonly framing = 'ip';
  readonly mtu = 65536;
  readonly mac = null;
  readonly up = true;
  readonly trusted = true;
  private receiver: LinkReceiver | null = null;

  attach(receiver: LinkReceiver | null): void {
    this.receiver = receiver;
  }

  send(packet: Packet): void {
    if (this.receiver === null) packet.release();
    else this.receiver.receive(packet);
  }
}
