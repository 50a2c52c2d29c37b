import {
  EBADF,
  EBADFD,
  EEXIST,
  EFAULT,
  EINTR,
  EINVAL,
  ENXIO,
  EOPNOTSUPP,
  ETIME,
  IO_SQRING_OFFSETS,
  IO_URING_PARAMS,
  IORING_ENTER_ABS_TIMER,
  IORING_ENTER_EXT_ARG,
  IORING_ENTER_GETEVENTS,
  IORING_ENTER_REGISTERED_RING,
  IORING_ENTER_SQ_WAIT,
  IORING_ENTER_SQ_WAKEUP,
  IORING_FEAT_CQE_SKIP,
  IORING_FEAT_CUR_PERSONALITY,
  IORING_FEAT_EXT_ARG,
  IORING_FEAT_FAST_POLL,
  IORING_FEAT_LINKED_FILE,
  IORING_FEAT_MIN_TIMEOUT,
  IORING_FEAT_NATIVE_WORKERS,
  IORING_FEAT_NODROP,
  IORING_FEAT_POLL_32BITS,
  IORING_FEAT_RECVSEND_BUNDLE,
  IORING_FEAT_REG_REG_RING,
  IORING_FEAT_RSRC_TAGS,
  IORING_FEAT_RW_CUR_POS,
  IORING_FEAT_SINGLE_MMAP,
  IORING_FEAT_SQPOLL_NONFIXED,
  IORING_FEAT_SUBMIT_STABLE,
  IORING_REGISTER_LAST,
  IORING_REGISTER_USE_REGISTERED_RING,
  IORING_SETUP_ATTACH_WQ,
  IORING_SETUP_CLAMP,
  IORING_SETUP_COOP_TASKRUN,
  IORING_SETUP_CQE32,
  IORING_SETUP_CQSIZE,
  IORING_SETUP_DEFER_TASKRUN,
  IORING_SETUP_IOPOLL,
  IORING_SETUP_NO_MMAP,
  IORING_SETUP_NO_SQARRAY,
  IORING_SETUP_R_DISABLED,
  IORING_SETUP_REGISTERED_FD_ONLY,
  IORING_SETUP_SINGLE_ISSUER,
  IORING_SETUP_SQ_AFF,
  IORING_SETUP_SQE128,
  IORING_SETUP_SQPOLL,
  IORING_SETUP_SUBMIT_ALL,
  IORING_SETUP_TASKRUN_FLAG,
  POLLIN,
  SYS_io_uring_enter,
  SYS_io_uring_register,
  SYS_io_uring_setup,
} from '@sandbox/abi';
import { releaseFile } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { BLOCKED } from '../../call/result.js';
import { row } from '../../call/row.js';
import { installFile } from '../../process/files/install.js';
import type { Task } from '../../process/task/task.js';
import { deadlineFor } from '../../process/time/clocks.js';
import { readTimespec, Timespec } from '../../process/time/timespec.js';
import { startTimeout } from '../../syscalls/io/poll.js';
import { swapMask } from '../../syscalls/io/sigmask.js';
import { OPERATIONS } from '../uring/operations/all.js';
import { registerWith } from '../uring/register.js';
import { registeredRing } from '../uring/registered-rings.js';
import { CQ_OFFSETS, SQ_OFFSETS } from '../uring/rings.js';
import { Uring, uringsOf } from '../uring/uring.js';

const MAX_ENTRIES = 32768;
const KNOWN_SETUP =
  IORING_SETUP_IOPOLL |
  IORING_SETUP_ATTACH_WQ |
  IORING_SETUP_SQPOLL |
  IORING_SETUP_SQ_AFF |
  IORING_SETUP_CQSIZE |
  IORING_SETUP_CLAMP |
  IORING_SETUP_R_DISABLED |
  IORING_SETUP_SUBMIT_ALL |
  IORING_SETUP_COOP_TASKRUN |
  IORING_SETUP_TASKRUN_FLAG |
  IORING_SETUP_SQE128 |
  IORING_SETUP_CQE32 |
  IORING_SETUP_SINGLE_ISSUER |
  IORING_SETUP_DEFER_TASKRUN |
  IORING_SETUP_NO_MMAP |
  IORING_SETUP_REGISTERED_FD_ONLY |
  IORING_SETUP_NO_SQARRAY;
const FEATURES =
  IORING_FEAT_SINGLE_MMAP |
  IORING_FEAT_NODROP |
  IORING_FEAT_SUBMIT_STABLE |
  IORING_FEAT_RW_CUR_POS |
  IORING_FEAT_CUR_PERSONALITY |
  IORING_FEAT_FAST_POLL |
  IORING_FEAT_POLL_32BITS |
  IORING_FEAT_SQPOLL_NONFIXED |
  IORING_FEAT_EXT_ARG |
  IORING_FEAT_NATIVE_WORKERS |
  IORING_FEAT_RSRC_TAGS |
  IORING_FEAT_CQE_SKIP |
  IORING_FEAT_LINKED_FILE |
  IORING_FEAT_REG_REG_RING |
  IORING_FEAT_RECVSEND_BUNDLE |
  IORING_FEAT_MIN_TIMEOUT;
const KNOWN_ENTER =
  IORING_ENTER_GETEVENTS |
  IORING_ENTER_SQ_WAKEUP |
  IORING_ENTER_SQ_WAIT |
  IORING_ENTER_EXT_ARG |
  IORING_ENTER_REGISTERED_RING |
  IORING_ENTER_ABS_TIMER;
const EXT_ARG_SIZE = 24;

const params = new Uint8Array(IO_URING_PARAMS.SIZE);
const view = new DataView(params.buffer);
const timeout = new Timespec();
const { sq_off: SQ_OFF, cq_off: CQ_OFF } = IO_URING_PARAMS;

function roundUp(n: number): number {
  return 2 ** Math.ceil(Math.log2(n));
}

/** Entries of both rings: into params, or -EINVAL. */
function sizes(entries: number, flags: number): number {
  const clamp = (flags & IORING_SETUP_CLAMP) !== 0;
  if (entries === 0 || (entries > MAX_ENTRIES && !clamp)) return -EINVAL;
  const sq = roundUp(Math.min(entries, MAX_ENTRIES));
  let cq = sq * 2;
  if ((flags & IORING_SETUP_CQSIZE) !== 0) {
    const asked = view.getUint32(IO_URING_PARAMS.cq_entries, true);
    if (asked === 0 || (asked > MAX_ENTRIES * 2 && !clamp)) return -EINVAL;
    cq = roundUp(Math.min(asked, MAX_ENTRIES * 2));
    if (cq < sq) return -EINVAL;
  }
  view.setUint32(IO_URING_PARAMS.sq_entries, sq, true);
  view.setUint32(IO_URING_PARAMS.cq_entries, cq, true);
  return 0;
}

/**
 * The thread that looks for submissions (IORING_SETUP_SQPOLL) does its tasks itself, and may be wanted on a
 * processor there is. 0 or -EINVAL.
 */
function checkPolling(t: Task, flags: number): number {
  const byTask = IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_DEFER_TASKRUN;
  if ((flags & IORING_SETUP_SQPOLL) === 0) return (flags & IORING_SETUP_SQ_AFF) !== 0 ? -EINVAL : 0;
  if ((flags & byTask) !== 0) return -EINVAL;
  const cpu = view.getUint32(IO_URING_PARAMS.sq_thread_cpu, true);
  return (flags & IORING_SETUP_SQ_AFF) !== 0 && cpu >= t.kernel.cpus ? -EINVAL : 0;
}

/**
 * IORING_SETUP_ATTACH_WQ: there are no workers to share, but the ring they are shared with has to be one. 0,
 * -ENXIO, -EINVAL.
 */
function checkAttached(t: Task, flags: number): number {
  if ((flags & IORING_SETUP_ATTACH_WQ) === 0) return 0;
  const other = t.files.get(view.getInt32(IO_URING_PARAMS.wq_fd, true));
  if (other === null) return -ENXIO;
  const polls = (flags & IORING_SETUP_SQPOLL) !== 0;
  return other instanceof Uring && (!polls || other.polls) ? 0 : -EINVAL;
}

/** io_uring_setup(2): EFAULT, EINVAL, EMFILE, ENOMEM. */
function sysIoUringSetup(t: Task, a: SyscallArgs): number {
  if (t.mm.copyIn(a.u64(1), params, 0, params.length) < 0) return -EFAULT;
  for (let i = IO_URING_PARAMS.resv; i < IO_URING_PARAMS.sq_off; i++) if (params[i] !== 0) return -EINVAL;
  const flags = view.getUint32(IO_URING_PARAMS.flags, true);
  if ((flags & ~KNOWN_SETUP) !== 0) return -EINVAL;
  const wrong = checkPolling(t, flags);
  if (wrong !== 0) return wrong;
  const cooperative = (flags & (IORING_SETUP_COOP_TASKRUN | IORING_SETUP_DEFER_TASKRUN)) !== 0;
  if ((flags & IORING_SETUP_TASKRUN_FLAG) !== 0 && !cooperative) return -EINVAL;
  if ((flags & IORING_SETUP_DEFER_TASKRUN) !== 0 && (flags & IORING_SETUP_SINGLE_ISSUER) === 0)
    return -EINVAL;
  if ((flags & IORING_SETUP_REGISTERED_FD_ONLY) !== 0 && (flags & IORING_SETUP_NO_MMAP) === 0) return -EINVAL;
  const r = sizes(a.u32(0), flags);
  if (r < 0) return r;
  const attached = checkAttached(t, flags);
  if (attached < 0) return attached;
  const sq = view.getUint32(IO_URING_PARAMS.sq_entries, true);
  const cq = view.getUint32(IO_URING_PARAMS.cq_entries, true);
  const ring = Uring.create(t, sq, cq, flags, OPERATIONS, userAddress(CQ_OFF), userAddress(SQ_OFF));
  if (typeof ring === 'number') return ring;
  view.setUint32(IO_URING_PARAMS.features, FEATURES, true);
  tellOffsets(ring, (flags & IORING_SETUP_NO_MMAP) !== 0);
  if (t.mm.copyOut(a.u64(1), params, 0, params.length) < 0) {
    releaseFile(ring);
    return -EFAULT;
  }
  if ((flags & IORING_SETUP_REGISTERED_FD_ONLY) === 0) return installFile(t, ring, true);
  const index = uringsOf(t.kernel).register(t, ring, -1);
  if (index < 0) releaseFile(ring);
  return index;
}

/** Where the program wants the rings (in `cq_off`), or the entries (in `sq_off`). */
function userAddress(offsets: number): number {
  const at = offsets + IO_SQRING_OFFSETS.user_addr;
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 4294967296;
}

/** Into params: where in the rings what is. */
function tellOffsets(ring: Uring, keepsAddress: boolean): void {
  for (const offsets of [SQ_OFF, CQ_OFF])
    params.fill(0, offsets, offsets + (keepsAddress ? IO_SQRING_OFFSETS.user_addr : CQ_OFF - SQ_OFF));
  for (const [i, at] of SQ_OFFSETS.entries()) view.setUint32(SQ_OFF + 4 * i, at, true);
  view.setUint32(SQ_OFF + 4 * SQ_OFFSETS.length, ring.arrayOffset, true);
  for (const [i, at] of CQ_OFFSETS.entries()) view.setUint32(CQ_OFF + 4 * i, at, true);
}

/** The mask and time limits of a wait. 0 or -errno. */
function beginWait(t: Task, a: SyscallArgs, flags: number, ring: Uring): number {
  if ((flags & IORING_ENTER_EXT_ARG) === 0) return swapMask(t, a.u64(4), a.u64(5));
  const arg = a.u64(4);
  if (a.u64(5) !== EXT_ARG_SIZE) return -EINVAL;
  const { scratch, scratchView } = t.kernel;
  if (t.mm.copyIn(arg, scratch, 0, EXT_ARG_SIZE) < 0) return -EFAULT;
  const word = (at: number): number =>
    scratchView.getUint32(at, true) + scratchView.getUint32(at + 4, true) * 4294967296;
  const mask = word(0);
  const size = scratchView.getUint32(8, true);
  const least = scratchView.getUint32(12, true) * 1000;
  const addr = word(16);
  if (addr !== 0) {
    const r = readTimespec(t.mm, addr, timeout);
    if (r < 0) return r;
    if ((flags & IORING_ENTER_ABS_TIMER) === 0) startTimeout(t, timeout.ns);
    else t.wait.deadline = deadlineFor(t, ring.clock, timeout.sec, timeout.nsec);
  }
  if (least > 0) beginLeast(t, ring, least);
  return swapMask(t, mask, size);
}

/** A wait for completions that is asleep. */
interface CompletionWait {
  /**
   * For so many of them it waits a least time only, then for any: it is within that time, and goes on until
   * `end`.
   */
  least: boolean;
  any: boolean;
  readonly end: number;
  /** Timeouts of the ring that had ended before. */
  readonly timeouts: number;
}

function beginLeast(t: Task, ring: Uring, ns: number): void {
  const { wait } = t;
  const end = wait.deadline;
  const least = t.kernel.clock.monotonic() + ns;
  if (wait.timedOut || least >= end) return;
  wait.data = { least: true, any: false, end, timeouts: ring.timeouts } satisfies CompletionWait;
  wait.deadline = least;
}

/**
 * The ring of io_uring_enter and io_uring_register, by descriptor or by index. -EBADF, -EOPNOTSUPP, -EINVAL.
 */
function ringOf(t: Task, fd: number, registered: boolean): Uring | number {
  if (registered) return registeredRing(t, fd >>> 0);
  const file = t.files.get(fd);
  if (file === null) return -EBADF;
  return file instanceof Uring ? file : -EOPNOTSUPP;
}

/**
 * io_uring_enter(2): entries taken; when none were to be, how the wait ended: EINTR, ETIME, EBADF, EBADFD,
 * EEXIST, EINVAL...
 */
function sysIoUringEnter(t: Task, a: SyscallArgs): number {
  const flags = a.u32(3);
  if ((flags & ~KNOWN_ENTER) !== 0) return -EINVAL;
  const { wait } = t;
  const ring =
    wait.file instanceof Uring
      ? wait.file
      : ringOf(t, a.i32(0), (flags & IORING_ENTER_REGISTERED_RING) !== 0);
  if (typeof ring === 'number') return ring;
  if (!ring.enabled) return -EBADFD;
  if (wait.round === 0) {
    const wanted = a.u32(1);
    if (ring.polls) {
      if ((flags & IORING_ENTER_SQ_WAKEUP) !== 0) ring.pollSubmissions();
      wait.progress = wanted;
    } else if (wanted > 0) {
      if (ring.isForeign(t)) return -EEXIST;
      wait.progress = ring.submit(t, wanted);
      if (wait.progress !== wanted) return wait.progress;
    }
    if ((flags & IORING_ENTER_GETEVENTS) === 0) return wait.progress;
    const r = ring.isForeign(t) && ring.defersWork ? -EEXIST : beginWait(t, a, flags, ring);
    if (r < 0) return wait.progress > 0 ? wait.progress : r;
  }
  const r = waitFor(t, ring, Math.min(a.u32(2), ring.cqEntries));
  if (r === BLOCKED) return r;
  if (r !== -EINTR) t.kernel.signals.restoreMask(t);
  if (r === 0 || wait.progress > 0) return wait.progress;
  // How the wait ended is told only where it brought nothing.
  return ring.completions.count > 0 ? 0 : r;
}

/** 0 when there are enough, -ETIME, -EINTR. */
function waitFor(t: Task, ring: Uring, wanted: number): number {
  const { wait } = t;
  const { completions } = ring;
  const state = wait.data as CompletionWait | null;
  ring.runWork();
  completions.flush();
  if (wait.timedOut && state?.least) {
    state.least = false;
    state.any = true;
    wait.timedOut = false;
    wait.deadline = state.end;
  }
  const enough = state?.any ? Math.min(wanted, 1) : wanted;
  if (completions.count >= enough || (state !== null && state.timeouts !== ring.timeouts)) return 0;
  wait.data ??= {
    least: false,
    any: false,
    end: wait.deadline,
    timeouts: ring.timeouts,
  } satisfies CompletionWait;
  if (wait.timedOut) return -ETIME;
  if (t.interrupted) return -EINTR;
  wait.holdFile(ring);
  return t.sleep(ring.waiters, POLLIN);
}

/** io_uring_register(2) */
function sysIoUringRegister(t: Task, a: SyscallArgs): number {
  const word = a.u32(1);
  const registered = word >= IORING_REGISTER_USE_REGISTERED_RING;
  const op = registered ? word - IORING_REGISTER_USE_REGISTERED_RING : word;
  if (op >= IORING_REGISTER_LAST) return -EINVAL;
  const ring = ringOf(t, a.i32(0), registered);
  return typeof ring === 'number' ? ring : registerWith(t, ring, op, a.u64(2), a.u32(3));
}

const NOTE =
  'IORING_SETUP_SQPOLL: its thread sleeps whenever it has taken all there is, so each batch needs a wake-up; no file can be polled for the end of its I/O (IOPOLL: EOPNOTSUPP); rings in memory of the program (NO_MMAP) are not kept when it is unmapped; zero copy sends copy, and say so';

export const rows = [
  row(SYS_io_uring_setup, 'io_uring_setup', sysIoUringSetup, ['uint', 'ptr'], {
    support: 'partial',
    note: NOTE,
  }),
  row(SYS_io_uring_enter, 'io_uring_enter', sysIoUringEnter, [
    'fd',
    'uint',
    'uint',
    {
      flags: {
        IORING_ENTER_GETEVENTS,
        IORING_ENTER_SQ_WAKEUP,
        IORING_ENTER_SQ_WAIT,
        IORING_ENTER_EXT_ARG,
        IORING_ENTER_REGISTERED_RING,
        IORING_ENTER_ABS_TIMER,
      },
    },
    'ptr',
    'size',
  ]),
  row(SYS_io_uring_register, 'io_uring_register', sysIoUringRegister, ['fd', 'uint', 'ptr', 'uint'], {
    support: 'partial',
    note: 'workers have limits and processors in name only; no busy polling of networks (NAPI)',
  }),
];
