import {
  EBADF,
  EFAULT,
  EINVAL,
  ERESTARTNOHAND,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLNVAL,
  POLLOUT,
  POLLPRI,
  POLLRDBAND,
  POLLRDNORM,
  POLLWRBAND,
  POLLWRNORM,
  SYS_pselect6,
  SYS_select,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { BLOCKED } from '../../call/result.js';
import { row } from '../../call/row.js';
import { fileOf } from '../../files/io/files.js';
import type { Task } from '../../process/task/task.js';
import { loadTimespec, readTimespec, Timespec } from '../../process/time/timespec.js';
import { finishPoll, startTimeout } from './poll.js';
import { swapMask } from './sigmask.js';

/**
 * What makes a descriptor appear in each of the three sets (select(2), "Correspondence between select() and
 * poll()").
 */
const IN_SET = POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR | POLLNVAL;
const OUT_SET = POLLWRBAND | POLLWRNORM | POLLOUT | POLLERR | POLLNVAL;
const EX_SET = POLLPRI | POLLNVAL;
/** Which sets want which events, by bits 1 (read), 2 (write), 4 (exceptional). */
const EVENTS = [IN_SET, OUT_SET, EX_SET] as const;

const timeout = new Timespec();

/** The three sets as given, then as answered: words of 32 descriptors, each set `words` long. */
let sets = new Uint32Array(6 * 32);
let setBytes = new Uint8Array(sets.buffer);
let words = 32;

function reserve(count: number): void {
  words = ((count + 63) >>> 6) * 2;
  if (sets.length < words * 6) {
    sets = new Uint32Array(words * 6);
    setBytes = new Uint8Array(sets.buffer);
  }
}

/** Copy in the set of argument `i`, if given; the answer set is cleared. 0 or -EFAULT. */
function loadSet(t: Task, i: number, addr: number): number {
  sets.fill(0, (3 + i) * words, (4 + i) * words);
  if (addr === 0) {
    sets.fill(0, i * words, (i + 1) * words);
    return 0;
  }
  return t.mm.copyIn(addr, setBytes, i * words * 4, words * 4) < 0 ? -EFAULT : 0;
}

/** Bits 1, 2, 4 of the sets `fd` is in. */
function membership(fd: number): number {
  const w = fd >>> 5;
  const bit = fd & 31;
  return (
    ((sets[w] >>> bit) & 1) |
    (((sets[words + w] >>> bit) & 1) << 1) |
    (((sets[2 * words + w] >>> bit) & 1) << 2)
  );
}

/**
 * Walk the descriptors below `count` in any set; what happens to each is up to `pass`. The bits found ready,
 * or -EBADF.
 */
function scan(t: Task, count: number): number {
  let ready = 0;
  for (let w = 0; w * 32 < count; w++) {
    let any = sets[w] | sets[words + w] | sets[2 * words + w];
    while (any !== 0) {
      const bit = 31 - Math.clz32(any & -any);
      any &= any - 1;
      const fd = w * 32 + bit;
      if (fd >= count) break;
      const file = fileOf(t, fd);
      // Closed between two looks, or an O_PATH one: ready in every set. One that was never open ended the
      // call before.
      const mask = file === null ? POLLNVAL : file.poll();
      const member = membership(fd);
      for (let s = 0; s < 3; s++) {
        if (((member >>> s) & 1) !== 0 && (mask & EVENTS[s]) !== 0) {
          sets[(3 + s) * words + w] |= 1 << bit;
          ready++;
        }
      }
    }
  }
  return ready;
}

/** Every descriptor in a set must be open. 0 or -EBADF. */
function checkOpen(t: Task, count: number): number {
  for (let w = 0; w * 32 < count; w++) {
    let any = sets[w] | sets[words + w] | sets[2 * words + w];
    while (any !== 0) {
      const bit = 31 - Math.clz32(any & -any);
      any &= any - 1;
      const fd = w * 32 + bit;
      if (fd < count && t.files.get(fd) === null) return -EBADF;
    }
  }
  return 0;
}

function enqueue(t: Task, count: number): void {
  for (let w = 0; w * 32 < count; w++) {
    let any = sets[w] | sets[words + w] | sets[2 * words + w];
    while (any !== 0) {
      const bit = 31 - Math.clz32(any & -any);
      any &= any - 1;
      const fd = w * 32 + bit;
      if (fd >= count) break;
      const queue = fileOf(t, fd)?.waitQueue ?? null;
      if (queue === null) continue;
      const member = membership(fd);
      let mask = 0;
      for (let s = 0; s < 3; s++) if (((member >>> s) & 1) !== 0) mask |= EVENTS[s];
      t.wait.on(queue, mask | POLLERR | POLLHUP);
    }
  }
}

function doSelect(t: Task, a: SyscallArgs): number {
  const n = a.i32(0);
  if (n < 0) return -EINVAL;
  // What lies behind the table is not looked at.
  const count = Math.min(n, t.files.capacity);
  reserve(count);
  for (let i = 0; i < 3; i++) if (loadSet(t, i, a.u64(1 + i)) < 0) return -EFAULT;
  if (t.wait.round === 0 && checkOpen(t, count) < 0) return -EBADF;
  const ready = scan(t, count);
  if (ready === 0) {
    if (t.interrupted) return -ERESTARTNOHAND;
    if (!t.wait.timedOut) {
      enqueue(t, count);
      return t.sleepEnqueued(-ERESTARTNOHAND);
    }
  }
  for (let i = 0; i < 3; i++) {
    const addr = a.u64(1 + i);
    if (addr !== 0 && t.mm.copyOut(addr, setBytes, (3 + i) * words * 4, words * 4) < 0) return -EFAULT;
  }
  return ready;
}

/** select(2): the timeout is updated, as Linux does. */
function sysSelect(t: Task, a: SyscallArgs): number {
  const timeoutAddr = a.u64(4);
  if (t.wait.round === 0) {
    let ns = Number.POSITIVE_INFINITY;
    if (timeoutAddr !== 0) {
      if (loadTimespec(t.mm, timeoutAddr, timeout) < 0) return -EFAULT;
      // Microseconds beyond a second are carried over.
      const usec = timeout.nsec;
      if (timeout.sec < 0 || usec < 0) return -EINVAL;
      timeout.set(timeout.sec + Math.floor(usec / 1e6), (usec % 1e6) * 1000);
      ns = timeout.ns;
    }
    startTimeout(t, ns);
  }
  const r = doSelect(t, a);
  return r === BLOCKED ? r : finishPoll(t, r, timeoutAddr, 1000);
}

/** pselect6: pselect(2). The last argument points to the address and the size of the mask. */
function sysPselect6(t: Task, a: SyscallArgs): number {
  const timeoutAddr = a.u64(4);
  if (t.wait.round === 0) {
    let maskAddr = 0;
    let maskSize = 0;
    const pair = a.u64(5);
    if (pair !== 0) {
      maskAddr = t.mm.load64(pair);
      maskSize = maskAddr < 0 ? maskAddr : t.mm.load64(pair + 8);
      if (maskSize < 0) return -EFAULT;
    }
    let ns = Number.POSITIVE_INFINITY;
    if (timeoutAddr !== 0) {
      const r = readTimespec(t.mm, timeoutAddr, timeout);
      if (r < 0) return r;
      ns = timeout.ns;
    }
    const r = swapMask(t, maskAddr, maskSize);
    if (r < 0) return r;
    startTimeout(t, ns);
  }
  const r = doSelect(t, a);
  return r === BLOCKED ? r : finishPoll(t, r, timeoutAddr, 1);
}

export const rows = [
  row(SYS_select, 'select', sysSelect, ['int', 'fdset', 'fdset', 'fdset', 'timeval']),
  row(SYS_pselect6, 'pselect6', sysPselect6, ['int', 'fdset', 'fdset', 'fdset', 'timespec', 'ptr']),
];
