import type { Packet } from '../core/packet.js';
import type { Link, LinkReceiver } from './link.js';

/**
 * A link in front of another one. A subclass changes what passes by overriding `send` (outwards) and
 * `receive` (inwards).
 */
export abstract class WrappedLink implements Link, LinkReceiver {
  private receiver: LinkReceiver | null = null;

  constructor(protected readonly inner: Link) {}

  get framing(): 'ethernet' | 'ip' {
    return this.inner.framing;
  }
  get mtu(): number {
    return this.inner.mtu;
  }
  get mac(): Uint8Array | null {
    return this.inner.mac;
  }
  get up(): boolean {
    return this.inner.up;
  }
  get trusted(): boolean {
    return this.inner.trusted;
  }

  attach(receiver: LinkReceiver | null): void {
    this.receiver = receiver;
    this.inner.attach(receiver === null ? null : this);
  }

  send(packet: Packet): void {
    this.inner.send(packet);
  }

  receive(packet: Packet): void {
    this.passUp(packet);
  }

  /** Hand a packet to whoever is attached. */
  protected passUp(packet: Packet): void {
    if (this.receiver === null) packet.release();
    else this.receiver.receive(packet);
  }

  linkChanged(): void {
    this.receiver?.linkChanged?.();
  }

  close(): void {
    this.inner.close?.();
  }
}
