import {
  EAGAIN,
  EINTR,
  ERESTARTSYS,
  O_ACCMODE,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  SIGXFSZ,
} from '@sandbox/abi';
import { File } from '@sandbox/vfs';
import { READ_EVENTS, WRITE_EVENTS } from '../../process/files/events.js';
import { userSiginfo } from '../../process/signal/siginfo.js';
import type { Task } from '../../process/task/task.js';
import { SocketFile } from '../socket/socket-file.js';

/**
 * The description of `fd`, or null: EBADF. In a later run of a blocked call, the description it began with.
 * O_PATH descriptors are none for calls that touch content (open(2)).
 */
export function fileOf(t: Task, fd: number): File | null {
  const file = t.wait.file !== null ? t.wait.file : t.files.get(fd);
  return file !== null && (file.flags & O_PATH) === 0 ? file : null;
}

/** Any description, O_PATH ones too: for the calls open(2) lists as allowed on them. */
export function anyFileOf(t: Task, fd: number): File | null {
  return t.wait.file !== null ? t.wait.file : t.files.get(fd);
}

/** Opened for reading, from the status flags. Access mode 3 permits neither (open(2), notes). */
export function mayRead(flags: number): boolean {
  const mode = flags & (O_ACCMODE | O_PATH);
  return mode === O_RDONLY || mode === O_RDWR;
}

export function mayWrite(flags: number): boolean {
  const mode = flags & (O_ACCMODE | O_PATH);
  return mode === O_WRONLY || mode === O_RDWR;
}

/**
 * A kind of file that is never read (or written): EINVAL comes before a look at the buffer (FMODE_CAN_READ,
 * FMODE_CAN_WRITE).
 */
export function isUnreadable(file: File): boolean {
  return file.read === File.prototype.read;
}
export function isUnwritable(file: File): boolean {
  return file.write === File.prototype.write;
}

/**
 * `file` answered -EAGAIN to a read: what the call answers now. It sleeps, unless it must not (O_NONBLOCK, a
 * file that never becomes ready, the timeout is over).
 */
export function blockRead(t: Task, file: File): number {
  if ((file.flags & O_NONBLOCK) !== 0) return t.wait.progress > 0 ? t.wait.progress : -EAGAIN;
  if (!(file instanceof SocketFile)) return blockOn(t, file, READ_EVENTS, Number.POSITIVE_INFINITY);
  return file.endsWait ? t.wait.progress : blockOn(t, file, READ_EVENTS, file.readTimeout);
}

/** The same for a write. */
export function blockWrite(t: Task, file: File): number {
  if ((file.flags & O_NONBLOCK) !== 0) return t.wait.progress > 0 ? t.wait.progress : -EAGAIN;
  const timeout = file instanceof SocketFile ? file.writeTimeout : Number.POSITIVE_INFINITY;
  return blockOn(t, file, WRITE_EVENTS, timeout);
}

/**
 * Sleep for `events` of `file`, at most `timeout` ns. A call with a timeout is not restarted after a signal
 * (signal(7)): its time would begin anew.
 */
export function blockOn(t: Task, file: File, events: number, timeout: number): number {
  const wait = t.wait;
  const queue = file.waitQueue;
  if (queue === null || wait.timedOut) return wait.progress > 0 ? wait.progress : -EAGAIN;
  if (timeout !== Number.POSITIVE_INFINITY) {
    t.setTimeout(timeout);
    wait.holdFile(file);
    return t.sleep(queue, events, -EINTR);
  }
  wait.holdFile(file);
  return t.sleep(queue, events, -ERESTARTSYS);
}

/** The writer has no reader any more. */
export function raiseSigpipe(t: Task): void {
  t.kernel.signals.sendSigpipe(t);
}

/** A write went beyond RLIMIT_FSIZE. */
export function raiseSigxfsz(t: Task): void {
  t.kernel.signals.sendToTask(t, userSiginfo(SIGXFSZ, t.group.pid, t.cred.uid));
}
