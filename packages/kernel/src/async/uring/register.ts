import {
  EBADF,
  EBADFD,
  EBUSY,
  EFAULT,
  EINVAL,
  EMFILE,
  ENXIO,
  IORING_OP_LAST,
  IORING_REGISTER_BUFFERS,
  IORING_REGISTER_ENABLE_RINGS,
  IORING_REGISTER_EVENTFD,
  IORING_REGISTER_EVENTFD_ASYNC,
  IORING_REGISTER_FILES,
  IORING_REGISTER_FILES_UPDATE,
  IORING_REGISTER_PBUF_RING,
  IORING_REGISTER_PERSONALITY,
  IORING_REGISTER_PROBE,
  IORING_UNREGISTER_BUFFERS,
  IORING_UNREGISTER_EVENTFD,
  IORING_UNREGISTER_FILES,
  IORING_UNREGISTER_PBUF_RING,
  IORING_UNREGISTER_PERSONALITY,
  RLIMIT_NOFILE,
} from '@sandbox/abi';
import { type File, releaseFile } from '@sandbox/vfs';
import { EventFile } from '../../fs/eventfd.js';
import type { Task } from '../../task/task.js';
import { updateTable } from './operations.js';
import { supports } from './prepare.js';
import { Uring } from './uring.js';

const MAX_FILES = 32768;
const MAX_BUFFERS = 16384;
const MAX_BUFFER = 2 ** 30;
const MAX_PERSONALITIES = 65535;
const PROBE_OP = 8;
const PROBE_HEAD = 16;

/** io_uring_register(2): one operation on `ring`. */
export function registerWith(t: Task, ring: Uring, op: number, arg: number, count: number): number {
  switch (op) {
    case IORING_REGISTER_BUFFERS:
      return registerBuffers(t, ring, arg, count);
    case IORING_UNREGISTER_BUFFERS:
      if (arg !== 0 || count !== 0) return -EINVAL;
      if (ring.fixedBuffers === null) return -ENXIO;
      ring.fixedBuffers = null;
      return 0;
    case IORING_REGISTER_FILES:
      return registerFiles(t, ring, arg, count);
    case IORING_UNREGISTER_FILES:
      if (arg !== 0 || count !== 0) return -EINVAL;
      if (ring.table === null) return -ENXIO;
      ring.dropTable();
      return 0;
    case IORING_REGISTER_FILES_UPDATE:
      return filesUpdate(t, ring, arg, count);
    case IORING_REGISTER_EVENTFD:
    case IORING_REGISTER_EVENTFD_ASYNC:
      return count === 1 ? registerEventfd(t, ring, arg) : -EINVAL;
    case IORING_UNREGISTER_EVENTFD:
      if (arg !== 0 || count !== 0) return -EINVAL;
      if (ring.eventfd === null) return -ENXIO;
      releaseFile(ring.eventfd);
      ring.eventfd = null;
      return 0;
    case IORING_REGISTER_PROBE:
      return probe(t, arg, count);
    case IORING_REGISTER_PERSONALITY:
      return arg !== 0 || count !== 0 ? -EINVAL : addPersonality(t, ring);
    case IORING_UNREGISTER_PERSONALITY:
      if (arg !== 0) return -EINVAL;
      return ring.personalities.delete(count) ? 0 : -EINVAL;
    case IORING_REGISTER_ENABLE_RINGS:
      if (arg !== 0 || count !== 0) return -EINVAL;
      if (ring.enabled) return -EBADFD;
      ring.enabled = true;
      return 0;
    case IORING_REGISTER_PBUF_RING:
      return bufferRing(t, ring, arg, count);
    case IORING_UNREGISTER_PBUF_RING: {
      const id = count === 1 ? t.mm.load16(arg + 12) : -EINVAL;
      return id < 0 ? id : ring.buffers.removeRing(id);
    }
    default:
      return -EINVAL;
  }
}

function registerBuffers(t: Task, ring: Uring, arg: number, count: number): number {
  if (ring.fixedBuffers !== null) return -EBUSY;
  if (count === 0 || count > MAX_BUFFERS) return -EINVAL;
  const list: { addr: number; length: number }[] = [];
  for (let i = 0; i < count; i++) {
    const addr = t.mm.load64(arg + i * 16);
    const length = addr < 0 ? addr : t.mm.load64(arg + i * 16 + 8);
    if (length < 0) return -EFAULT;
    // An entry of zeros stands for a buffer to come.
    if (addr !== 0 && (length === 0 || length > MAX_BUFFER)) return length === 0 ? -EFAULT : -EFAULT;
    if (addr !== 0 && t.mm.translate(addr, true) < 0) return -EFAULT;
    list.push({ addr, length });
  }
  ring.fixedBuffers = list;
  return 0;
}

function registerFiles(t: Task, ring: Uring, arg: number, count: number): number {
  if (ring.table !== null) return -EBUSY;
  if (count === 0) return -EINVAL;
  if (count > MAX_FILES || count > t.group.limits.soft[RLIMIT_NOFILE]!) return -EMFILE;
  const table: (File | null)[] = [];
  for (let i = 0; i < count; i++) {
    const word = arg === 0 ? 0xffffffff : t.mm.load32(arg + 4 * i);
    const fd = word | 0;
    const file = word < 0 || fd === -1 ? null : t.files.get(fd);
    const error = word < 0 ? word : fd !== -1 && (file === null || file instanceof Uring) ? -EBADF : 0;
    if (error < 0) {
      for (const each of table) if (each) releaseFile(each);
      return error;
    }
    if (file !== null) file.refs++;
    table.push(file);
  }
  ring.table = table;
  return 0;
}

/** struct io_uring_files_update: offset, reserved, address of descriptors. */
function filesUpdate(t: Task, ring: Uring, arg: number, count: number): number {
  const offset = t.mm.load32(arg);
  const reserved = offset < 0 ? offset : t.mm.load32(arg + 4);
  const fds = reserved < 0 ? reserved : t.mm.load64(arg + 8);
  if (fds < 0) return -EFAULT;
  if (reserved !== 0) return -EINVAL;
  return ring.table === null ? -ENXIO : updateTable(t, ring, offset, fds, count);
}

function registerEventfd(t: Task, ring: Uring, arg: number): number {
  if (ring.eventfd !== null) return -EBUSY;
  const fd = t.mm.load32(arg);
  if (fd < 0) return -EFAULT;
  const file = t.files.get(fd | 0);
  if (file === null) return -EBADF;
  if (!(file instanceof EventFile)) return -EINVAL;
  file.refs++;
  ring.eventfd = file;
  return 0;
}

/** struct io_uring_probe: the last operation, how many follow, and one entry each. */
function probe(t: Task, arg: number, count: number): number {
  if (arg === 0 || count > 256) return -EINVAL;
  const size = PROBE_HEAD + count * PROBE_OP;
  const bytes = new Uint8Array(size);
  if (t.mm.copyIn(arg, bytes, 0, size) < 0) return -EFAULT;
  if (bytes.some((b) => b !== 0)) return -EINVAL;
  const listed = Math.min(count, IORING_OP_LAST);
  bytes[0] = IORING_OP_LAST - 1;
  bytes[1] = listed;
  for (let i = 0; i < listed; i++) {
    bytes[PROBE_HEAD + i * PROBE_OP] = i;
    bytes[PROBE_HEAD + i * PROBE_OP + 2] = supports(i);
  }
  return t.mm.copyOut(arg, bytes, 0, size);
}

function addPersonality(t: Task, ring: Uring): number {
  if (ring.personalities.size >= MAX_PERSONALITIES) return -EINVAL;
  let id = 1;
  while (ring.personalities.has(id)) id++;
  ring.personalities.set(id, t.cred);
  return id;
}

/** struct io_uring_buf_reg: address, entries, group, flags (none are known). */
function bufferRing(t: Task, ring: Uring, arg: number, count: number): number {
  if (count !== 1) return -EINVAL;
  const { scratch, scratchView: view } = t.kernel;
  if (t.mm.copyIn(arg, scratch, 0, 40) < 0) return -EFAULT;
  if (view.getUint16(14, true) !== 0) return -EINVAL;
  const address = view.getUint32(0, true) + view.getUint32(4, true) * 4294967296;
  return ring.buffers.addRing(view.getUint16(12, true), address, view.getUint32(8, true));
}
