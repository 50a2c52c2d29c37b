import {
  AT_FDCWD,
  IFF_NO_PI,
  IFF_TAP,
  IFF_TUN,
  IFREQ,
  O_CLOEXEC,
  O_NONBLOCK,
  O_RDWR,
  SYS_close,
  SYS_ioctl,
  SYS_openat,
  TUNSETIFF,
} from '@sandbox/abi';
import {
  cString,
  hostSyscall,
  hostSyscall3,
  scratchAddress,
  scratchBytes,
  scratchView,
} from '@sandbox/native';
import { check } from './check.host.js';
import { FrameDeviceLink } from './frame-device.host.js';

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
 * A TAP or TUN device of the host: its kernel is the other end. Configuring that end (addresses, up, bridges)
 * is the host's matter. Keeps the process alive until `close`.
 */
export class TapLink extends FrameDeviceLink {
  /** The device's name. */
  readonly name: string;

  /**
   * Throws an `Error` with the host's `code` and `errno`: no /dev/net/tun, no right to it, a device that is
   * busy.
   */
  constructor(options: TapOptions = {}) {
    const tap = (options.mode ?? 'tap') === 'tap';
    const { fd, name } = open(options.name ?? '', tap);
    super({
      fd,
      framing: tap ? 'ethernet' : 'ip',
      mtu: options.mtu ?? 1500,
      mac: tap ? (options.mac ?? Uint8Array.of(2, 0, 0x74, 0x61, 0x70, 2)) : null,
      virtioHeader: false,
    });
    this.name = name;
  }
}

function open(wanted: string, tap: boolean): { fd: number; name: string } {
  const flags = O_RDWR | O_NONBLOCK | O_CLOEXEC;
  const fd = check(hostSyscall(SYS_openat, AT_FDCWD, cString('/dev/net/tun'), flags), 'open /dev/net/tun');
  scratchBytes.fill(0, 0, IFREQ.SIZE);
  Buffer.from(wanted.slice(0, 15)).copy(scratchBytes);
  scratchView.setUint16(IFREQ.ifr_flags, (tap ? IFF_TAP : IFF_TUN) | IFF_NO_PI, true);
  const made = hostSyscall3(SYS_ioctl, fd, TUNSETIFF, scratchAddress);
  if (made < 0) {
    hostSyscall3(SYS_close, fd, 0, 0);
    check(made, 'TUNSETIFF');
  }
  const name = Buffer.from(scratchBytes.subarray(0, 16)).toString('latin1').replace(/\0.*$/s, '');
  return { fd, name };
}
