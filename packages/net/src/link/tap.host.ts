import {
  EAGAIN,
  IFF_NO_PI,
  IFF_TAP,
  IFF_TUN,
  IFREQ,
  O_CLOEXEC,
  O_NONBLOCK,
  O_RDWR,
  POLLIN,
  TUNSETIFF,
} from '@sandbox/abi';
import {
  allocatePages,
  cString,
  hostSyscall,
  hostSyscall3,
  libcFunction,
  scratchAddress,
  scratchBytes,
  scratchView,
  viewOf,
} from '@sandbox/native';
import { allocatePacket, type Packet } from '../core/packet.js';
import type { Link, LinkReceiver } from './link.js';

const SYS_read = 0;
const SYS_write = 1;
const SYS_close = 3;
const SYS_ioctl = 16;
const SYS_eventfd2 = 290;
const SYS_openat = 257;
const AT_FDCWD = -100;
const LARGEST_FRAME = 65536 + 14;
/** Frames read in one go before others get a turn. */
const MOST_AT_ONCE = 256;
const STRUCT_POLLFD = 8;

/** A function of koffi's, which can also be called on a thread of its own. */
interface AsyncNative {
  async(...args: unknown[]): void;
}

let poll: AsyncNative | null = null;

export interface TapOptions {
  /** Name of the host's device; it is made when there is none (CAP_NET_ADMIN). Empty: the host chooses. */
  name?: string;
  /** `tap` carries Ethernet frames, `tun` IP packets. */
  mode?: 'tap' | 'tun';
  mtu?: number;
  /** Hardware address of this side; not the host's device's own. */
  mac?: Uint8Array;
}

/**
 * A TAP or TUN device of the host: its kernel is the other end. Configuring that end (addresses, up, bridges) is the host's matter. Keeps the
 * process alive until `close`.
 */
export class TapLink implements Link {
  readonly framing: 'ethernet' | 'ip';
  readonly mtu: number;
  readonly mac: Uint8Array | null;
  readonly up = true;
  readonly trusted = false;
  /** The device's name. */
  readonly name: string;
  private receiver: LinkReceiver | null = null;
  private fd: number;
  private readonly wakeFd: number;
  /** One page for poll's arguments, then a frame to read and one to write. */
  private readonly memory = allocatePages(4096 + 2 * 69632);
  private readonly view = new DataView(viewOf(this.memory, 64));
  private readonly input = new Uint8Array(viewOf(this.memory + 4096, LARGEST_FRAME));
  private readonly output = new Uint8Array(viewOf(this.memory + 4096 + 69632, LARGEST_FRAME));

  /** Throws an `Error` with the host's errno: no /dev/net/tun, no right to it, a device that is busy. */
  constructor(options: TapOptions = {}) {
    const tap = (options.mode ?? 'tap') === 'tap';
    this.framing = tap ? 'ethernet' : 'ip';
    this.mtu = options.mtu ?? 1500;
    this.mac = tap ? (options.mac ?? Uint8Array.of(2, 0, 0x74, 0x61, 0x70, 2)) : null;
    const flags = O_RDWR | O_NONBLOCK | O_CLOEXEC;
    this.fd = check(hostSyscall(SYS_openat, AT_FDCWD, cString('/dev/net/tun'), flags), 'open /dev/net/tun');
    scratchBytes.fill(0, 0, IFREQ.SIZE);
    Buffer.from((options.name ?? '').slice(0, 15)).copy(scratchBytes);
    scratchView.setUint16(IFREQ.ifr_flags, (tap ? IFF_TAP : IFF_TUN) | IFF_NO_PI, true);
    const made = hostSyscall3(SYS_ioctl, this.fd, TUNSETIFF, scratchAddress);
    if (made < 0) {
      hostSyscall3(SYS_close, this.fd, 0, 0);
      check(made, 'TUNSETIFF');
    }
    this.name = Buffer.from(scratchBytes.subarray(0, 16)).toString('latin1').replace(/\0.*$/s, '');
    this.wakeFd = check(hostSyscall(SYS_eventfd2, 0, O_CLOEXEC), 'eventfd');
    this.wait();
  }

  attach(receiver: LinkReceiver | null): void {
    this.receiver = receiver;
  }

  send(packet: Packet): void {
    const length = packet.end - packet.start;
    if (this.fd >= 0 && length <= LARGEST_FRAME) {
      this.output.set(packet.bytes.subarray(packet.start, packet.end));
      // A full queue over there drops it, as a wire would.
      hostSyscall3(SYS_write, this.fd, this.memory + 4096 + 69632, length);
    }
    packet.release();
  }

  /** Have a thread wait for frames, then come back here. */
  private wait(): void {
    poll ??= libcFunction(
      'int poll(intptr_t fds, unsigned long count, int timeout)',
    ) as unknown as AsyncNative;
    [this.fd, this.wakeFd].forEach((fd, i) => {
      this.view.setInt32(i * STRUCT_POLLFD, fd, true);
      this.view.setUint32(i * STRUCT_POLLFD + 4, POLLIN, true);
    });
    poll.async(this.memory, 2, -1, () => this.readable());
  }

  private readable(): void {
    if (this.fd < 0) {
      hostSyscall3(SYS_close, this.wakeFd, 0, 0);
      return;
    }
    for (let n = 0; n < MOST_AT_ONCE; n++) {
      const length = hostSyscall3(SYS_read, this.fd, this.memory + 4096, LARGEST_FRAME);
      if (length === -EAGAIN || length <= 0) break;
      const packet = allocatePacket(length);
      packet.bytes.set(this.input.subarray(0, length), packet.start);
      packet.end = packet.start + length;
      if (this.framing === 'ip') packet.etherType = this.input[0] >>> 4 === 4 ? 0x800 : 0x86dd;
      if (this.receiver === null) packet.release();
      else this.receiver.receive(packet);
      // The receiver may have closed it.
      if (this.fd < 0) break;
    }
    if (this.fd >= 0) this.wait();
    else hostSyscall3(SYS_close, this.wakeFd, 0, 0);
  }

  close(): void {
    if (this.fd < 0) return;
    const { fd } = this;
    this.fd = -1;
    scratchView.setBigUint64(0, 1n, true);
    hostSyscall3(SYS_write, this.wakeFd, scratchAddress, 8);
    hostSyscall3(SYS_close, fd, 0, 0);
  }
}

function check(result: number, what: string): number {
  if (result < 0) throw Object.assign(new Error(`${what}: errno ${-result}`), { errno: -result });
  return result;
}
