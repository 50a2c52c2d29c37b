import {
  EBADF,
  EBADFD,
  EBUSY,
  EFAULT,
  EINVAL,
  ENXIO,
  EOVERFLOW,
  IO_URING_FILE_INDEX_RANGE,
  IORING_OP_LAST,
  IORING_REGISTER_BUFFERS,
  IORING_REGISTER_BUFFERS_UPDATE,
  IORING_REGISTER_BUFFERS2,
  IORING_REGISTER_ENABLE_RINGS,
  IORING_REGISTER_EVENTFD,
  IORING_REGISTER_EVENTFD_ASYNC,
  IORING_REGISTER_FILE_ALLOC_RANGE,
  IORING_REGISTER_FILES,
  IORING_REGISTER_FILES_UPDATE,
  IORING_REGISTER_FILES_UPDATE2,
  IORING_REGISTER_FILES2,
  IORING_REGISTER_PBUF_RING,
  IORING_REGISTER_PERSONALITY,
  IORING_REGISTER_PROBE,
  IORING_UNREGISTER_BUFFERS,
  IORING_UNREGISTER_EVENTFD,
  IORING_UNREGISTER_FILES,
  IORING_UNREGISTER_PBUF_RING,
  IORING_UNREGISTER_PERSONALITY,
} from '@sandbox/abi';
import { releaseFile } from '@sandbox/vfs';
import { EventFile } from '../../fs/eventfd.js';
import type { Task } from '../../task/task.js';
import { supports } from './prepare.js';
import {
  registerBuffers,
  registerFiles,
  registerResources,
  unregisterBuffers,
  updateFiles,
  updateResources,
} from './resources.js';
import type { Uring } from './uring.js';

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
      return unregisterBuffers(ring);
    case IORING_REGISTER_FILES:
      return registerFiles(t, ring, arg, count);
    case IORING_UNREGISTER_FILES:
      if (arg !== 0 || count !== 0) return -EINVAL;
      if (ring.table === null) return -ENXIO;
      ring.dropTable();
      return 0;
    case IORING_REGISTER_FILES2:
      return registerResources(t, ring, arg, count, true);
    case IORING_REGISTER_BUFFERS2:
      return registerResources(t, ring, arg, count, false);
    case IORING_REGISTER_FILES_UPDATE2:
      return updateResources(t, ring, arg, count, true);
    case IORING_REGISTER_BUFFERS_UPDATE:
      return updateResources(t, ring, arg, count, false);
    case IORING_REGISTER_FILE_ALLOC_RANGE:
      return arg === 0 || count !== 0 ? -EINVAL : allocRange(t, ring, arg);
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

/** IORING_REGISTER_FILE_ALLOC_RANGE: which entries of the table are given to new files that ask for any. */
function allocRange(t: Task, ring: Uring, arg: number): number {
  const s = IO_URING_FILE_INDEX_RANGE;
  const { scratch, scratchView: view } = t.kernel;
  if (t.mm.copyIn(arg, scratch, 0, s.SIZE) < 0) return -EFAULT;
  const from = view.getUint32(s.off, true);
  const end = from + view.getUint32(s.len, true);
  if (end > 0xffffffff) return -EOVERFLOW;
  if (view.getUint32(s.resv, true) !== 0 || view.getUint32(s.resv + 4, true) !== 0) return -EINVAL;
  if (end > (ring.table?.length ?? 0)) return -EINVAL;
  ring.allocFrom = from;
  ring.allocTo = end;
  return 0;
}

/** struct io_uring_files_update: offset, reserved, address of descriptors. */
function filesUpdate(t: Task, ring: Uring, arg: number, count: number): number {
  const offset = t.mm.load32(arg);
  const reserved = offset < 0 ? offset : t.mm.load32(arg + 4);
  const fds = reserved < 0 ? reserved : t.mm.load64(arg + 8);
  if (fds < 0) return -EFAULT;
  if (reserved !== 0) return -EINVAL;
  return updateFiles(t, ring, offset, fds, count);
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
