/** Pseudo-terminals of the host (pty(7)). */
import {
  O_CLOEXEC,
  O_NOCTTY,
  O_RDWR,
  SYS_ioctl,
  SYS_open,
  TIOCGPTPEER,
  TIOCGWINSZ,
  TIOCSCTTY,
  TIOCSPTLCK,
  TIOCSWINSZ,
} from '@sandbox/abi';
import { hostSyscall3 } from './ffi.host.js';
import { cString, scratchAddress, scratchView } from './scratch.host.js';

/** A new pair: descriptors of its two sides, close-on-exec; or -errno. */
export function hostOpenPty(): { master: number; slave: number } | number {
  const master = hostSyscall3(SYS_open, cString('/dev/ptmx'), O_RDWR | O_NOCTTY | O_CLOEXEC, 0);
  if (master < 0) return master;
  scratchView.setInt32(0, 0, true);
  const unlocked = hostSyscall3(SYS_ioctl, master, TIOCSPTLCK, scratchAddress);
  if (unlocked < 0) return unlocked;
  const slave = hostSyscall3(SYS_ioctl, master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  return slave < 0 ? slave : { master, slave };
}

/** The size of a terminal; null when `fd` is none. */
export function hostTerminalSize(fd: number): { rows: number; columns: number } | null {
  if (hostSyscall3(SYS_ioctl, fd, TIOCGWINSZ, scratchAddress) < 0) return null;
  return { rows: scratchView.getUint16(0, true), columns: scratchView.getUint16(2, true) };
}

export function hostSetTerminalSize(fd: number, rows: number, columns: number): number {
  scratchView.setUint16(0, rows, true);
  scratchView.setUint16(2, columns, true);
  scratchView.setUint32(4, 0, true);
  return hostSyscall3(SYS_ioctl, fd, TIOCSWINSZ, scratchAddress);
}

/** Make it the controlling terminal of this process, which leads a session without one. 0 or -errno. */
export function hostTakeTerminal(fd: number): number {
  return hostSyscall3(SYS_ioctl, fd, TIOCSCTTY, 0);
}
