import type { Packet } from '../core/packet.js';
import type { Link } from './link.js';

/** An interface that leads nowhere (ip-link(8), type dummy): what is sent is gone. */
export class DummyLink implements Link {
  readonly kind = 'dummy';
  readonly framing = 'ethernet';
  readonly maxMtu = 65535;
  readonly trusted = true;
  readonly up = true;
  readonly noArp = true;

  constructor(
    readonly mac: Uint8Array,
    readonly mtu = 1500,
  ) {}

  attach(): void {}

  send(packet: Packet): void {
    packet.release();
  }
}
