import {
  CAP_SYS_ADMIN,
  EFAULT,
  EINVAL,
  EIO,
  ENOTTY,
  EPERM,
  ESRCH,
  N_TTY,
  SIGTTOU,
  TCFLSH,
  TCIFLUSH,
  TCIOFF,
  TCIOFLUSH,
  TCION,
  TCOFLUSH,
  TCOOFF,
  TCOON,
  TCSBRK,
  TCSBRKP,
  TCXONC,
  TIOCCBRK,
  TIOCEXCL,
  TIOCGDEV,
  TIOCGETD,
  TIOCGEXCL,
  TIOCGPGRP,
  TIOCGPTPEER,
  TIOCGSID,
  TIOCGWINSZ,
  TIOCINQ,
  TIOCNOTTY,
  TIOCNXCL,
  TIOCOUTQ,
  TIOCSBRK,
  TIOCSCTTY,
  TIOCSETD,
  TIOCSPGRP,
  TIOCSTI,
  TIOCSWINSZ,
  TIOCVHANGUP,
  VSTART,
  VSTOP,
  WINSIZE,
} from '@sandbox/abi';
import type { IoctlCaller } from '@sandbox/vfs';
import { disassociateTty } from '../../process/task/controlling-tty.js';
import type { Task } from '../../process/task/task.js';
import { copyOutInt } from '../pipe/pipe-file.js';
import { DISABLED } from './chars.js';
import { NOT_HANDLED, termiosIoctl } from './ioctl-termios.js';
import { checkForeground, controllingTty, setControllingTty } from './job-control.js';
import type { Tty } from './tty.js';
import type { TtyFile } from './tty-file.js';

const bytes = new Uint8Array(16);
const view = new DataView(bytes.buffer);

/**
 * What a request looks like from one of the two sides: some are about this side's own buffers, most about the
 * terminal.
 */
export interface TtySide {
  readonly tty: Tty;
  /** This is the terminal itself, not its master. */
  readonly isSlave: boolean;
  /** Opened for reading. */
  readonly readable: boolean;
  readonly exclusiveHolder: { exclusive: boolean };
  /** FIONREAD. */
  readonly inputCount: number;
  flushInput(): void;
  flushOutput(): void;
  stop(on: boolean): void;
  /** Send a flow control character past everything that waits. */
  sendUrgent(c: number): void;
  /** TIOCSTI: as if `byte` had been received. */
  inject(byte: Uint8Array): void;
}

/** ioctl_tty(2) on an open terminal. */
export function slaveIoctl(file: TtyFile, cmd: number, arg: number, caller: IoctlCaller): number {
  return cmd === TIOCGPTPEER ? -EIO : ttyIoctl(file, cmd, arg, caller);
}

/** The requests both sides know. -ENOTTY for others. */
export function ttyIoctl(side: TtySide, cmd: number, arg: number, caller: IoctlCaller): number {
  const r = termiosIoctl(side.tty, cmd, arg, caller);
  if (r !== NOT_HANDLED) return r;
  const { tty } = side;
  switch (cmd) {
    case TIOCGWINSZ:
      return getSize(tty, arg, caller);
    case TIOCSWINSZ:
      return setSize(tty, arg, caller);
    case TIOCINQ:
      return copyOutInt(caller, arg, side.inputCount);
    case TIOCOUTQ:
      // What was written is at the other side at once.
      return copyOutInt(caller, arg, 0);
    case TIOCEXCL:
    case TIOCNXCL:
      side.exclusiveHolder.exclusive = cmd === TIOCEXCL;
      return 0;
    case TIOCGEXCL:
      return copyOutInt(caller, arg, side.exclusiveHolder.exclusive ? 1 : 0);
    case TIOCGETD:
      return copyOutInt(caller, arg, N_TTY);
    case TIOCGDEV:
      return copyOutInt(caller, arg, tty.rdev);
    case TIOCSTI:
      return inject(side, arg, caller);
    case TIOCVHANGUP:
      if (!caller.cred.capable(CAP_SYS_ADMIN)) return -EPERM;
      tty.hangUp();
      return 0;
    default:
      return changeIoctl(side, cmd, arg, caller);
  }
}

/** Requests that only the foreground may make, and job control. */
function changeIoctl(side: TtySide, cmd: number, arg: number, caller: IoctlCaller): number {
  switch (cmd) {
    case TIOCSETD:
    case TIOCSBRK:
    case TIOCCBRK:
    case TCSBRK:
    case TCSBRKP:
    case TCXONC:
    case TCFLSH: {
      const denied = side.isSlave ? checkForeground(side.tty, caller.task as Task | null, SIGTTOU) : 0;
      return denied !== 0 ? denied : changed(side, cmd, arg, caller);
    }
    default:
      return jobIoctl(side, cmd, arg, caller);
  }
}

function changed(side: TtySide, cmd: number, arg: number, caller: IoctlCaller): number {
  switch (cmd) {
    case TIOCSETD:
      if (caller.memory.copyIn(arg, bytes, 0, 4) < 0) return -EFAULT;
      return view.getInt32(0, true) === N_TTY ? 0 : -EINVAL;
    case TCXONC:
      return flowControl(side, arg);
    case TCFLSH:
      if (arg !== TCIFLUSH && arg !== TCOFLUSH && arg !== TCIOFLUSH) return -EINVAL;
      if (arg !== TCOFLUSH) side.flushInput();
      if (arg !== TCIFLUSH) side.flushOutput();
      return 0;
    default:
      // A pseudo-terminal has no line to put a break on: nothing happens, and that is no error (drivers/tty
      // send_break).
      return 0;
  }
}

/** tcflow(3) */
function flowControl(side: TtySide, action: number): number {
  const { cc } = side.tty.termios;
  switch (action) {
    case TCOOFF:
    case TCOON:
      side.stop(action === TCOOFF);
      return 0;
    case TCIOFF:
      if (cc[VSTOP] !== DISABLED) side.sendUrgent(cc[VSTOP]!);
      return 0;
    case TCION:
      if (cc[VSTART] !== DISABLED) side.sendUrgent(cc[VSTART]!);
      return 0;
    default:
      return -EINVAL;
  }
}

function jobIoctl(side: TtySide, cmd: number, arg: number, caller: IoctlCaller): number {
  const task = caller.task as Task | null;
  if (task === null) return -ENOTTY;
  const { tty } = side;
  const mine = side.isSlave && controllingTty(task.group) === tty;
  switch (cmd) {
    case TIOCSCTTY:
      return setControllingTty(tty, task, side, arg === 1);
    case TIOCNOTTY:
      if (!mine) return -ENOTTY;
      disassociateTty(task.group, false);
      return 0;
    case TIOCGPGRP:
      if (side.isSlave && !mine) return -ENOTTY;
      return copyOutInt(
        caller,
        arg,
        tty.foreground ? task.pids.numberOf(tty.foreground.pgid, tty.foreground) : 0,
      );
    case TIOCGSID:
      if ((side.isSlave && !mine) || tty.session === null) return -ENOTTY;
      return copyOutInt(caller, arg, task.pids.numberOf(tty.session.sid, tty.session));
    case TIOCSPGRP:
      return setForeground(tty, arg, caller, task);
    default:
      return -ENOTTY;
  }
}

/** tcsetpgrp(3) */
function setForeground(tty: Tty, arg: number, caller: IoctlCaller, task: Task): number {
  const denied = checkForeground(tty, task, SIGTTOU);
  if (denied !== 0) return denied === -EIO ? -ENOTTY : denied;
  if (caller.memory.copyIn(arg, bytes, 0, 4) < 0) return -EFAULT;
  const pgid = view.getInt32(0, true);
  if (pgid < 0) return -EINVAL;
  const { session } = task.group;
  if (controllingTty(task.group) !== tty || tty.session !== session) return -ENOTTY;
  const { pids } = task;
  const pgrp = pids.groups.get(pgid);
  if (pgrp === undefined) return pids.tasks.has(pgid) ? -EPERM : -ESRCH;
  if (pgrp.session !== session) return -EPERM;
  tty.foreground = pgrp;
  return 0;
}

function getSize(tty: Tty, arg: number, caller: IoctlCaller): number {
  view.setUint16(WINSIZE.ws_row, tty.rows, true);
  view.setUint16(WINSIZE.ws_col, tty.columns, true);
  view.setUint16(WINSIZE.ws_xpixel, tty.xpixels, true);
  view.setUint16(WINSIZE.ws_ypixel, tty.ypixels, true);
  return caller.memory.copyOut(arg, bytes, 0, WINSIZE.SIZE) < 0 ? -EFAULT : 0;
}

function setSize(tty: Tty, arg: number, caller: IoctlCaller): number {
  if (caller.memory.copyIn(arg, bytes, 0, WINSIZE.SIZE) < 0) return -EFAULT;
  tty.resize(
    view.getUint16(WINSIZE.ws_row, true),
    view.getUint16(WINSIZE.ws_col, true),
    view.getUint16(WINSIZE.ws_xpixel, true),
    view.getUint16(WINSIZE.ws_ypixel, true),
  );
  return 0;
}

/** Faking input is for the administrator only (sysctl dev.tty.legacy_tiocsti is 0). */
function inject(side: TtySide, arg: number, caller: IoctlCaller): number {
  if (!caller.cred.capable(CAP_SYS_ADMIN)) return -EIO;
  if (caller.memory.copyIn(arg, bytes, 0, 1) < 0) return -EFAULT;
  side.inject(bytes);
  return 0;
}
