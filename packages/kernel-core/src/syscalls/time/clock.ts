import {
  ADJ_FREQUENCY,
  ADJ_NANO,
  ADJ_OFFSET,
  ADJ_SETOFFSET,
  ADJ_TICK,
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
  STA_NANO,
  SYS_adjtimex,
  SYS_clock_adjtime,
  SYS_clock_getres,
  SYS_clock_gettime,
  SYS_clock_settime,
  SYS_gettimeofday,
  SYS_settimeofday,
  SYS_time,
  TIMEX,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import type { Task } from '../../process/task/task.js';
import { CLOCK_KIND_NONE, clockKind, readClock, readCpuClock } from '../../process/time/clocks.js';
import {
  isValid,
  loadTimespec,
  readTimeval,
  Timespec,
  writeTimespec,
  writeTimeval,
} from '../../process/time/timespec.js';
import { COARSE_RESOLUTION_NS } from '../../time/source.js';

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
  task.kernel.discipline.clockSet();
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

/** ADJ_ADJTIME: adjtime(3), with its reading half. */
const ADJ_ADJTIME = 0x8000;
const ADJ_OFFSET_READONLY = 0x2000;
/** A frequency beyond it would overflow in Linux. */
const MAX_FREQ = 140_737_488_355;

function validate(task: Task, view: DataView, modes: number): number {
  const mayChange = task.cred.capable(CAP_SYS_TIME);
  if ((modes & ADJ_ADJTIME) !== 0) {
    if ((modes & ADJ_OFFSET) === 0) return -EINVAL;
    if ((modes & ADJ_OFFSET_READONLY) === 0 && !mayChange) return -EPERM;
  } else {
    if (modes !== 0 && !mayChange) return -EPERM;
    const tick = get64(view, TIMEX.tick);
    if ((modes & ADJ_TICK) !== 0 && (tick < 9000 || tick > 11_000)) return -EINVAL;
  }
  if ((modes & ADJ_SETOFFSET) !== 0) {
    if (!mayChange) return -EPERM;
    const fraction = get64(view, TIMEX.time + 8);
    if (fraction < 0 || fraction >= ((modes & ADJ_NANO) !== 0 ? 1e9 : 1e6)) return -EINVAL;
  }
  return (modes & ADJ_FREQUENCY) !== 0 && Math.abs(get64(view, TIMEX.freq)) > MAX_FREQ ? -EINVAL : 0;
}

function adjust(task: Task, addr: number): number {
  const { scratch, scratchView: view, discipline } = task.kernel;
  if (task.mm.copyIn(addr, scratch, 0, TIMEX.SIZE) < 0) return -EFAULT;
  const modes = view.getUint32(TIMEX.modes, true);
  const bad = validate(task, view, modes);
  if (bad !== 0) return bad;
  if ((modes & ADJ_SETOFFSET) !== 0) {
    const r = applyOffset(task, view, modes);
    if (r < 0) return r;
  }
  let offset: number;
  if ((modes & ADJ_ADJTIME) !== 0) {
    const readOnly = (modes & ADJ_OFFSET_READONLY) !== 0;
    offset = discipline.adjtime(readOnly ? null : get64(view, TIMEX.offset));
  } else {
    discipline.adjust({
      modes,
      offset: get64(view, TIMEX.offset),
      freq: get64(view, TIMEX.freq),
      maxerror: get64(view, TIMEX.maxerror),
      esterror: get64(view, TIMEX.esterror),
      status: view.getInt32(TIMEX.status, true),
      constant: get64(view, TIMEX.constant),
      tick: get64(view, TIMEX.tick),
    });
    offset = discipline.offsetLeft;
  }
  const { clock } = task.kernel;
  const sec = clock.realtimeSec();
  const fraction =
    (discipline.status & STA_NANO) !== 0 ? clock.realtimeNsec : Math.floor(clock.realtimeNsec / 1000);
  scratch.fill(0, TIMEX.offset, TIMEX.SIZE);
  put64(view, TIMEX.offset, offset);
  put64(view, TIMEX.freq, discipline.freq);
  put64(view, TIMEX.maxerror, discipline.maxerror);
  put64(view, TIMEX.esterror, discipline.esterror);
  view.setInt32(TIMEX.status, discipline.status, true);
  put64(view, TIMEX.constant, discipline.constant);
  put64(view, TIMEX.precision, 1);
  put64(view, TIMEX.tolerance, 32_768_000);
  put64(view, TIMEX.time, sec);
  put64(view, TIMEX.time + 8, fraction);
  put64(view, TIMEX.tick, discipline.tick);
  view.setInt32(TIMEX.tai, discipline.tai, true);
  return task.mm.copyOut(addr, scratch, 0, TIMEX.SIZE) < 0 ? -EFAULT : discipline.state;
}

function get64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getInt32(at + 4, true) * 4294967296;
}

function put64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setInt32(at + 4, Math.floor(value / 4294967296), true);
}

/** ADJ_SETOFFSET, with ADJ_NANO the fraction in nanoseconds. */
function applyOffset(task: Task, view: DataView, modes: number): number {
  const sec = get64(view, TIMEX.time);
  const nsec = get64(view, TIMEX.time + 8) * ((modes & ADJ_NANO) !== 0 ? 1 : 1000);
  const { clock, discipline } = task.kernel;
  const now = clock.realtimeSec();
  if (now + sec < 0 || now + sec > 9_223_372_035) return -EINVAL;
  clock.stepRealtime(sec, nsec);
  discipline.clockSet();
  task.kernel.realtimeStepped();
  return 0;
}

/** adjtimex(2): EFAULT, EPERM, EINVAL. */
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

const SLEW =
  'CLOCK_REALTIME is moved in steps, ten a second, CLOCK_MONOTONIC keeps the rate of the host; leap seconds are noted and not made; CLOCK_TAI stays with CLOCK_REALTIME';

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
  row(SYS_adjtimex, 'adjtimex', sysAdjtimex, ['ptr'], { support: 'partial', note: SLEW }),
  row(SYS_clock_adjtime, 'clock_adjtime', sysClockAdjtime, ['clock', 'ptr'], {
    support: 'partial',
    note: SLEW,
  }),
];
