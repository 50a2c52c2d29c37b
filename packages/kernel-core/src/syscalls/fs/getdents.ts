import {
  DIRENT64,
  EBADF,
  EFAULT,
  EINVAL,
  ENOENT,
  IN_ACCESS,
  LINUX_DIRENT,
  SYS_getdents,
  SYS_getdents64,
} from '@sandbox/abi';
import type { File } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { askAccess } from '../../files/fanotify/permission.js';
import { fileOf } from '../../files/io/files.js';
import type { Task } from '../../process/task/task.js';

/** Records are built here and copied out when it is full or the listing pauses. */
const STAGE = 32768;
const stage = new Uint8Array(STAGE);
/** The same: records begin at multiples of 8. */
const stageWords = new Uint32Array(stage.buffer);
const stageHalves = new Uint16Array(stage.buffer);
const TWO32 = 4294967296;

const INO = DIRENT64.d_ino >> 2;
const OFF = DIRENT64.d_off >> 2;

/** One listing under way: where its records go. Reused; `emit` is the emitter given to files. */
class Listing {
  private t!: Task;
  private addr = 0;
  private left = 0;
  private staged = 0;
  /** Bytes copied out so far. */
  copied = 0;
  /** Position behind the last entry delivered. */
  pos = 0;
  entries = 0;
  /** -EFAULT, or -EINVAL when not even one record fits. */
  error = 0;
  private old = false;

  start(t: Task, addr: number, size: number, old: boolean, pos: number): void {
    this.t = t;
    this.addr = addr;
    this.left = size;
    this.staged = 0;
    this.copied = 0;
    this.pos = pos;
    this.entries = 0;
    this.error = 0;
    this.old = old;
  }

  readonly emit = (name: string, ino: number, type: number, nextPos: number): boolean => {
    const nameAt = this.old ? LINUX_DIRENT.d_name : DIRENT64.d_name;
    // The old record keeps its type in the last byte.
    const length = (nameAt + name.length + (this.old ? 2 : 1) + 7) & ~7;
    if (length > this.left) {
      if (this.entries === 0) this.error = -EINVAL;
      return false;
    }
    if (this.staged + length > STAGE && !this.flush()) return false;
    const at = this.staged;
    const word = at >> 2;
    stageWords[word + INO] = ino;
    stageWords[word + INO + 1] = (ino - (ino >>> 0)) / TWO32;
    stageWords[word + OFF] = nextPos;
    stageWords[word + OFF + 1] = (nextPos - (nextPos >>> 0)) / TWO32;
    // What of it nothing else fills is zero.
    stageWords[word + (length >> 2) - 2] = 0;
    stageWords[word + (length >> 2) - 1] = 0;
    stageHalves[(at + DIRENT64.d_reclen) >> 1] = length;
    if (!this.old) stage[at + DIRENT64.d_type] = type;
    const n = name.length;
    for (let i = 0; i < n; i++) stage[at + nameAt + i] = name.charCodeAt(i);
    stage[at + nameAt + n] = 0;
    if (this.old) stage[at + length - 1] = type;
    this.staged += length;
    this.left -= length;
    this.pos = nextPos;
    this.entries++;
    return true;
  };

  flush(): boolean {
    if (this.staged > 0 && this.t.mm.copyOut(this.addr + this.copied, stage, 0, this.staged) !== 0) {
      this.error = -EFAULT;
      return false;
    }
    this.copied += this.staged;
    this.staged = 0;
    return true;
  }
}

const listing = new Listing();

function list(t: Task, a: SyscallArgs, old: boolean): number {
  const file: File | null = fileOf(t, a.i32(0));
  if (file === null) return -EBADF;
  // A removed directory has no entries, not even '.' and '..' (Linux: iterate_dir).
  if (file.inode.isDirectory && file.inode.nlink === 0) return -ENOENT;
  if (file.asksAccess) {
    const asked = askAccess(t, file);
    if (asked !== 0) return asked;
  }
  listing.start(t, a.u64(1), a.u32(2), old, file.pos);
  const e = file.readdir(file.pos, listing.emit);
  if (e >= 0) file.notify(IN_ACCESS);
  if (e < 0 && listing.entries === 0) return e;
  if (listing.error !== 0 && listing.entries === 0) return listing.error;
  if (!listing.flush() || listing.error === -EFAULT) return -EFAULT;
  file.pos = listing.pos;
  return listing.copied;
}

/** getdents64(2) */
function sysGetdents64(t: Task, a: SyscallArgs): number {
  return list(t, a, false);
}

/** getdents(2) */
function sysGetdents(t: Task, a: SyscallArgs): number {
  return list(t, a, true);
}

export const rows = [
  row(SYS_getdents, 'getdents', sysGetdents, ['fd', 'outbuf', 'uint']),
  row(SYS_getdents64, 'getdents64', sysGetdents64, ['fd', 'outbuf', 'uint']),
];
