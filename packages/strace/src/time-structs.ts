/** Times, limits and what is known of processes and the machine. */
import {
  ITIMERSPEC,
  ITIMERVAL,
  RLIMIT,
  RUSAGE,
  SYSINFO,
  TIMESPEC,
  TIMEVAL,
  UTIME_NOW,
  UTIME_OMIT,
  UTSNAME,
} from '@sandbox/abi';
import { at, type Call, s64, structAt, u64 } from './call.js';
import { quote, untilNul } from './text.js';

const timespecText = (v: DataView, offset = 0): string =>
  `{tv_sec=${s64(v, offset)}, tv_nsec=${s64(v, offset + TIMESPEC.tv_nsec)}}`;
const timevalText = (v: DataView, offset = 0): string =>
  `{tv_sec=${s64(v, offset)}, tv_usec=${s64(v, offset + TIMEVAL.tv_usec)}}`;

export const timespec = at(TIMESPEC.SIZE, (v) => timespecText(v));
export const timeval = at(TIMEVAL.SIZE, (v) => timevalText(v));
export const itimerspec = at(
  ITIMERSPEC.SIZE,
  (v) =>
    `{it_interval=${timespecText(v, ITIMERSPEC.it_interval)}, it_value=${timespecText(v, ITIMERSPEC.it_value)}}`,
);
export const itimerval = at(
  ITIMERVAL.SIZE,
  (v) =>
    `{it_interval=${timevalText(v, ITIMERVAL.it_interval)}, it_value=${timevalText(v, ITIMERVAL.it_value)}}`,
);

/** The two times of utimensat: access, modification. */
export const twoTimespecs = at(2 * TIMESPEC.SIZE, (v) => {
  const one = (offset: number): string => {
    const nsec = v.getUint32(offset + TIMESPEC.tv_nsec, true);
    if (nsec === UTIME_NOW) return 'UTIME_NOW';
    return nsec === UTIME_OMIT ? 'UTIME_OMIT' : timespecText(v, offset);
  };
  return `[${one(0)}, ${one(TIMESPEC.SIZE)}]`;
});
export const twoTimevals = at(
  2 * TIMEVAL.SIZE,
  (v) => `[${timevalText(v)}, ${timevalText(v, TIMEVAL.SIZE)}]`,
);

/** What select and ppoll say was left of their timeout. */
export function timeLeft(c: Call, addr: number): string {
  return structAt(c, addr, TIMESPEC.SIZE, (v) => timespecText(v));
}
export function timevalLeft(c: Call, addr: number): string {
  return structAt(c, addr, TIMEVAL.SIZE, (v) => timevalText(v));
}

function limit(v: DataView, offset: number): string {
  const value = v.getBigUint64(offset, true);
  if (value === 0xffffffffffffffffn) return 'RLIM64_INFINITY';
  return value > 1024n && value % 1024n === 0n ? `${value / 1024n}*1024` : String(value);
}

export const rlimit = at(
  RLIMIT.SIZE,
  (v) => `{rlim_cur=${limit(v, RLIMIT.rlim_cur)}, rlim_max=${limit(v, RLIMIT.rlim_max)}}`,
);

export const rusage = at(
  RUSAGE.SIZE,
  (v) => `{ru_utime=${timevalText(v, RUSAGE.ru_utime)}, ru_stime=${timevalText(v, RUSAGE.ru_stime)}, ...}`,
);

export const utsname = at(UTSNAME.SIZE, (v) => {
  const field = (offset: number): string =>
    quote(untilNul(new Uint8Array(v.buffer, v.byteOffset + offset, 65)));
  return `{sysname=${field(UTSNAME.sysname)}, nodename=${field(UTSNAME.nodename)}, ...}`;
});

export const sysinfo = at(SYSINFO.SIZE, (v) => {
  const loads = [0, 8, 16].map((k) => u64(v, SYSINFO.loads + k)).join(', ');
  const field = (
    name:
      | 'totalram'
      | 'freeram'
      | 'sharedram'
      | 'bufferram'
      | 'totalswap'
      | 'freeswap'
      | 'totalhigh'
      | 'freehigh',
  ) => `${name}=${u64(v, SYSINFO[name])}`;
  const memory = (['totalram', 'freeram', 'sharedram', 'bufferram', 'totalswap', 'freeswap'] as const).map(
    field,
  );
  const high = (['totalhigh', 'freehigh'] as const).map(field);
  return `{uptime=${s64(v, SYSINFO.uptime)}, loads=[${loads}], ${memory.join(', ')}, procs=${v.getUint16(SYSINFO.procs, true)}, ${high.join(', ')}, mem_unit=${v.getUint32(SYSINFO.mem_unit, true)}}`;
});
