/** Processes: making them, waiting for them, what prctl and futex do by number. */
import { CLONE_ARGS } from '@sandbox/abi';
import { type Arg, at, type Call, late, now, num64, pointer, ptr64, structAt } from './call.js';
import { ints } from './io-structs.js';
import { bits, except, hex, list, named, oneOf } from './names.js';
import { siginfo, signalName } from './signal-structs.js';
import { quote, untilNul } from './text.js';
import { timespec } from './time-structs.js';

type Refinement = readonly (Arg | undefined)[];
const same = undefined;

const CLONE = named(
  'CLONE_',
  (name, value) => !name.startsWith('CLONE_ARGS') && value > 0xff && value < 2 ** 32,
);
const CLONE_HIGH = list({ CLONE_CLEAR_SIGHAND: 1, CLONE_INTO_CGROUP: 2 });
const CLONE_PIDFD = 0x1000;
const CLONE_SETTLS = 0x80000;
const CLONE_PARENT_SETTID = 0x100000;
const CLONE_CHILD_CLEARTID = 0x200000;
const CLONE_CHILD_SETTID = 0x1000000;

function cloneFlags(low: number, high: number): string {
  const names = [bits(CLONE, low, ''), high === 0 ? '' : bits(CLONE_HIGH, high)].filter(Boolean);
  return names.join('|') || '0';
}

/** clone prints its arguments by name, in the order of their meaning, all from the first place. */
const cloneStack = now((c) => `child_stack=${pointer(c.u64(1))}`);
const cloneFlagsArg = now((c) => {
  const flags = c.u32(0);
  const signal = flags & 0xff;
  const names = cloneFlags((flags & ~0xff) >>> 0, 0);
  const text = signal === 0 ? names : names === '0' ? signalName(signal) : `${names}|${signalName(signal)}`;
  return `flags=${text}`;
});
const cloneParent = late((c) => {
  if ((c.u32(0) & (CLONE_PARENT_SETTID | CLONE_PIDFD)) === 0) return '';
  const field = (c.u32(0) & CLONE_PIDFD) !== 0 ? 'pidfd' : 'parent_tid';
  return `${field}=${ints(c, c.u64(2), 1)}`;
});
const cloneTls = late((c) => ((c.u32(0) & CLONE_SETTLS) === 0 ? '' : `tls=${pointer(c.u64(4))}`));
const cloneChild = late((c) =>
  (c.u32(0) & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID)) === 0 ? '' : `child_tidptr=${pointer(c.u64(3))}`,
);
/** '' stands for an argument that is not there. */
const unlessEmpty = (arg: Arg): Arg => ({ ...arg, print: (c, i) => arg.print(c, i) || null });

const clone3Args = now(
  at(CLONE_ARGS.SIZE, (v) => {
    const low = v.getUint32(CLONE_ARGS.flags, true);
    const parts = [`flags=${cloneFlags(low, v.getUint32(CLONE_ARGS.flags + 4, true))}`];
    if ((low & CLONE_PIDFD) !== 0) parts.push(`pidfd=${ptr64(v, CLONE_ARGS.pidfd)}`);
    if ((low & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID)) !== 0)
      parts.push(`child_tid=${ptr64(v, CLONE_ARGS.child_tid)}`);
    if ((low & CLONE_PARENT_SETTID) !== 0) parts.push(`parent_tid=${ptr64(v, CLONE_ARGS.parent_tid)}`);
    const signal = num64(v, CLONE_ARGS.exit_signal);
    parts.push(`exit_signal=${signal === 0 ? '0' : signalName(signal)}`);
    parts.push(`stack=${ptr64(v, CLONE_ARGS.stack)}`, `stack_size=${hex(num64(v, CLONE_ARGS.stack_size))}`);
    if ((low & CLONE_SETTLS) !== 0) parts.push(`tls=${ptr64(v, CLONE_ARGS.tls)}`);
    return `{${parts.join(', ')}}`;
  }),
);

/** The environment by its size. */
const variables = now((c, i) => {
  const addr = c.u64(i);
  if (addr === 0) return 'NULL';
  let count = 0;
  for (;;) {
    const p = c.task.mm.load64(addr + count * 8);
    if (p < 0 || count > 100_000) return pointer(addr);
    if (p === 0) break;
    count++;
  }
  return `${pointer(addr)} /* ${count} var${count === 1 ? '' : 's'} */`;
});

const WAIT_OPTIONS = list({
  WNOHANG: 1,
  WSTOPPED: 2,
  WEXITED: 4,
  WCONTINUED: 8,
  WNOWAIT: 0x1000000,
  __WNOTHREAD: 0x20000000,
  __WALL: 0x40000000,
  __WCLONE: 0x80000000,
});
const waitOptions = now((c, i) => bits(WAIT_OPTIONS, c.u32(i)));
const WAIT_IDS = named('P_', (name) => /^P_(ALL|PID|PGID|PIDFD)$/.test(name));

// futex -----------------------------------------------------------------------------------------------------

const FUTEX_OPS = named('FUTEX_', (name, value) => value <= 13 && !/_OP_|FLAG|PRIVATE$|SIZE/.test(name));
const FUTEX_PRIVATE = 128;
const FUTEX_REALTIME = 256;
/** Which of the arguments behind it operation `op` has. */
const FUTEX_ARGS: Readonly<Record<number, readonly number[]>> = {
  0: [2, 3],
  1: [2],
  2: [2],
  3: [2, 3, 4],
  4: [2, 3, 4, 5],
  5: [2, 3, 4, 5],
  6: [3],
  7: [],
  8: [],
  9: [2, 3, 5],
  10: [2, 5],
  11: [2, 3, 4],
  12: [2, 3, 4, 5],
  13: [3],
};
const ALL = [2, 3, 4, 5];
/** Operations whose fourth argument is a time. */
const FUTEX_TIMED = new Set([0, 6, 9, 11, 13]);
const BITSET_OPS = new Set([9, 10]);
const operation = (c: Call): number => c.u32(1) & 127;
const ofFutex = (index: number, print: (c: Call, i: number) => string): Arg =>
  now((c, i) => ((FUTEX_ARGS[operation(c)] ?? ALL).includes(index) ? print(c, i) : null));

const futex: Refinement = [
  same,
  now((c, i) => {
    const value = c.u32(i);
    const name = oneOf(FUTEX_OPS, value & 127) + ((value & FUTEX_PRIVATE) !== 0 ? '_PRIVATE' : '');
    return (value & FUTEX_REALTIME) !== 0 ? `${name}|FUTEX_CLOCK_REALTIME` : name;
  }),
  ofFutex(2, (c, i) => String(c.u32(i))),
  ofFutex(3, (c, i) => (FUTEX_TIMED.has(operation(c)) ? timespec(c, i) : String(c.u32(i)))),
  ofFutex(4, (c, i) => pointer(c.u64(i))),
  ofFutex(5, (c, i) => {
    if (!BITSET_OPS.has(operation(c))) return operation(c) === 5 ? hex(c.u32(i)) : String(c.u32(i));
    return c.u32(i) === 0xffffffff ? 'FUTEX_BITSET_MATCH_ANY' : hex(c.u32(i));
  }),
];

// prctl -----------------------------------------------------------------------------------------------------

const PRCTL = named(
  'PR_',
  (name) =>
    /^PR_(SET|GET|CAPBSET|CAP_AMBIENT|MCE|TASK|SVE|PAC|SCHED|MPX)/.test(name) &&
    !/^PR_SET_MM_|^PR_CAP_AMBIENT_/.test(name),
);
const PR_SET_PDEATHSIG = 1;
const PR_GET_PDEATHSIG = 2;
const PR_SET_NAME = 15;
const PR_GET_NAME = 16;
/** Options that take nothing. */
const BARE = new Set(
  named(
    'PR_GET_',
    except(
      'PR_GET_PDEATHSIG',
      'PR_GET_NAME',
      'PR_GET_TID_ADDRESS',
      'PR_GET_CHILD_SUBREAPER',
      'PR_GET_TSC',
      'PR_GET_ENDIAN',
      'PR_GET_UNALIGN',
    ),
  ).map(([, value]) => value),
);

const prctlSecond: Arg = {
  late: true,
  print: (c, i) => {
    switch (c.i32(0)) {
      case PR_SET_NAME:
        return c.string(c.u64(i), 15);
      case PR_GET_NAME:
        return c.failed
          ? pointer(c.u64(i))
          : structAt(c, c.u64(i), 16, (v) => quote(untilNul(new Uint8Array(v.buffer))));
      case PR_SET_PDEATHSIG:
        return signalName(c.i32(i));
      case PR_GET_PDEATHSIG:
        return c.failed ? pointer(c.u64(i)) : `[${signalName(c.task.mm.load32(c.u64(i)))}]`;
      default:
        return BARE.has(c.i32(0)) ? null : hex(c.u64(i));
    }
  },
};
/** Further arguments, where any is not zero. */
const prctlMore: Arg = {
  late: true,
  print: (c, i) => {
    const option = c.i32(0);
    if (BARE.has(option) || [PR_SET_PDEATHSIG, PR_GET_PDEATHSIG, PR_SET_NAME, PR_GET_NAME].includes(option))
      return null;
    for (let k = i; k < 5; k++) if (c.u64(k) !== 0) return hex(c.u64(i));
    return null;
  },
};

const PRIORITIES = named('PRIO_', except('PRIO_MIN', 'PRIO_MAX'));
const SCHEDULERS = list({
  SCHED_OTHER: 0,
  SCHED_FIFO: 1,
  SCHED_RR: 2,
  SCHED_BATCH: 3,
  SCHED_IDLE: 5,
  SCHED_DEADLINE: 6,
});
const scheduler = now((c, i) => oneOf(SCHEDULERS, c.i32(i)));

/** Processors in a mask of `length` bytes. */
function processors(c: Call, addr: number, length: number): string {
  return structAt(c, addr, Math.min(length, 1024), (v) => {
    const cpus: number[] = [];
    for (let cpu = 0; cpu < v.byteLength * 8; cpu++) {
      if ((v.getUint8(cpu >> 3) & (1 << (cpu & 7))) !== 0) cpus.push(cpu);
    }
    return `[${cpus.join(' ')}]`;
  });
}

const oneInt = late((c, i) => ints(c, c.u64(i), 1));

export const processCalls: Record<string, Refinement> = {
  clone: [
    cloneStack,
    cloneFlagsArg,
    unlessEmpty(cloneParent),
    unlessEmpty(cloneTls),
    unlessEmpty(cloneChild),
  ],
  clone3: [clone3Args],
  execve: [same, same, variables],
  execveat: [same, same, same, variables],
  wait4: [same, same, waitOptions],
  waitid: [now((c, i) => oneOf(WAIT_IDS, c.i32(i))), same, late(siginfo), waitOptions],
  futex,
  prctl: [now((c, i) => oneOf(PRCTL, c.i32(i))), prctlSecond, prctlMore, prctlMore, prctlMore],
  getresuid: [oneInt, oneInt, oneInt],
  getresgid: [oneInt, oneInt, oneInt],
  getpriority: [now((c, i) => oneOf(PRIORITIES, c.i32(i)))],
  setpriority: [now((c, i) => oneOf(PRIORITIES, c.i32(i)))],
  sched_setscheduler: [same, scheduler],
  sched_get_priority_max: [scheduler],
  sched_get_priority_min: [scheduler],
  sched_getaffinity: [same, same, late((c, i) => processors(c, c.u64(i), c.result))],
  sched_setaffinity: [same, same, now((c, i) => processors(c, c.u64(i), c.u64(1)))],
  unshare: [now((c, i) => cloneFlags(c.u32(i), 0))],
  setns: [same, now((c, i) => cloneFlags(c.u32(i), 0))],
};
