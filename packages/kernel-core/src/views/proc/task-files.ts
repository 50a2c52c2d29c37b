import {
  CAP_SYS_NICE,
  CAP_SYS_RESOURCE,
  EACCES,
  EINVAL,
  EPERM,
  ESRCH,
  RLIMIT_AS,
  RLIMIT_CORE,
  RLIMIT_CPU,
  RLIMIT_DATA,
  RLIMIT_FSIZE,
  RLIMIT_LOCKS,
  RLIMIT_MEMLOCK,
  RLIMIT_MSGQUEUE,
  RLIMIT_NICE,
  RLIMIT_NOFILE,
  RLIMIT_NPROC,
  RLIMIT_RSS,
  RLIMIT_RTPRIO,
  RLIMIT_RTTIME,
  RLIMIT_SIGPENDING,
  RLIMIT_STACK,
} from '@sandbox/abi';
import type { Credentials } from '@sandbox/vfs';
import { INFINITE } from '../../mm/rlimits.js';
import { processUserTime, taskUserTime } from '../../process/task/cputime.js';
import { addIo, newIoCount } from '../../process/task/io-accounting.js';
import { type Content, parseDecimal } from '../../pseudo/text.js';
import { hex } from './format.js';
import type { ProcSubject } from './subject.js';
import { commOf, stateLetter } from './task-stat.js';

/** Longest thread name, without the NUL. */
const COMM_MAX = 15;
const OOM_MAX = 1000;
const OOM_OLD_MAX = 15;
const OOM_OLD_DISABLE = -17;

export function commText(s: ProcSubject): Content {
  return `${commOf(s)}\n`;
}

/** Only threads of the same process may name each other. */
export function setComm(s: ProcSubject, text: string): number {
  const { task } = s;
  if (task === null) return -ESRCH;
  if (s.kernel.current !== null && s.kernel.current.group !== s.group) return -EINVAL;
  const nul = text.indexOf('\0');
  task.comm = (nul < 0 ? text : text.slice(0, nul)).slice(0, COMM_MAX);
  for (const watcher of s.kernel.hooks.watchers) watcher.renamed?.(task);
  return text.length;
}

const LIMITS: readonly (readonly [number, string, string])[] = [
  [RLIMIT_CPU, 'Max cpu time', 'seconds'],
  [RLIMIT_FSIZE, 'Max file size', 'bytes'],
  [RLIMIT_DATA, 'Max data size', 'bytes'],
  [RLIMIT_STACK, 'Max stack size', 'bytes'],
  [RLIMIT_CORE, 'Max core file size', 'bytes'],
  [RLIMIT_RSS, 'Max resident set', 'bytes'],
  [RLIMIT_NPROC, 'Max processes', 'processes'],
  [RLIMIT_NOFILE, 'Max open files', 'files'],
  [RLIMIT_MEMLOCK, 'Max locked memory', 'bytes'],
  [RLIMIT_AS, 'Max address space', 'bytes'],
  [RLIMIT_LOCKS, 'Max file locks', 'locks'],
  [RLIMIT_SIGPENDING, 'Max pending signals', 'signals'],
  [RLIMIT_MSGQUEUE, 'Max msgqueue size', 'bytes'],
  [RLIMIT_NICE, 'Max nice priority', ''],
  [RLIMIT_RTPRIO, 'Max realtime priority', ''],
  [RLIMIT_RTTIME, 'Max realtime timeout', 'us'],
];

/** /proc/PID/limits */
export function limitsText(s: ProcSubject): Content {
  const { soft, hard } = s.group.limits;
  const show = (n: number): string => (n === INFINITE ? 'unlimited' : String(n)).padEnd(20);
  let t = `${'Limit'.padEnd(25)} ${'Soft Limit'.padEnd(20)} ${'Hard Limit'.padEnd(20)} ${'Units'.padEnd(10)}\n`;
  for (const [which, name, unit] of LIMITS) {
    t += `${name.padEnd(25)} ${show(soft[which]!)} ${show(hard[which]!)} `;
    t += unit === '' ? '\n' : `${unit.padEnd(10)}\n`;
  }
  return t;
}

/** /proc/PID/schedstat: time on a processor; waiting and slices are the host's business. */
export function schedstatText(s: ProcSubject): Content {
  const { task } = s;
  const time = task === null || s.mm === null ? 0 : Math.floor(taskUserTime(task));
  return `${time} 0 ${task === null ? 0 : task.nvcsw + task.nivcsw}\n`;
}

/** /proc/PID/sched, as far as it is known. */
export function schedText(s: ProcSubject): Content {
  const { task, group } = s;
  const line = (name: string, value: string | number): string =>
    `${name.padEnd(45)}:${String(value).padStart(21)}\n`;
  const ms = (ns: number): string =>
    `${Math.floor(ns / 1e6)}.${String(Math.floor(ns % 1e6)).padStart(6, '0')}`;
  const voluntary = task?.nvcsw ?? 0;
  const forced = task?.nivcsw ?? 0;
  const nice = task?.attributes.nice ?? 0;
  return (
    `${commOf(s)} (${s.id}, #threads: ${Math.max(group.tasks.length, 1)})\n${'-'.repeat(67)}\n` +
    line('se.sum_exec_runtime', ms(processUserTime(group))) +
    line('nr_switches', voluntary + forced) +
    line('nr_voluntary_switches', voluntary) +
    line('nr_involuntary_switches', forced) +
    line('policy', task?.attributes.policy ?? 0) +
    line('prio', 120 + nice)
  );
}

/**
 * /proc/PID/wchan: where in the kernel a thread sleeps is not told ("0", as to those without the right to
 * know).
 */
export function wchanText(_s: ProcSubject): Content {
  return '0';
}

/**
 * /proc/PID/io: what threads and reaped children read and wrote. There is no storage below: its bytes are 0.
 */
export function ioText(s: ProcSubject): Content {
  if (!s.mayInspect) return -EACCES;
  const sum = newIoCount();
  if (s.whole) {
    addIo(sum, s.group.pastIo);
    for (const t of s.group.tasks) addIo(sum, t.io);
  } else if (s.task !== null) addIo(sum, s.task.io);
  const [rchar, wchar, syscr, syscw] = sum;
  return `rchar: ${rchar}\nwchar: ${wchar}\nsyscr: ${syscr}\nsyscw: ${syscw}\nread_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n`;
}

/**
 * /proc/PID/syscall: "running", or the number, arguments, stack and instruction pointer of the call a thread
 * waits in.
 */
export function syscallText(s: ProcSubject): Content {
  if (!s.mayInspect) return -EPERM;
  const { task } = s;
  if (task === null || s.mm === null) return -ESRCH;
  const letter = stateLetter(s);
  if ((letter !== 'S' && letter !== 'D') || task.nr < 0) return 'running\n';
  let t = String(task.nr);
  const words = task.args.words;
  for (let i = 0; i < 6; i++) {
    const hi = words[i * 2 + 1]!;
    const lo = words[i * 2]!;
    t += ` 0x${hi === 0 ? lo.toString(16) : hi.toString(16) + hex(lo, 8)}`;
  }
  return `${t} 0x0 0x0\n`;
}

/** /proc/PID/oom_score: the share of all memory it uses, in thousandths, with its adjustment. */
export function oomScoreText(s: ProcSubject): Content {
  const used = s.mm?.pages.residentBytes ?? 0;
  const points = Math.floor((used / s.kernel.limits.memory) * 1000) + s.group.oomScoreAdj;
  return `${s.mm === null ? 0 : Math.max(Math.floor(((1000 + points) * 2) / 3), 0)}\n`;
}

export function oomScoreAdjText(s: ProcSubject): Content {
  return `${s.group.oomScoreAdj}\n`;
}

/** Lowering it below what it was needs CAP_SYS_RESOURCE. */
export function setOomScoreAdj(s: ProcSubject, text: string, _offset: number, cred: Credentials): number {
  const value = parseDecimal(text);
  if (value === null || value < -OOM_MAX || value > OOM_MAX) return -EINVAL;
  if (value < s.group.oomScoreAdj && value < 0 && !cred.capable(CAP_SYS_RESOURCE)) return -EACCES;
  s.group.oomScoreAdj = value;
  return text.length;
}

/** The scale of former times, -17..15. */
export function oomAdjText(s: ProcSubject): Content {
  const adj = s.group.oomScoreAdj;
  if (adj === OOM_MAX) return `${OOM_OLD_MAX}\n`;
  return `${Math.trunc((adj * -OOM_OLD_DISABLE) / OOM_MAX)}\n`;
}

export function setOomAdj(s: ProcSubject, text: string, _offset: number, cred: Credentials): number {
  const value = parseDecimal(text);
  if (value === null) return -EINVAL;
  if ((value < -16 || value > OOM_OLD_MAX) && value !== OOM_OLD_DISABLE) return -EINVAL;
  const adj = value === OOM_OLD_MAX ? OOM_MAX : Math.trunc((value * OOM_MAX) / -OOM_OLD_DISABLE);
  if (adj < s.group.oomScoreAdj && !cred.capable(CAP_SYS_RESOURCE)) return -EACCES;
  s.group.oomScoreAdj = adj;
  return text.length;
}

export function timerSlackText(s: ProcSubject): Content {
  const { task } = s;
  if (task === null) return -ESRCH;
  if (task !== s.kernel.current && s.kernel.current?.cred.capable(CAP_SYS_NICE) === false) return -EPERM;
  return `${task.attributes.effectiveTimerSlack}\n`;
}

/** 0 means the default again. */
export function setTimerSlack(s: ProcSubject, text: string): number {
  const { task } = s;
  const value = parseDecimal(text);
  if (task === null) return -ESRCH;
  if (value === null || value < 0) return -EINVAL;
  if (task !== s.kernel.current && s.kernel.current?.cred.capable(CAP_SYS_NICE) === false) return -EPERM;
  if (task.attributes.rtPriority > 0) return text.length;
  task.attributes.timerSlack = value === 0 ? task.attributes.defaultTimerSlack : value;
  return text.length;
}

/** /proc/PID/coredump_filter (core(5)): which kinds of memory a core dump holds, as bits. */
const COREDUMP_FILTER_BITS = 0x1ff;

export function coredumpFilterText(s: ProcSubject): Content {
  return s.mm === null ? '' : `${hex(s.mm.settings.coredumpFilter, 8)}\n`;
}

export function setCoredumpFilter(s: ProcSubject, text: string): number {
  const word = text.trim();
  const value = /^0x[0-9a-f]+$/i.test(word)
    ? Number(word)
    : /^0[0-7]+$/.test(word)
      ? parseInt(word, 8)
      : parseDecimal(word);
  if (value === null || value < 0) return -EINVAL;
  if (s.mm === null) return -ESRCH;
  s.mm.settings.coredumpFilter = value & COREDUMP_FILTER_BITS;
  return text.length;
}

/** Children by pid, in order of birth (of the thread, but a process's are shown with its leader). */
export function childrenText(s: ProcSubject): Content {
  const { task } = s;
  let t = '';
  for (const child of s.group.children) {
    if (task === null || child.creator === task || (child.creator === null && task === s.group.leader))
      t += `${child.pidFor(s)} `;
  }
  return t;
}
