import {
  CLOCK_BOOTTIME,
  CLOCK_MONOTONIC,
  EBADF,
  EBADFD,
  EBUSY,
  EEXIST,
  EFAULT,
  EINVAL,
  ENXIO,
  EOPNOTSUPP,
  EOVERFLOW,
  IO_URING_BUF_REG,
  IO_URING_BUF_STATUS,
  IO_URING_CLOCK_REGISTER,
  IO_URING_FILE_INDEX_RANGE,
  IO_URING_OP_SUPPORTED,
  IO_URING_SYNC_CANCEL_REG,
  IORING_OP_LAST,
  IORING_REGISTER_BUFFERS,
  IORING_REGISTER_BUFFERS_UPDATE,
  IORING_REGISTER_BUFFERS2,
  IORING_REGISTER_CLOCK,
  IORING_REGISTER_CLONE_BUFFERS,
  IORING_REGISTER_ENABLE_RINGS,
  IORING_REGISTER_EVENTFD,
  IORING_REGISTER_EVENTFD_ASYNC,
  IORING_REGISTER_FILE_ALLOC_RANGE,
  IORING_REGISTER_FILES,
  IORING_REGISTER_FILES_UPDATE,
  IORING_REGISTER_FILES_UPDATE2,
  IORING_REGISTER_FILES2,
  IORING_REGISTER_IOWQ_AFF,
  IORING_REGISTER_IOWQ_MAX_WORKERS,
  IORING_REGISTER_NAPI,
  IORING_REGISTER_PBUF_RING,
  IORING_REGISTER_PBUF_STATUS,
  IORING_REGISTER_PERSONALITY,
  IORING_REGISTER_PROBE,
  IORING_REGISTER_RESTRICTIONS,
  IORING_REGISTER_RING_FDS,
  IORING_REGISTER_SYNC_CANCEL,
  IORING_UNREGISTER_BUFFERS,
  IORING_UNREGISTER_EVENTFD,
  IORING_UNREGISTER_FILES,
  IORING_UNREGISTER_IOWQ_AFF,
  IORING_UNREGISTER_NAPI,
  IORING_UNREGISTER_PBUF_RING,
  IORING_UNREGISTER_PERSONALITY,
  IORING_UNREGISTER_RING_FDS,
  RLIMIT_NPROC,
} from '@sandbox/abi';
import { EventFile } from '../../files/event/eventfd.js';
import type { Task } from '../../process/task/task.js';
import { cancelWanted, knownCancel } from './operations/cancels.js';
import { registerRings, unregisterRings } from './registered-rings.js';
import {
  cloneBuffers,
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
  if (ring.isForeign(t)) return -EEXIST;
  const refused = ring.restrictions.checkRegister(op);
  if (refused < 0) return refused;
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
      if (!ring.files.exists) return -ENXIO;
      ring.files.drop();
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
      return count === 1 ? registerEventfd(t, ring, arg, op === IORING_REGISTER_EVENTFD_ASYNC) : -EINVAL;
    case IORING_UNREGISTER_EVENTFD:
      if (arg !== 0 || count !== 0) return -EINVAL;
      if (!ring.completions.hasEventfd) return -ENXIO;
      ring.completions.setEventfd(null);
      return 0;
    case IORING_REGISTER_PROBE:
      return probe(t, ring, arg, count);
    case IORING_REGISTER_PERSONALITY:
      return arg !== 0 || count !== 0 ? -EINVAL : addPersonality(t, ring);
    case IORING_UNREGISTER_PERSONALITY:
      if (arg !== 0) return -EINVAL;
      return ring.personalities.delete(count) ? 0 : -EINVAL;
    case IORING_REGISTER_ENABLE_RINGS:
      if (arg !== 0 || count !== 0) return -EINVAL;
      if (ring.enabled) return -EBADFD;
      ring.enable(t);
      return 0;
    case IORING_REGISTER_RESTRICTIONS:
      return ring.restrictions.register(t, !ring.enabled, arg, count);
    case IORING_REGISTER_PBUF_RING:
      return bufferRing(t, ring, arg, count);
    case IORING_UNREGISTER_PBUF_RING:
      return removeBufferRing(t, ring, arg, count);
    case IORING_REGISTER_PBUF_STATUS:
      return bufferStatus(t, ring, arg, count);
    case IORING_REGISTER_IOWQ_AFF:
      return arg === 0 || count === 0 ? -EINVAL : checkProcessors(t, arg, count);
    case IORING_UNREGISTER_IOWQ_AFF:
      return arg !== 0 || count !== 0 ? -EINVAL : 0;
    case IORING_REGISTER_IOWQ_MAX_WORKERS:
      return arg === 0 || count !== 2 ? -EINVAL : maxWorkers(t, ring, arg);
    case IORING_REGISTER_RING_FDS:
      return registerRings(t, arg, count);
    case IORING_UNREGISTER_RING_FDS:
      return unregisterRings(t, arg, count);
    case IORING_REGISTER_SYNC_CANCEL:
      return arg === 0 || count !== 1 ? -EINVAL : syncCancel(t, ring, arg);
    case IORING_REGISTER_CLOCK:
      return arg === 0 || count !== 0 ? -EINVAL : setClock(t, ring, arg);
    case IORING_REGISTER_CLONE_BUFFERS:
      return arg === 0 || count !== 1 ? -EINVAL : cloneBuffers(t, ring, arg);
    case IORING_REGISTER_NAPI:
    case IORING_UNREGISTER_NAPI:
      // As without CONFIG_NET_RX_BUSY_POLL.
      return -EOPNOTSUPP;
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
  if (end > ring.files.length) return -EINVAL;
  ring.files.setRange(from, end);
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

function registerEventfd(t: Task, ring: Uring, arg: number, lateOnly: boolean): number {
  if (ring.completions.hasEventfd) return -EBUSY;
  const fd = t.mm.load32(arg);
  if (fd < 0) return -EFAULT;
  const file = t.files.get(fd | 0);
  if (file === null) return -EBADF;
  if (!(file instanceof EventFile)) return -EINVAL;
  file.refs++;
  ring.completions.setEventfd(file, lateOnly);
  return 0;
}

/** struct io_uring_probe: the last operation, how many follow, and one entry each. */
function probe(t: Task, ring: Uring, arg: number, count: number): number {
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
    bytes[PROBE_HEAD + i * PROBE_OP + 2] = ring.operations[i] === undefined ? 0 : IO_URING_OP_SUPPORTED;
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

/** `struct io_uring_buf_reg` into `scratch`: 0, -EINVAL, -EFAULT. */
function loadBufferRing(t: Task, arg: number, count: number): number {
  const s = IO_URING_BUF_REG;
  if (arg === 0 || count !== 1) return -EINVAL;
  const { scratch } = t.kernel;
  if (t.mm.copyIn(arg, scratch, 0, s.SIZE) < 0) return -EFAULT;
  for (let at = s.resv; at < s.SIZE; at++) if (scratch[at] !== 0) return -EINVAL;
  return 0;
}

function bufferRing(t: Task, ring: Uring, arg: number, count: number): number {
  const s = IO_URING_BUF_REG;
  const e = loadBufferRing(t, arg, count);
  if (e < 0) return e;
  const { scratchView: view, memory } = t.kernel;
  const address = view.getUint32(s.ring_addr, true) + view.getUint32(s.ring_addr + 4, true) * 4294967296;
  const entries = view.getUint32(s.ring_entries, true);
  const flags = view.getUint16(s.flags, true);
  return ring.buffers.addRing(t.mm, memory, view.getUint16(s.bgid, true), address, entries, flags);
}

function removeBufferRing(t: Task, ring: Uring, arg: number, count: number): number {
  const e = loadBufferRing(t, arg, count);
  if (e < 0) return e;
  const { scratchView: view } = t.kernel;
  if (view.getUint16(IO_URING_BUF_REG.flags, true) !== 0) return -EINVAL;
  return ring.buffers.removeRing(view.getUint16(IO_URING_BUF_REG.bgid, true));
}

/** IORING_REGISTER_PBUF_STATUS: `struct io_uring_buf_status`. */
function bufferStatus(t: Task, ring: Uring, arg: number, count: number): number {
  const s = IO_URING_BUF_STATUS;
  if (arg === 0 || count !== 1) return -EINVAL;
  const { scratch, scratchView: view } = t.kernel;
  if (t.mm.copyIn(arg, scratch, 0, s.SIZE) < 0) return -EFAULT;
  for (let at = s.resv; at < s.SIZE; at++) if (scratch[at] !== 0) return -EINVAL;
  const head = ring.buffers.head(view.getUint32(s.buf_group, true));
  if (head < 0) return head;
  return t.mm.store32(arg + s.head, head) < 0 ? -EFAULT : 0;
}

// Workers ---------------------------------------------------------------------------------------------------

/**
 * IORING_REGISTER_IOWQ_AFF: requests run where the kernel does, so there are no workers to be kept to
 * processors; those asked for have to be among the caller's all the same. 0, -EFAULT, -EINVAL.
 */
function checkProcessors(t: Task, arg: number, length: number): number {
  const { scratch } = t.kernel;
  const n = Math.min(length, 8);
  if (t.mm.copyIn(arg, scratch, 0, n) < 0) return -EFAULT;
  for (let cpu = 0; cpu < n * 8; cpu++) {
    if (((scratch[cpu >> 3]! >> (cpu & 7)) & 1) === 0) continue;
    if (cpu >= t.kernel.cpus || ((t.attributes.affinity >>> cpu) & 1) === 0) return -EINVAL;
  }
  return 0;
}

/** IORING_REGISTER_IOWQ_MAX_WORKERS: two new limits (0: none), for the old ones. */
function maxWorkers(t: Task, ring: Uring, arg: number): number {
  const limits = ring.maxWorkers;
  const bounded = t.mm.load32(arg);
  const unbounded = bounded < 0 ? bounded : t.mm.load32(arg + 4);
  if (unbounded < 0) return -EFAULT;
  if (bounded > 0x7fffffff || unbounded > 0x7fffffff) return -EINVAL;
  const [first, second] = limits;
  if (bounded !== 0) limits[0] = bounded;
  if (unbounded !== 0) limits[1] = Math.min(unbounded, t.group.limits.soft[RLIMIT_NPROC]!);
  const stored = t.mm.store32(arg, first) || t.mm.store32(arg + 4, Math.min(second, 0xffffffff));
  return stored < 0 ? -EFAULT : 0;
}

// The rest --------------------------------------------------------------------------------------------------

/**
 * IORING_REGISTER_SYNC_CANCEL: `struct io_uring_sync_cancel_reg`. Requests end at once, so nothing is waited
 * for.
 */
function syncCancel(t: Task, ring: Uring, arg: number): number {
  const s = IO_URING_SYNC_CANCEL_REG;
  const { scratch, scratchView: view } = t.kernel;
  if (t.mm.copyIn(arg, scratch, 0, s.SIZE) < 0) return -EFAULT;
  const flags = view.getUint32(s.flags, true);
  if (!knownCancel(flags)) return -EINVAL;
  for (let at = s.pad; at < s.SIZE; at++) if (scratch[at] !== 0) return -EINVAL;
  const wanted = {
    flags,
    fd: view.getInt32(s.fd, true),
    opcode: scratch[s.opcode]!,
    userLo: view.getUint32(s.addr, true),
    userHi: view.getUint32(s.addr + 4, true),
  };
  return cancelWanted(t, ring, wanted, null, false);
}

/** IORING_REGISTER_CLOCK: which one the times of waits are of. */
function setClock(t: Task, ring: Uring, arg: number): number {
  const s = IO_URING_CLOCK_REGISTER;
  const { scratch, scratchView: view } = t.kernel;
  if (t.mm.copyIn(arg, scratch, 0, s.SIZE) < 0) return -EFAULT;
  for (let at = s.resv; at < s.SIZE; at++) if (scratch[at] !== 0) return -EINVAL;
  const clock = view.getUint32(s.clockid, true);
  if (clock !== CLOCK_MONOTONIC && clock !== CLOCK_BOOTTIME) return -EINVAL;
  ring.clock = clock;
  return 0;
}
