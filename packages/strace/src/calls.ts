/** What the shapes of the table do not say: arguments that depend on others, results, choices by number. */
import { O_CREAT, OPEN_HOW, S_IFBLK, S_IFCHR, S_IFMT, TIMESPEC } from '@sandbox/abi';
import { type Arg, at, type Call, late, now, num64, pointer, structAt } from './call.js';
import { controlCalls } from './control-calls.js';
import { dirents, openFlags, SEEK, statxMask } from './file-structs.js';
import { epollEvents, FAMILIES, ints, iovec, messageFlags, msghdr, sockaddr } from './io-structs.js';
import { baseAndBits, bits, except, hex, list, named, oneOf } from './names.js';
import { processCalls } from './process-calls.js';
import { argOf, hexWord, int, ptr, writtenString } from './shapes.js';
import { sigaction, siginfo, sigset, sigsetText, stackT } from './signal-structs.js';
import { optionName } from './socket-options.js';
import { latin1, MAX_STRING, quote, quoteHex } from './text.js';
import {
  itimerspec,
  itimerval,
  rlimit,
  timespec,
  timeval,
  twoTimespecs,
  twoTimevals,
} from './time-structs.js';

/** By index; a hole leaves what the table says. */
export type Refinement = readonly (Arg | undefined)[];
const same = undefined;

const choice = (prefix: string, ...without: string[]): Arg => {
  const table = named(prefix, except(...without));
  return now((c, i) => oneOf(table, c.i32(i)));
};
const flagged = (prefix: string, ...without: string[]): Arg => {
  const table = named(prefix, except(...without));
  return now((c, i) => bits(table, c.u32(i)));
};

// Files -----------------------------------------------------------------------------------------------------

const TMPFILE_BIT = 0o20000000;
/** The mode of a file that is made, if one is. */
const modeWhenMade = (flagsAt: number): Arg =>
  now((c, i) => ((c.u32(flagsAt) & (O_CREAT | TMPFILE_BIT)) === 0 ? null : argOf('mode').print(c, i)));

const RESOLVE = named('RESOLVE_');

const openHow = now(
  at(OPEN_HOW.SIZE, (v) => {
    const mode = num64(v, OPEN_HOW.mode);
    const parts = [`flags=${openFlags(v.getUint32(OPEN_HOW.flags, true))}`];
    if (mode !== 0) parts.push(`mode=0${mode.toString(8)}`);
    parts.push(`resolve=${bits(RESOLVE, v.getUint32(OPEN_HOW.resolve, true))}`);
    return `{${parts.join(', ')}}`;
  }),
);

/** A device number, for the types that have one. */
const deviceWhenOne = (modeAt: number): Arg =>
  now((c, i) => {
    const type = c.u32(modeAt) & S_IFMT;
    return type === S_IFCHR || type === S_IFBLK ? argOf('dev').print(c, i) : null;
  });

const SYNC_TYPES = list({
  AT_STATX_SYNC_AS_STAT: 0,
  AT_STATX_FORCE_SYNC: 0x2000,
  AT_STATX_DONT_SYNC: 0x4000,
});
const AT_FLAGS = list({
  AT_SYMLINK_NOFOLLOW: 0x100,
  AT_NO_AUTOMOUNT: 0x800,
  AT_EMPTY_PATH: 0x1000,
});
const readVector = late((c, i) => iovec(c, c.u64(i), c.u64(i + 1), c.result));
/** A 64-bit offset in memory. */
const offset = now((c, i) => structAt(c, c.u64(i), 8, (v) => `[${v.getBigInt64(0, true)}]`));
const hexOffset = now((c, i) => (c.u64(i) === 0 ? '0' : hex(c.u64(i))));
const MREMAP_FIXED = 2;

const MAP_TYPES = list({ MAP_SHARED: 1, MAP_PRIVATE: 2, MAP_SHARED_VALIDATE: 3, MAP_DROPPABLE: 8 });
const MAP_FLAGS = named('MAP_', (name, value) => value > 0xf && !/_(MASK|SHIFT)$|^MAP_HUGE_/.test(name));

const files: Record<string, Refinement> = {
  open: [same, same, modeWhenMade(1)],
  openat: [same, same, same, modeWhenMade(2)],
  openat2: [same, same, openHow],
  mknod: [same, same, deviceWhenOne(1)],
  mknodat: [same, same, same, deviceWhenOne(2)],
  lseek: [same, same, now((c, i) => oneOf(SEEK, c.i32(i)))],
  statx: [
    same,
    same,
    now((c, i) => baseAndBits(SYNC_TYPES, 0x6000, AT_FLAGS, c.u32(i))),
    now((c, i) => statxMask(c.u32(i))),
  ],
  getdents: [same, late(dirents)],
  getdents64: [same, late(dirents)],
  getcwd: [writtenString],
  readv: [same, readVector],
  preadv: [same, readVector],
  preadv2: [same, readVector],
  utimensat: [same, same, now(twoTimespecs), flagged('AT_SYMLINK_NO')],
  utimes: [same, now(twoTimevals)],
  futimesat: [same, same, now(twoTimevals)],
  sendfile: [same, same, offset],
  copy_file_range: [same, offset, same, offset],
  splice: [same, offset, same, offset],
  mmap: [same, same, same, now((c, i) => baseAndBits(MAP_TYPES, 0xf, MAP_FLAGS, c.u32(i))), same, hexOffset],
  mincore: [same, same, ptr],
  mremap: [
    same,
    same,
    same,
    flagged('MREMAP_'),
    now((c, i) => ((c.u32(3) & MREMAP_FIXED) === 0 ? null : pointer(c.u64(i)))),
  ],
  mq_open: [
    same,
    now((c, i) => openFlags(c.u32(i))),
    modeWhenMade(1),
    now((c, i) => ((c.u32(1) & O_CREAT) === 0 ? null : pointer(c.u64(i)))),
  ],
};

// Signals and time ------------------------------------------------------------------------------------------

const mask = now(sigset);
const writtenMask = late(sigset);
/** What was left of a sleep, once it was cut short. */
const remaining = {
  late: true,
  print: (c: Call, i: number): string =>
    c.result < 0 ? structAt(c, c.u64(i), TIMESPEC.SIZE, () => timespec(c, i)) : pointer(c.u64(i)),
};

/** The mask a handler's return gave back. */
const restoredMask: Arg = {
  late: true,
  print: ({ task: { signals: state } }) => `{mask=${sigsetText(state.blocked.lo, state.blocked.hi)}}`,
};

const signals: Record<string, Refinement> = {
  rt_sigaction: [same, now(sigaction), late(sigaction)],
  rt_sigprocmask: [choice('SIG_', 'SIG_DFL', 'SIG_IGN', 'SIG_ERR'), mask, writtenMask],
  rt_sigpending: [writtenMask],
  rt_sigtimedwait: [mask, late(siginfo)],
  sigaltstack: [now(stackT), late(stackT)],
  rt_sigreturn: [restoredMask],
  signalfd4: [same, mask, same, flagged('SFD_')],
};

const time: Record<string, Refinement> = {
  clock_gettime: [same, late(timespec)],
  clock_getres: [same, late(timespec)],
  clock_nanosleep: [same, flagged('TIMER_ABSTIME'), same, remaining],
  nanosleep: [same, remaining],
  gettimeofday: [late(timeval)],
  getitimer: [choice('ITIMER_'), late(itimerval)],
  setitimer: [choice('ITIMER_'), now(itimerval), late(itimerval)],
  timer_gettime: [same, late(itimerspec)],
  timer_settime: [same, flagged('TIMER_ABSTIME'), now(itimerspec), late(itimerspec)],
  timer_create: [same, ptr, late((c, i) => ints(c, c.u64(i), 1))],
  timerfd_gettime: [same, late(itimerspec)],
  timerfd_settime: [same, flagged('TFD_TIMER_'), now(itimerspec), late(itimerspec)],
  getrlimit: [choice('RLIMIT_'), late(rlimit)],
  setrlimit: [choice('RLIMIT_'), now(rlimit)],
  prlimit64: [same, choice('RLIMIT_'), now(rlimit), late(rlimit)],
  getrusage: [choice('RUSAGE_')],
};

// Waiting for many, sockets ---------------------------------------------------------------------------------

const maskOfPselect = now((c, i) =>
  structAt(c, c.u64(i), 16, (v) => {
    const addr = num64(v, 0);
    const set = structAt(c, addr, 8, (s) => sigsetText(s.getUint32(0, true), s.getUint32(4, true)));
    return `{sigmask=${set}, sigsetsize=${num64(v, 8)}}`;
  }),
);
const ready = late((c, i) => epollEvents(c, c.u64(i), c.result));

const SOCKET_TYPES = list({ SOCK_STREAM: 1, SOCK_DGRAM: 2, SOCK_RAW: 3, SOCK_RDM: 4, SOCK_SEQPACKET: 5 });
const SOCKET_FLAGS = list({ SOCK_CLOEXEC: 0o2000000, SOCK_NONBLOCK: 0o4000 });
const PROTOCOLS = named('IPPROTO_', (name) => name !== 'IPPROTO_MAX');
const AF_INET = 2;
const AF_INET6 = 10;

const family = now((c, i) => oneOf(FAMILIES, c.i32(i)));
const socketType = now((c, i) => baseAndBits(SOCKET_TYPES, 0xf, SOCKET_FLAGS, c.u32(i)));
const protocol = now((c, i) =>
  c.i32(0) === AF_INET || c.i32(0) === AF_INET6 ? oneOf(PROTOCOLS, c.i32(i)) : String(c.i32(i)),
);

/** The length of an address: what there was room for, and what it is. */
const length: Arg = {
  late: true,
  enter: (c, i) => {
    c.saved = c.task.mm.load32(c.u64(i));
  },
  print: (c, i) => {
    const after = c.task.mm.load32(c.u64(i));
    if (c.u64(i) === 0 || after < 0) return pointer(c.u64(i));
    return c.failed || after === c.saved ? `[${after}]` : `[${c.saved} => ${after}]`;
  },
};
/** An address the call wrote; its length lies where the next argument points. */
const writtenAddress = late((c, i) => {
  const stored = c.task.mm.load32(c.u64(i + 1));
  return stored < 0 ? null : sockaddr(c, c.u64(i), Math.min(stored, c.saved));
});

const LEVELS = named('SOL_');
const level = now((c, i) => oneOf(LEVELS, c.i32(i)));
const option = now((c, i) => optionName(c.i32(i - 1), c.i32(i)));

/** Four bytes as a number, others as bytes. */
function optionValue(c: Call, addr: number, length: number): string {
  if (addr === 0) return 'NULL';
  if (length === 4) return ints(c, addr, 1);
  const bytes = c.bytes(addr, Math.min(length, MAX_STRING));
  return bytes === null ? pointer(addr) : quote(latin1(bytes), length > bytes.length);
}

const io: Record<string, Refinement> = {
  select: [same, same, same, same],
  pselect6: [same, same, same, same, same, maskOfPselect],
  epoll_ctl: [same, choice('EPOLL_CTL_')],
  epoll_wait: [same, ready],
  epoll_pwait: [same, ready],
  epoll_pwait2: [same, ready],
  socket: [family, socketType, protocol],
  socketpair: [family, socketType, protocol],
  accept: [same, writtenAddress, length],
  accept4: [same, writtenAddress, length],
  getsockname: [same, writtenAddress, length],
  getpeername: [same, writtenAddress, length],
  recvfrom: [same, same, same, now((c, i) => messageFlags(c.u32(i))), writtenAddress, length],
  sendto: [same, same, same, now((c, i) => messageFlags(c.u32(i)))],
  sendmsg: [same, same, now((c, i) => messageFlags(c.u32(i)))],
  recvmsg: [same, late((c, i) => msghdr(c, c.u64(i), c.result)), now((c, i) => messageFlags(c.u32(i)))],
  getsockopt: [
    same,
    level,
    option,
    late((c, i) => optionValue(c, c.u64(i), c.task.mm.load32(c.u64(4)))),
    length,
  ],
  setsockopt: [same, level, option, now((c, i) => optionValue(c, c.u64(i), c.u32(4)))],
  shutdown: [same, choice('SHUT_')],
  getrandom: [
    late((c, i) => {
      const bytes = c.bytes(c.u64(i), Math.min(c.result, MAX_STRING));
      return bytes === null ? null : quoteHex(bytes, c.result > bytes.length);
    }),
  ],
  rseq: [same, hexWord, same, hexWord],
  getgroups: [same, late((c, i) => (c.i32(0) === 0 ? null : ints(c, c.u64(i), c.result)))],
  setgroups: [same, now((c, i) => ints(c, c.u64(i), c.i32(0)))],
};

/** Calls this kernel does not have, but programs like to try. */
const absent: Record<string, Refinement> = {
  io_uring_setup: [int, ptr],
  bpf: [int, ptr, int],
  ptrace: [int, int, ptr, ptr],
};

export const REFINEMENTS: Readonly<Record<string, Refinement>> = {
  ...files,
  ...signals,
  ...time,
  ...io,
  ...processCalls,
  ...controlCalls,
  ...absent,
};
