import { ETH_HLEN } from '@sandbox/abi';
import type { Packet } from '../core/packet.js';
import type { Link, LinkReceiver } from './link.js';

const MOST_ADDRESSES = 4096;

/** One port of a switch: the link of an interface. */
export class SwitchPort implements Link {
  readonly framing = 'ethernet';
  readonly trusted = true;
  /** @internal */
  receiver: LinkReceiver | null = null;
  private connected = true;

  /** @internal Use `VirtualSwitch.port`. */
  constructor(
    private readonly owner: VirtualSwitch,
    readonly mac: Uint8Array,
    readonly mtu: number,
  ) {}

  get up(): boolean {
    return this.connected;
  }
  /** Pull the cable, or put it back. */
  set up(up: boolean) {
    if (this.connected === up) return;
    this.connected = up;
    this.receiver?.linkChanged?.();
  }

  attach(receiver: LinkReceiver | null): void {
    this.receiver = receiver;
  }

  send(packet: Packet): void {
    this.owner.forward(this, packet);
  }

  close(): void {
    this.owner.remove(this);
  }
}

/**
 * A learning Ethernet switch inside this process: joins the stacks of several kernels and the embedder's own.
 */
export class VirtualSwitch {
  private readonly ports = new Set<SwitchPort>();
  private readonly learned = new Map<number, SwitchPort>();
  private nextMac = 1;

  constructor(private readonly mtu = 1500) {}

  /**
   * A new port. `mac`: the hardware address of the interface it is for; without, 02:00:00:00:00:01 and so on.
   */
  port(mac?: Uint8Array): SwitchPort {
    const n = this.nextMac++;
    const own = mac ?? Uint8Array.of(2, 0, 0, (n >>> 16) & 255, (n >>> 8) & 255, n & 255);
    const port = new SwitchPort(this, own, this.mtu);
    this.ports.add(port);
    return port;
  }

  /** @internal */
  remove(port: SwitchPort): void {
    this.ports.delete(port);
    for (const [key, value] of this.learned) if (value === port) this.learned.delete(key);
  }

  /** @internal A frame came in by `from`. Given away. */
  forward(from: SwitchPort, packet: Packet): void {
    const { bytes, start } = packet;
    if (!from.up || packet.end - start < ETH_HLEN) {
      packet.release();
      return;
    }
    if ((bytes[start + 6] & 1) === 0) {
      if (this.learned.size >= MOST_ADDRESSES) this.learned.clear();
      this.learned.set(keyOf(bytes, start + 6), from);
    }
    const known = (bytes[start] & 1) === 0 ? this.learned.get(keyOf(bytes, start)) : undefined;
    if (known !== undefined) {
      if (known === from) packet.release();
      else deliver(known, packet);
      return;
    }
    for (const port of this.ports) if (port !== from && port.receiver !== null) deliver(port, packet.clone());
    packet.release();
  }
}

function deliver(port: SwitchPort, packet: Packet): void {
  if (port.receiver === null || !port.up) packet.release();
  else port.receiver.receive(packet);
}

function keyOf(bytes: Uint8Array, at: number): number {
  const high = (bytes[at] << 8) | bytes[at + 1];
  const low = (bytes[at + 2] << 24) | (bytes[at + 3] << 16) | (bytes[at + 4] << 8) | bytes[at + 5];
  return high * 2 ** 32 + (low >>> 0);
}
