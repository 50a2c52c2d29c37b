import {
  EBADF,
  EBUSY,
  EFAULT,
  EINVAL,
  EMFILE,
  ENXIO,
  EOPNOTSUPP,
  EOVERFLOW,
  IO_URING_CLONE_BUFFERS,
  IO_URING_RSRC_REGISTER,
  IO_URING_RSRC_UPDATE2,
  IORING_REGISTER_SRC_REGISTERED,
  IORING_RSRC_REGISTER_SPARSE,
  RLIMIT_NOFILE,
  TMPFS_MAGIC,
} from '@sandbox/abi';
import { type File, releaseFile } from '@sandbox/vfs';
import type { Vma } from '../../mm/vma.js';
import type { Task } from '../../process/task/task.js';
import { ANY_SLOT } from './file-table.js';
import type { Tag } from './tag.js';
import { type FixedBuffer, Uring, uringsOf } from './uring.js';

/**
 * The registered files and buffers of a ring: making the tables, and changing entries. A tag other than 0 is
 * posted when its entry goes.
 */

const PAGE = 4096;
const MAX_FILES = 32768;
const MAX_BUFFERS = 16384;
const MAX_BUFFER = 2 ** 30;
/** IORING_REGISTER_FILES_SKIP */
const SKIP = -2;

/** The tag of entry `i`, of an array at `tags` (0: there is none); -errno. */
function tagAt(t: Task, ring: Uring, tags: number, i: number): Tag | null | number {
  if (tags === 0) return null;
  const low = t.mm.load32(tags + 8 * i);
  const high = low < 0 ? low : t.mm.load32(tags + 8 * i + 4);
  return high < 0 ? -EFAULT : ring.makeTag((BigInt(high) << 32n) | BigInt(low));
}

/**
 * Entry `i` of an array of descriptors: a file with a reference for the table, null (-1: empty), or -errno.
 */
function fileAt(t: Task, fds: number, i: number): File | null | number {
  const word = fds === 0 ? 0xffffffff : t.mm.load32(fds + 4 * i);
  if (word < 0) return -EFAULT;
  const fd = word | 0;
  if (fd === -1) return null;
  const file = t.files.get(fd);
  if (file === null || file instanceof Uring) return -EBADF;
  file.refs++;
  return file;
}

export function registerFiles(t: Task, ring: Uring, fds: number, count: number, tags = 0): number {
  if (ring.files.exists) return -EBUSY;
  if (count === 0) return -EINVAL;
  if (count > MAX_FILES || count > t.group.limits.soft[RLIMIT_NOFILE]!) return -EMFILE;
  const table: (File | null)[] = [];
  const known: (Tag | null)[] = [];
  for (let i = 0; i < count; i++) {
    const tag = tagAt(t, ring, tags, i);
    const file = typeof tag === 'number' ? tag : fileAt(t, fds, i);
    // What is not there cannot go.
    const bad = typeof file === 'number' ? file : file === null && tag !== null ? -EINVAL : 0;
    if (bad < 0) {
      for (const each of table) if (each) releaseFile(each);
      return bad;
    }
    table.push(file as File | null);
    known.push(tag as Tag | null);
  }
  ring.files.create(table, known);
  return 0;
}

/**
 * Replace entries from `offset` on by the descriptors at `fds` (-1: none). How many, or -errno of the first.
 */
export function updateFiles(
  t: Task,
  ring: Uring,
  offset: number,
  fds: number,
  count: number,
  tags = 0,
): number {
  const { files } = ring;
  if (!files.exists) return -ENXIO;
  if (count === 0 || offset + count > files.length) return -EINVAL;
  for (let i = 0; i < count; i++) {
    const tag = tagAt(t, ring, tags, i);
    if (typeof tag === 'number') return i > 0 ? i : tag;
    const word = t.mm.load32(fds + 4 * i) | 0;
    // What is not there cannot go.
    if ((word === SKIP || word === -1) && tag !== null) return i > 0 ? i : -EINVAL;
    if (word === SKIP) continue;
    const file = fileAt(t, fds, i);
    if (typeof file === 'number') return i > 0 ? i : file;
    files.set(offset + i, file, tag);
  }
  return count;
}

/**
 * IORING_OP_FILES_UPDATE with IORING_FILE_INDEX_ALLOC: put the descriptors at `fds` into free entries, whose
 * indices take their place there. How many, or -errno of the first.
 */
export function allocateFiles(t: Task, ring: Uring, fds: number, count: number): number {
  if (!ring.files.exists) return -ENXIO;
  for (let i = 0; i < count; i++) {
    const file = fileAt(t, fds, i);
    if (file === null) return i > 0 ? i : -EBADF;
    const index = typeof file === 'number' ? file : ring.files.install(file, ANY_SLOT);
    if (index < 0) return i > 0 ? i : index;
    if (t.mm.store32(fds + 4 * i, index) < 0) {
      ring.files.close(index);
      return i > 0 ? i : -EFAULT;
    }
  }
  return count;
}

/** IORING_REGISTER_CLONE_BUFFERS: those of another ring, whose tags stay with it. */
export function cloneBuffers(t: Task, ring: Uring, arg: number): number {
  const s = IO_URING_CLONE_BUFFERS;
  const { scratch, scratchView: view } = t.kernel;
  if (t.mm.copyIn(arg, scratch, 0, s.SIZE) < 0) return -EFAULT;
  const flags = view.getUint32(s.flags, true);
  if ((flags & ~IORING_REGISTER_SRC_REGISTERED) !== 0) return -EINVAL;
  for (let at = s.pad; at < s.SIZE; at++) if (scratch[at] !== 0) return -EINVAL;
  if (ring.fixedBuffers !== null) return -EBUSY;
  const fd = view.getUint32(s.src_fd, true);
  const source =
    (flags & IORING_REGISTER_SRC_REGISTERED) !== 0 ? uringsOf(t.kernel).ofTask(t, fd) : t.files.get(fd | 0);
  if (source === null || source === undefined) return -EBADF;
  if (!(source instanceof Uring)) return -EOPNOTSUPP;
  if (source.fixedBuffers === null) return -ENXIO;
  ring.fixedBuffers = source.fixedBuffers.map((buffer) => ({ ...buffer, tag: null }));
  return 0;
}

/** Entry `i` of an array of iovecs; zeros stand for a buffer to come. */
function bufferAt(t: Task, iovecs: number, i: number): FixedBuffer | number {
  if (iovecs === 0) return { addr: 0, length: 0, tag: null };
  const addr = t.mm.load64(iovecs + i * 16);
  const length = addr < 0 ? addr : t.mm.load64(iovecs + i * 16 + 8);
  if (length < 0) return -EFAULT;
  if (addr === 0) return length !== 0 ? -EFAULT : { addr, length, tag: null };
  if (length === 0 || length > MAX_BUFFER) return -EFAULT;
  // All of it has to be there, as it is pinned.
  const { mm } = t;
  for (let at = addr - (addr % PAGE); at < addr + length; at += PAGE)
    if (mm.translate(at, true) < 0) return -EFAULT;
  for (let at = addr; at < addr + length; ) {
    const vma = mm.vmas.find(at);
    if (vma === null || isFileShared(vma)) return -EFAULT;
    at = vma.end;
  }
  return { addr, length, tag: null };
}

/**
 * Shared with a file on a disk, whose pages nobody may hold for long (Linux: writable_file_mapping_allowed).
 */
function isFileShared(vma: Vma): boolean {
  return vma.shared && vma.file !== null && vma.file.inode.fs.statfs().type !== TMPFS_MAGIC;
}

export function registerBuffers(t: Task, ring: Uring, iovecs: number, count: number, tags = 0): number {
  if (ring.fixedBuffers !== null) return -EBUSY;
  if (count === 0 || count > MAX_BUFFERS) return -EINVAL;
  const list: FixedBuffer[] = [];
  for (let i = 0; i < count; i++) {
    const tag = tagAt(t, ring, tags, i);
    const buffer = typeof tag === 'number' ? tag : bufferAt(t, iovecs, i);
    if (typeof buffer === 'number') return buffer;
    if (buffer.addr === 0 && tag !== null) return -EINVAL;
    list.push({ ...buffer, tag: tag as Tag | null });
  }
  ring.fixedBuffers = list;
  return 0;
}

export function updateBuffers(
  t: Task,
  ring: Uring,
  offset: number,
  iovecs: number,
  count: number,
  tags: number,
): number {
  const list = ring.fixedBuffers;
  if (list === null) return -ENXIO;
  if (count === 0 || offset + count > list.length) return -EINVAL;
  for (let i = 0; i < count; i++) {
    const tag = tagAt(t, ring, tags, i);
    const buffer = typeof tag === 'number' ? tag : bufferAt(t, iovecs, i);
    if (typeof buffer === 'number') return i > 0 ? i : buffer;
    if (buffer.addr === 0 && tag !== null) return i > 0 ? i : -EINVAL;
    const old = list[offset + i]!;
    list[offset + i] = { ...buffer, tag: tag as Tag | null };
    old.tag?.drop();
  }
  return count;
}

export function unregisterBuffers(ring: Uring): number {
  const list = ring.fixedBuffers;
  if (list === null) return -ENXIO;
  ring.fixedBuffers = null;
  for (const buffer of list.toReversed()) buffer.tag?.drop();
  return 0;
}

/**
 * IORING_REGISTER_FILES2, IORING_REGISTER_BUFFERS2: `struct io_uring_rsrc_register`, whose size is `size`.
 */
export function registerResources(t: Task, ring: Uring, arg: number, size: number, files: boolean): number {
  const s = IO_URING_RSRC_REGISTER;
  if (size !== s.SIZE) return -EINVAL;
  const { scratch, scratchView: view } = t.kernel;
  if (t.mm.copyIn(arg, scratch, 0, s.SIZE) < 0) return -EFAULT;
  const count = view.getUint32(s.nr, true);
  const flags = view.getUint32(s.flags, true);
  const data = word64(view, s.data);
  const tags = word64(view, s.tags);
  if (count === 0 || word64(view, s.resv2) !== 0 || (flags & ~IORING_RSRC_REGISTER_SPARSE) !== 0)
    return -EINVAL;
  const sparse = (flags & IORING_RSRC_REGISTER_SPARSE) !== 0;
  if (sparse && data !== 0) return -EINVAL;
  if (!sparse && data === 0) return -EFAULT;
  return files ? registerFiles(t, ring, data, count, tags) : registerBuffers(t, ring, data, count, tags);
}

/** IORING_REGISTER_FILES_UPDATE2, IORING_REGISTER_BUFFERS_UPDATE: `struct io_uring_rsrc_update2`. */
export function updateResources(t: Task, ring: Uring, arg: number, size: number, files: boolean): number {
  const s = IO_URING_RSRC_UPDATE2;
  if (size !== s.SIZE) return -EINVAL;
  const { scratch, scratchView: view } = t.kernel;
  if (t.mm.copyIn(arg, scratch, 0, s.SIZE) < 0) return -EFAULT;
  const count = view.getUint32(s.nr, true);
  if (count === 0 || view.getUint32(s.resv, true) !== 0 || view.getUint32(s.resv2, true) !== 0)
    return -EINVAL;
  const offset = view.getUint32(s.offset, true);
  if (offset + count > 0xffffffff) return -EOVERFLOW;
  const data = word64(view, s.data);
  const tags = word64(view, s.tags);
  return files
    ? updateFiles(t, ring, offset, data, count, tags)
    : updateBuffers(t, ring, offset, data, count, tags);
}

function word64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 4294967296;
}
