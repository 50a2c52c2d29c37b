import {
  CAP_SYS_ADMIN,
  CLOCAL,
  EFAULT,
  EPERM,
  SIGTTOU,
  TCGETA,
  TCGETS,
  TCGETS2,
  TCSETA,
  TCSETAF,
  TCSETAW,
  TCSETS,
  TCSETS2,
  TCSETSF,
  TCSETSF2,
  TCSETSW,
  TCSETSW2,
  TERMIO,
  TERMIOS,
  TERMIOS2,
  TIOCGLCKTRMIOS,
  TIOCGSOFTCAR,
  TIOCSLCKTRMIOS,
  TIOCSSOFTCAR,
} from '@sandbox/abi';
import type { IoctlCaller } from '@sandbox/vfs';
import type { Task } from '../../process/task/task.js';
import { copyOutInt } from '../pipe/pipe-file.js';
import { checkForeground } from './job-control.js';
import { Termios } from './termios.js';
import type { Tty } from './tty.js';

/** Not a request about settings. */
export const NOT_HANDLED = 1;

const bytes = new Uint8Array(64);
const view = new DataView(bytes.buffer);
const wanted = new Termios();

/**
 * tcgetattr(3), tcsetattr(3) in all their encodings, on either side of a terminal. NOT_HANDLED, 0 or -errno.
 */
export function termiosIoctl(tty: Tty, cmd: number, arg: number, caller: IoctlCaller): number {
  switch (cmd) {
    case TCGETS:
      return copyOut(caller, arg, tty.termios.encode(bytes, view, false));
    case TCGETS2:
      return copyOut(caller, arg, tty.termios.encode(bytes, view, true));
    case TCGETA:
      return copyOut(caller, arg, tty.termios.encodeOld(bytes, view));
    case TCSETS:
    case TCSETSW:
    case TCSETSF:
      return set(tty, arg, caller, TERMIOS.SIZE, cmd === TCSETSF);
    case TCSETS2:
    case TCSETSW2:
    case TCSETSF2:
      return set(tty, arg, caller, TERMIOS2.SIZE, cmd === TCSETSF2);
    case TCSETA:
    case TCSETAW:
    case TCSETAF:
      return set(tty, arg, caller, TERMIO.SIZE, cmd === TCSETAF);
    case TIOCGLCKTRMIOS:
      return copyOut(caller, arg, tty.locked.encode(bytes, view, false));
    case TIOCSLCKTRMIOS:
      if (!caller.cred.capable(CAP_SYS_ADMIN)) return -EPERM;
      if (caller.memory.copyIn(arg, bytes, 0, TERMIOS.SIZE) < 0) return -EFAULT;
      tty.locked.decode(bytes, view, false);
      return 0;
    case TIOCGSOFTCAR:
      return copyOutInt(caller, arg, (tty.termios.cflag & CLOCAL) !== 0 ? 1 : 0);
    case TIOCSSOFTCAR:
      return setSoftCarrier(tty, arg, caller);
    default:
      return NOT_HANDLED;
  }
}

function copyOut(caller: IoctlCaller, arg: number, size: number): number {
  return caller.memory.copyOut(arg, bytes, 0, size) < 0 ? -EFAULT : 0;
}

/** Output is with the other side at once, so that "after it is sent" (TCSETSW) is now. */
function set(tty: Tty, arg: number, caller: IoctlCaller, size: number, flush: boolean): number {
  const denied = checkForeground(tty, caller.task as Task | null, SIGTTOU);
  if (denied !== 0) return denied;
  if (caller.memory.copyIn(arg, bytes, 0, size) < 0) return -EFAULT;
  wanted.copyFrom(tty.termios);
  if (size === TERMIO.SIZE) wanted.decodeOld(bytes, view);
  else wanted.decode(bytes, view, size === TERMIOS2.SIZE);
  if (flush) tty.line.flushInput();
  tty.setTermios(wanted);
  return 0;
}

function setSoftCarrier(tty: Tty, arg: number, caller: IoctlCaller): number {
  if (caller.memory.copyIn(arg, bytes, 0, 4) < 0) return -EFAULT;
  wanted.copyFrom(tty.termios);
  const on = view.getInt32(0, true) !== 0;
  wanted.cflag = (on ? wanted.cflag | CLOCAL : wanted.cflag & ~CLOCAL) >>> 0;
  tty.setTermios(wanted);
  return 0;
}
