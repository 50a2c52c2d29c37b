import {
  ADJ_NANO,
  ADJ_OFFSET_SS_READ,
  ADJ_SETOFFSET,
  CAP_SYS_TIME,
  CLOCK_MONOTONIC_COARSE,
  CLOCK_REALTIME,
  CLOCK_REALTIME_COARSE,
  CPUCLOCK_CLOCK_MASK,
  CPUCLOCK_SCHED,
  EFAULT,
  EINVAL,
  EOPNOTSUPP,
  EPERM,
  STA_UNSYNC,
  SYS_adjtimex,
  SYS_clock_adjtime,
  SYS_clock_getres,
  SYS_clock_gettime,
  SYS_clock_settime,
  SYS_gettimeofday,
  SYS_settimeofday,
  SYS_time,
  TIME_ERROR,
  TIMEX,
} from '@sandbox/abi';
import type { Task } from '../../task/task.js';
import {
  CLOCK_KIND_NONE,
  COARSE_RESOLUTION_NS,
  clockKind,
  readClock,
  readCpuClock,
} from '../../time/clocks.js';
import {
  isValid,
  loadTimespec,
  readTimeval,
  Timespec,
  writeTimespec,
  writeTimeval,
} from '../../time/timespec.js';
import type { SyscallArgs } from '../args.js';
import { row } from '../row.js';

const ts = new Timespec();

/** clock_gettime(2): EFAULT, EINVAL. */
function sysClockGettime(task: Task, args: SyscallArgs): number {
  const r = readClock(task, args.i32(0), ts);
  return r < 0 ? r : writeTimespec(task.mm, args.u64(1), ts.sec, ts.nsec);
}

/** Resolution of a clock that exists, in nanoseconds. */
function resolution(id: number): number {
  if (id === CLOCK_REALTIME_COARSE || id === CLOCK_MONOTONIC_COARSE) return COARSE_RESOLUTION_NS;
  if (id < 0 && (id & CPUCLOCK_CLOCK_MASK) !== CPUCLOCK_SCHED) return COARSE_RESOLUTION_NS;
  return 1;
}

/** clock_getres(2): EFAULT, EINVAL. */
function sysClockGetres(task: Task, args: SyscallArgs): number {
  const id = args.i32(0);
  if (clockKind(id) === CLOCK_KIND_NONE) return -EINVAL;
  if (id < 0 && readCpuClock(task, id) < 0) return -EINVAL;
  const addr = args.u64(1);
  return addr === 0 ? 0 : writeTimespec(task.mm, addr, 0, resolution(id));
}

/** Set this kernel's CLOCK_REALTIME; the host's is not ours to set. EPERM. */
function setRealtime(task: Task, sec: number, nsec: number): number {
  if (!task.cred.capable(CAP_SYS_TIME)) return -EPERM;
  const clock = task.kernel.clock;
  const now = clock.realtimeSec();
  clock.stepRealtime(sec - now, nsec - clock.realtimeNsec);
  task.kernel.realtimeStepped();
  return 0;
}

/** clock_settime(2): EFAULT, EINVAL, EPERM. */
function sysClockSettime(task: Task, args: SyscallArgs): number {
  const id = args.i32(0);
  if (id !== CLOCK_REALTIME && id >= 0) return -EINVAL;
  if (loadTimespec(task.mm, args.u64(1), ts) < 0) return -EFAULT;
  if (id < 0) return readCpuClock(task, id) < 0 ? -EINVAL : -EPERM;
  return isValid(ts) ? setRealtime(task, ts.sec, ts.nsec) : -EINVAL;
}

/** gettimeofday(2): EFAULT. The time zone is always UTC. */
function sysGettimeofday(task: Task, args: SyscallArgs): number {
  const tv = args.u64(0);
  const tz = args.u64(1);
  if (tv !== 0) {
    const clock = task.kernel.clock;
    const sec = clock.realtimeSec();
    if (writeTimeval(task.mm, tv, sec, Math.floor(clock.realtimeNsec / 1000)) < 0) return -EFAULT;
  }
  return tz === 0 ? 0 : task.mm.store64(tz, 0);
}

/** settimeofday(2): EFAULT, EINVAL, EPERM. A time zone is checked and forgotten. */
function sysSettimeofday(task: Task, args: SyscallArgs): number {
  const tv = args.u64(0);
  const tz = args.u64(1);
  if (tv !== 0) {
    const r = readTimeval(task.mm, tv, ts);
    if (r < 0) return r;
  }
  if (tz !== 0) {
    const west = task.mm.load32(tz);
    if (west < 0) return -EFAULT;
    if (!task.cred.capable(CAP_SYS_TIME)) return -EPERM;
    if (Math.abs(west | 0) > 15 * 60) return -EINVAL;
  }
  if (tv === 0) return 0;
  return setRealtime(task, ts.sec, ts.nsec);
}

/** time(2): EFAULT. */
function sysTime(task: Task, args: SyscallArgs): number {
  const addr = args.u64(0);
  const sec = task.kernel.clock.realtimeSec();
  if (addr !== 0 && task.mm.store64(addr, sec) < 0) return -EFAULT;
  return sec;
}

/**
 * What the clock discipline of a machine that nobody synchronises looks like. Reading is all there is, but for
 * ADJ_SETOFFSET: the rate belongs to the host.
 */
function adjust(task: Task, addr: number): number {
  const { scratch, scratchView: view } = task.kernel;
  if (task.mm.copyIn(addr, scratch, 0, TIMEX.SIZE) < 0) return -EFAULT;
  const modes = view.getUint32(TIMEX.modes, true);
  if (modes !== 0 && modes !== ADJ_OFFSET_SS_READ) {
    if (!task.cred.capable(CAP_SYS_TIME)) return -EPERM;
    if (modes !== ADJ_SETOFFSET && modes !== (ADJ_SETOFFSET | ADJ_NANO)) return -EOPNOTSUPP;
    const r = applyOffset(task, view, modes);
    if (r < 0) return r;
  }
  const clock = task.kernel.clock;
  const sec = clock.realtimeSec();
  const usec = Math.floor(clock.realtimeNsec / 1000);
  scratch.fill(0, 0, TIMEX.SIZE);
  view.setUint32(TIMEX.modes, modes, true);
  view.setUint32(TIMEX.maxerror, 16_000_000, true);
  view.setUint32(TIMEX.esterror, 16_000_000, true);
  view.setUint32(TIMEX.status, STA_UNSYNC, true);
  view.setUint32(TIMEX.constant, 2, true);
  view.setUint32(TIMEX.precision, 1, true);
  view.setUint32(TIMEX.tolerance, 32_768_000, true);
  view.setUint32(TIMEX.time, sec >>> 0, true);
  view.setInt32(TIMEX.time + 4, Math.floor(sec / 4294967296), true);
  view.setUint32(TIMEX.time + 8, usec, true);
  view.setUint32(TIMEX.tick, 10_000, true);
  return task.mm.copyOut(addr, scratch, 0, TIMEX.SIZE) < 0 ? -EFAULT : TIME_ERROR;
}

/** ADJ_SETOFFSET, with ADJ_NANO the fraction in nanoseconds. */
function applyOffset(task: Task, view: DataView, modes: number): number {
  const sec = view.getUint32(TIMEX.time, true) + view.getInt32(TIMEX.time + 4, true) * 4294967296;
  const fraction = view.getUint32(TIMEX.time + 8, true);
  const unit = (modes & ADJ_NANO) !== 0 ? 1 : 1000;
  if (view.getInt32(TIMEX.time + 12, true) !== 0 || fraction * unit >= 1e9) return -EINVAL;
  const now = task.kernel.clock.realtimeSec();
  if (now + sec < 0 || now + sec > 9_223_372_035) return -EINVAL;
  task.kernel.clock.stepRealtime(sec, fraction * unit);
  task.kernel.realtimeStepped();
  return 0;
}

/** adjtimex(2): EFAULT, EPERM, EINVAL, EOPNOTSUPP. */
function sysAdjtimex(task: Task, args: SyscallArgs): number {
  return adjust(task, args.u64(0));
}

/** clock_adjtime(2): also EOPNOTSUPP for clocks other than CLOCK_REALTIME. */
function sysClockAdjtime(task: Task, args: SyscallArgs): number {
  const id = args.i32(0);
  if (id === CLOCK_REALTIME) return adjust(task, args.u64(1));
  if (task.mm.copyIn(args.u64(1), task.kernel.scratch, 0, TIMEX.SIZE) < 0) return -EFAULT;
  return clockKind(id) === CLOCK_KIND_NONE ? -EINVAL : -EOPNOTSUPP;
}

const READ_ONLY =
  "the rate of the clock is the host's: of the changes only ADJ_SETOFFSET, others answer EOPNOTSUPP";

export const rows = [
  row(SYS_clock_gettime, 'clock_gettime', sysClockGettime, ['clock', 'timespec']),
  row(SYS_clock_getres, 'clock_getres', sysClockGetres, ['clock', 'timespec']),
  row(SYS_clock_settime, 'clock_settime', sysClockSettime, ['clock', 'timespec'], {
    note: 'sets the clock of this kernel only',
  }),
  row(SYS_gettimeofday, 'gettimeofday', sysGettimeofday, ['timeval', 'ptr'], {
    note: 'the time zone is UTC',
  }),
  row(SYS_settimeofday, 'settimeofday', sysSettimeofday, ['timeval', 'ptr'], {
    support: 'partial',
    note: 'a time zone is checked and not kept',
  }),
  row(SYS_time, 'time', sysTime, ['ptr']),
  row(SYS_adjtimex, 'adjtimex', sysAdjtimex, ['ptr'], { support: 'partial', note: READ_ONLY }),
  row(SYS_clock_adjtime, 'clock_adjtime', sysClockAdjtime, ['clock', 'ptr'], {
    support: 'partial',
    note: READ_ONLY,
  }),
];
