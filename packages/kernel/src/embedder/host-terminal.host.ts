import {
  BRKINT,
  CS8,
  CSIZE,
  ECHO,
  ECHONL,
  ICANON,
  ICRNL,
  IEXTEN,
  IGNBRK,
  IGNCR,
  INLCR,
  ISIG,
  ISTRIP,
  IXON,
  OPOST,
  PARENB,
  PARMRK,
  SYS_ioctl,
  TCGETS,
  TCSETS,
  TERMIOS,
  VMIN,
  VTIME,
} from '@sandbox/abi';
import { hostSyscall3, scratchAddress, scratchBytes } from '@sandbox/native';

const INPUT_OFF = IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON;
const LOCAL_OFF = ECHO | ECHONL | ICANON | ISIG | IEXTEN;

/** The embedder's own terminal, whose settings can be changed and put back. */
export interface HostTerminal {
  /**
   * Pass every key on and show every byte as it is (cfmakeraw(3)). Again after somebody else changed the
   * settings.
   */
  makeRaw(): void;
  /** Back to the settings it had at first. */
  restore(): void;
}

/**
 * The embedder's own terminal `fd`, to take it out of the way of a guest that has one of its own; null when
 * `fd` is no terminal. `setRawMode` of node:tty is not that: it still turns a newline into carriage return
 * and newline.
 */
export function hostTerminal(fd: number): HostTerminal | null {
  if (hostSyscall3(SYS_ioctl, fd, TCGETS, scratchAddress) < 0) return null;
  const before = scratchBytes.slice(0, TERMIOS.SIZE);
  const raw = rawSettings(before);
  const set = (settings: Uint8Array): void => {
    scratchBytes.set(settings);
    hostSyscall3(SYS_ioctl, fd, TCSETS, scratchAddress);
  };
  return { makeRaw: () => set(raw), restore: () => set(before) };
}

function rawSettings(before: Uint8Array): Uint8Array {
  const raw = before.slice();
  const view = new DataView(raw.buffer);
  const change = (field: number, off: number, on = 0): void => {
    view.setUint32(field, (view.getUint32(field, true) & ~off) | on, true);
  };
  change(TERMIOS.c_iflag, INPUT_OFF);
  change(TERMIOS.c_oflag, OPOST);
  change(TERMIOS.c_cflag, CSIZE | PARENB, CS8);
  change(TERMIOS.c_lflag, LOCAL_OFF);
  raw[TERMIOS.c_cc + VMIN] = 1;
  raw[TERMIOS.c_cc + VTIME] = 0;
  return raw;
}
