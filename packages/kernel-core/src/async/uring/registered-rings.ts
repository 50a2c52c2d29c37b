import { EBADF, EFAULT, EINVAL, EOPNOTSUPP, IO_URING_RSRC_UPDATE } from '@sandbox/abi';
import type { Task } from '../../process/task/task.js';
import { MAX_REGISTERED, Uring, uringsOf } from './uring.js';

/**
 * Rings a thread knows by an index of its own: io_uring_enter(2) with IORING_ENTER_REGISTERED_RING spares the
 * look-up of a descriptor.
 */

const S = IO_URING_RSRC_UPDATE;
/** Any index. */
const ANY = 0xffffffff;

/**
 * IORING_REGISTER_RING_FDS: `count` of `struct io_uring_rsrc_update`, each told its index. How many, or
 * -errno of the first.
 */
export function registerRings(t: Task, arg: number, count: number): number {
  if (count === 0 || count > MAX_REGISTERED) return -EINVAL;
  for (let i = 0; i < count; i++) {
    const r = registerOne(t, arg + i * S.SIZE);
    if (r < 0) return i > 0 ? i : r;
  }
  return count;
}

function registerOne(t: Task, at: number): number {
  const { scratch, scratchView: view } = t.kernel;
  const urings = uringsOf(t.kernel);
  if (t.mm.copyIn(at, scratch, 0, S.SIZE) < 0) return -EFAULT;
  const wanted = view.getUint32(S.offset, true);
  if (view.getUint32(S.resv, true) !== 0 || (wanted !== ANY && wanted >= MAX_REGISTERED)) return -EINVAL;
  const ring = t.files.get(view.getUint32(S.data, true) | 0);
  if (ring === null) return -EBADF;
  if (!(ring instanceof Uring)) return -EOPNOTSUPP;
  const index = urings.register(t, ring, wanted === ANY ? -1 : wanted);
  if (index < 0) return index;
  ring.refs++;
  if (t.mm.store32(at + S.offset, index) === 0) return 0;
  urings.unregister(t, index);
  return -EFAULT;
}

/** IORING_UNREGISTER_RING_FDS: the indices at `arg`. How many, or -errno of the first. */
export function unregisterRings(t: Task, arg: number, count: number): number {
  if (count === 0 || count > MAX_REGISTERED) return -EINVAL;
  const { scratch, scratchView: view } = t.kernel;
  const urings = uringsOf(t.kernel);
  for (let i = 0; i < count; i++) {
    const bad = t.mm.copyIn(arg + i * S.SIZE, scratch, 0, S.SIZE) < 0 ? -EFAULT : checkUnregister(view);
    if (bad < 0) return i > 0 ? i : bad;
    urings.unregister(t, view.getUint32(S.offset, true));
  }
  return count;
}

function checkUnregister(view: DataView): number {
  const reserved =
    view.getUint32(S.resv, true) | view.getUint32(S.data, true) | view.getUint32(S.data + 4, true);
  return reserved !== 0 || view.getUint32(S.offset, true) >= MAX_REGISTERED ? -EINVAL : 0;
}

/** A ring by its index: -EINVAL (no such index, or none was ever registered), -EBADF. */
export function registeredRing(t: Task, index: number): Uring | number {
  const ring = uringsOf(t.kernel).ofTask(t, index);
  return ring === undefined ? -EINVAL : (ring ?? -EBADF);
}
