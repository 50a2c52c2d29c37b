/** Arguments by the shape the system call table gives them. */
import { AT_FDCWD, major, minor } from '@sandbox/abi';
import type { ArgShape } from '@sandbox/kernel-core/table';
import { type Arg, type Call, late, now, pointer } from './call.js';
import { dirents, plainMode, stat, statfs, statx, termios } from './file-structs.js';
import { fdset, ints, iovec, msghdr, oneEpollEvent, pollfds, sockaddr } from './io-structs.js';
import { bits, except, hex, list, named, oneOf } from './names.js';
import { sigaction, siginfo, signalName, sigset, waitStatus } from './signal-structs.js';
import { quote } from './text.js';
import {
  itimerspec,
  itimerval,
  rlimit,
  rusage,
  sysinfo,
  timespec,
  timeval,
  utsname,
} from './time-structs.js';

type FlagsShape = Exclude<ArgShape, string>;
type NamedShape = Extract<ArgShape, string>;

export const CLOCKS = named('CLOCK_', except('CLOCK_SGI_CYCLE'));

export const int = now((c, i) => String(c.i32(i)));
export const uint = now((c, i) => String(c.u32(i)));
export const size = now((c, i) => String(c.u64(i)));
export const off = now((c, i) => String(c.s64(i)));
export const ptr = now((c, i) => pointer(c.u64(i)));
export const hexWord = now((c, i) => (c.u64(i) === 0 ? '0' : hex(c.u64(i))));
export const path = now((c, i) => c.string(c.u64(i), 4096));
export const str = now((c, i) => c.string(c.u64(i)));
export const signal = now((c, i) => signalName(c.i32(i)));

/** Ids of which -1 means none. */
const id = now((c, i) => (c.u32(i) === 0xffffffff ? '-1' : String(c.u32(i))));
/** Small numbers as such, others as addresses. */
const ulong = now((c, i) => (c.u64(i) < 0x10000 ? String(c.u64(i)) : hex(c.u64(i))));
/** Bytes whose number is the next argument. */
export const buffer = now((c, i) => c.buffer(c.u64(i), c.u64(i + 1)));
/** As many bytes as the call returned. */
export const result = late((c, i) => c.buffer(c.u64(i), c.result));

const MAX_VECTOR = 32;

/** argv: strings, all of them while they are not too many. */
export function strings(c: Call, i: number): string {
  const addr = c.u64(i);
  if (addr === 0) return 'NULL';
  const parts: string[] = [];
  for (let k = 0; ; k++) {
    const p = c.task.mm.load64(addr + k * 8);
    if (p < 0) return pointer(addr);
    if (p === 0) break;
    if (k === MAX_VECTOR) {
      parts.push('...');
      break;
    }
    parts.push(c.string(p));
  }
  return `[${parts.join(', ')}]`;
}

const SHAPES: Readonly<Record<NamedShape, Arg>> = {
  fd: int,
  dirfd: now((c, i) => (c.i32(i) === AT_FDCWD ? 'AT_FDCWD' : String(c.i32(i)))),
  int,
  uint,
  long: off,
  ulong,
  size,
  off,
  ptr,
  path,
  str,
  buf: buffer,
  outbuf: result,
  strv: now(strings),
  mode: now((c, i) => plainMode(c.u32(i))),
  pid: int,
  uid: id,
  gid: id,
  signal,
  sigset: now(sigset),
  sigaction: now(sigaction),
  siginfo: now(siginfo),
  timespec: now(timespec),
  timeval: now(timeval),
  itimerspec: now(itimerspec),
  itimerval: now(itimerval),
  iovec: now((c, i) => iovec(c, c.u64(i), c.u64(i + 1))),
  msghdr: now((c, i) => msghdr(c, c.u64(i))),
  sockaddr: now((c, i) => sockaddr(c, c.u64(i), c.u64(i + 1))),
  stat: late(stat),
  statx: late(statx),
  statfs: late(statfs),
  rlimit: now(rlimit),
  rusage: late(rusage),
  pollfds: now((c, i) => pollfds(c, c.u64(i), c.u32(i + 1))),
  fdset: now((c, i) => fdset(c, c.u64(i), c.i32(0))),
  epoll_event: now(oneEpollEvent),
  utsname: late(utsname),
  sysinfo: late(sysinfo),
  dirents: late(dirents),
  termios: late(termios),
  pipefds: late((c, i) => ints(c, c.u64(i), 2)),
  status: late((c, i) => (c.result > 0 ? waitStatus(c, i) : null)),
  clock: now((c, i) => oneOf(CLOCKS, c.i32(i))),
  dev: now((c, i) => `makedev(${hex(major(c.u32(i)))}, ${hex(minor(c.u32(i)))})`),
};

function flags(shape: FlagsShape): Arg {
  // Permissions (R_OK and its kin) are listed as people write them, others by value.
  const table = shape.baseMask === 0 ? Object.entries(shape.flags) : list(shape.flags);
  const base = shape.base === undefined ? null : list(shape.base);
  const mask = shape.baseMask ?? 0;
  return now((c, i) => {
    const value = c.u32(i);
    if (base === null) return bits(table, value);
    // No bits of their own: the name of nothing (F_OK).
    if (mask === 0) return bits(table, value, base[0]![0]);
    const kind = oneOf(base, mask === -1 ? c.i32(i) : (value & mask) >>> 0);
    const rest = (value & ~mask) >>> 0;
    return rest === 0 ? kind : `${kind}|${bits(table, rest)}`;
  });
}

const made = new Map<FlagsShape, Arg>();

export function argOf(shape: ArgShape): Arg {
  if (typeof shape === 'string') return SHAPES[shape];
  let arg = made.get(shape);
  if (arg === undefined) made.set(shape, (arg = flags(shape)));
  return arg;
}

/** A string the call wrote, without the NUL it ends with. */
export const writtenString = late((c, i) => {
  const text = c.task.mm.readString(c.u64(i), 4097);
  return typeof text === 'number' ? null : quote(text);
});
