import { ETH_P_IP, ETH_P_IPV6, SYS_close, SYS_read, SYS_write } from '@sandbox/abi';
import { allocatePages, hostSyscall3, viewOf } from '@sandbox/native';
import { allocatePacket, type Packet } from '../core/packet.js';
import type { Link, LinkReceiver } from './link.js';
import { readiness } from './readiness.host.js';

const LARGEST_FRAME = 65536 + 14;
const BUFFER = 69632;
/** Frames read in one go before others get a turn. */
const MOST_AT_ONCE = 256;
/** struct virtio_net_hdr, which the host puts in front of frames when asked to; its `flags`. */
const VIRTIO_HEADER = 10;
const NEEDS_CHECKSUM = 1;
const CHECKSUM_IS_RIGHT = 2;

/** What a frame device of the host is like. */
export interface FrameDevice {
  /** Non-blocking; each read is a frame and each write, too. The link owns it from now on. */
  readonly fd: number;
  readonly framing: 'ethernet' | 'ip';
  readonly mtu: number;
  readonly mac: Uint8Array | null;
  /**
   * Frames carry struct virtio_net_hdr: the host hands over what it did not finish (checksums, segmentation).
   */
  readonly virtioHeader: boolean;
}

/**
 * A link over a descriptor of the host's which frames are read from and written to. Keeps the process alive
 * until `close`.
 */
export class FrameDeviceLink implements Link {
  readonly framing: 'ethernet' | 'ip';
  mtu: number;
  readonly mac: Uint8Array | null;
  readonly up = true;
  readonly trusted = false;
  private receiver: LinkReceiver | null = null;
  private fd: number;
  private readonly header: number;
  /** A frame to read and one to write. */
  private readonly memory = allocatePages(2 * BUFFER);
  private readonly input = new Uint8Array(viewOf(this.memory, BUFFER));
  private readonly output = new Uint8Array(viewOf(this.memory + BUFFER, BUFFER));

  constructor(device: FrameDevice) {
    this.fd = device.fd;
    this.framing = device.framing;
    this.mtu = device.mtu;
    this.mac = device.mac;
    this.header = device.virtioHeader ? VIRTIO_HEADER : 0;
    readiness.watch(this.fd, () => this.readable());
  }

  attach(receiver: LinkReceiver | null): void {
    this.receiver = receiver;
  }

  send(packet: Packet): void {
    const length = packet.end - packet.start;
    if (this.fd >= 0 && length <= LARGEST_FRAME) {
      this.output.set(packet.bytes.subarray(packet.start, packet.end), this.header);
      // A full queue over there drops it, as a wire would.
      hostSyscall3(SYS_write, this.fd, this.memory + BUFFER, this.header + length);
    }
    packet.release();
  }

  private readable(): void {
    // The receiver may close it.
    for (let n = 0; n < MOST_AT_ONCE && this.fd >= 0; n++) {
      const length = hostSyscall3(SYS_read, this.fd, this.memory, BUFFER) - this.header;
      if (length <= 0) break;
      this.deliver(length);
    }
  }

  private deliver(length: number): void {
    const { receiver, header, input } = this;
    if (receiver === null) return;
    const packet = allocatePacket(length);
    packet.bytes.set(input.subarray(header, header + length), packet.start);
    packet.end = packet.start + length;
    if (this.framing === 'ip') packet.etherType = input[header] >>> 4 === 4 ? ETH_P_IP : ETH_P_IPV6;
    if (header > 0) packet.trusted = (input[0] & (NEEDS_CHECKSUM | CHECKSUM_IS_RIGHT)) !== 0;
    receiver.receive(packet);
  }

  close(): void {
    if (this.fd < 0) return;
    readiness.unwatch(this.fd);
    hostSyscall3(SYS_close, this.fd, 0, 0);
    this.fd = -1;
  }
}
