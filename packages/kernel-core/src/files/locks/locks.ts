import {
  EAGAIN,
  EBADF,
  EDEADLK,
  EFAULT,
  EINVAL,
  EOVERFLOW,
  ERESTARTSYS,
  F_GETLK,
  F_OFD_GETLK,
  F_OFD_SETLK,
  F_OFD_SETLKW,
  F_RDLCK,
  F_SETLKW,
  F_UNLCK,
  F_WRLCK,
  FLOCK,
  POLLIN,
  SEEK_CUR,
  SEEK_END,
  SEEK_SET,
} from '@sandbox/abi';
import { type File, locksOf } from '@sandbox/vfs';
import type { Task } from '../../process/task/task.js';

const bytes = new Uint8Array(FLOCK.SIZE);
const view = new DataView(bytes.buffer);

/** The range and kind a struct flock asks for, absolute. */
const asked = { type: 0, start: 0, end: 0 };

function s64(offset: number): number {
  return view.getUint32(offset, true) + view.getInt32(offset + 4, true) * 4294967296;
}

function put64(offset: number, value: number): void {
  const lo = value >>> 0;
  view.setUint32(offset, lo, true);
  view.setInt32(offset + 4, (value - lo) / 4294967296, true);
}

/** Read and judge a struct flock (fcntl_locking(2)). 0, -EFAULT, -EINVAL, -EOVERFLOW. */
function readFlock(t: Task, file: File, addr: number): number {
  if (t.mm.copyIn(addr, bytes, 0, FLOCK.SIZE) !== 0) return -EFAULT;
  const whence = view.getInt16(FLOCK.l_whence, true);
  let base = 0;
  if (whence === SEEK_CUR) base = file.pos;
  else if (whence === SEEK_END) base = file.inode.size;
  else if (whence !== SEEK_SET) return -EINVAL;
  const from = s64(FLOCK.l_start) + base;
  const length = s64(FLOCK.l_len);
  if (from > Number.MAX_SAFE_INTEGER) return -EOVERFLOW;
  if (from < 0) return -EINVAL;
  if (length > 0) {
    asked.start = from;
    // A range to the largest offset is one without end.
    asked.end = from + length >= Number.MAX_SAFE_INTEGER ? Number.POSITIVE_INFINITY : from + length;
  } else if (length < 0) {
    if (from + length < 0) return -EINVAL;
    asked.start = from + length;
    asked.end = from;
  } else {
    asked.start = from;
    asked.end = Number.POSITIVE_INFINITY;
  }
  asked.type = view.getInt16(FLOCK.l_type, true);
  return asked.type === F_RDLCK || asked.type === F_WRLCK || asked.type === F_UNLCK ? 0 : -EINVAL;
}

/**
 * fcntl(2) F_GETLK, F_SETLK, F_SETLKW and their F_OFD_* forms; `addr` is the struct flock. `file` is the
 * description the call began with (`t.wait.file` in later runs), never an O_PATH one.
 */
export function fcntlLock(t: Task, file: File, cmd: number, addr: number): number {
  const ofd = cmd === F_OFD_GETLK || cmd === F_OFD_SETLK || cmd === F_OFD_SETLKW;
  const e = readFlock(t, file, addr);
  if (e !== 0) return e;
  // OFD locks belong to the description, so no process is named.
  const named = ofd && view.getInt32(FLOCK.l_pid, true) !== 0;
  const owner = ofd ? file : t.files;
  if (cmd === F_GETLK || cmd === F_OFD_GETLK) return named ? -EINVAL : getLock(t, file, owner, addr);
  if (asked.type === F_RDLCK && !file.readable) return -EBADF;
  if (asked.type === F_WRLCK && !file.writable) return -EBADF;
  if (named) return -EINVAL;
  return setLock(t, file, owner, ofd, cmd === F_SETLKW || cmd === F_OFD_SETLKW);
}

function getLock(t: Task, file: File, owner: object, addr: number): number {
  if (asked.type === F_UNLCK) return -EINVAL;
  const found = file.inode.locks?.conflict(owner, asked.type, asked.start, asked.end) ?? null;
  if (found === null) view.setInt16(FLOCK.l_type, F_UNLCK, true);
  else {
    view.setInt16(FLOCK.l_type, found.type, true);
    view.setInt16(FLOCK.l_whence, SEEK_SET, true);
    put64(FLOCK.l_start, found.start);
    put64(FLOCK.l_len, found.end === Number.POSITIVE_INFINITY ? 0 : found.end - found.start);
    view.setInt32(FLOCK.l_pid, t.pids.seen(t.kernel.pids, found.pid), true);
  }
  return t.mm.copyOut(addr, bytes, 0, FLOCK.SIZE);
}

function setLock(t: Task, file: File, owner: object, ofd: boolean, wait: boolean): number {
  const inode = file.inode;
  if (asked.type === F_UNLCK && inode.locks === null) return 0;
  const locks = locksOf(inode);
  const waits = t.kernel.vfs.lockWaits;
  if (!ofd) waits.done(owner);
  const r = locks.setRecord(owner, asked.type, asked.start, asked.end, ofd ? -1 : t.group.pid);
  if (r !== -EAGAIN || !wait) return r;
  if (!ofd) {
    const blocker = locks.conflict(owner, asked.type, asked.start, asked.end)!;
    if (!waits.begin(owner, blocker.owner)) return -EDEADLK;
  }
  t.wait.holdFile(file);
  const s = t.sleep(locks.queue, POLLIN, -ERESTARTSYS);
  if (t.interrupted) waits.done(owner);
  return s;
}
