import { RLIMIT_RSS } from '@sandbox/abi';
import { controllingTty } from '../../files/tty/job-control.js';
import { measureResident } from '../../mm/residency.js';
import type { SigHandlers } from '../../process/signal/signal-state.js';
import { SIG_DFL, SIG_IGN } from '../../process/signal/signal-state.js';
import { SigSet } from '../../process/signal/sigset.js';
import {
  processSystemTime,
  processUserTime,
  taskSystemTime,
  taskUserTime,
  toTicks,
} from '../../process/task/cputime.js';
import type { Task } from '../../process/task/task.js';
import { TASK_BLOCKED, TASK_STOPPED, TASK_TRACED, TASK_ZOMBIE } from '../../process/task/task-state.js';
import type { Content } from '../../pseudo/text.js';
import { ulong } from './format.js';
import type { ProcSubject } from './subject.js';

const PAGE = 4096;
const PF_EXITING = 0x4;
const PF_FORKNOEXEC = 0x40;
const PF_RANDOMIZE = 0x400000;

/** The letter of a thread's state. Process 1 sleeps. */
export function stateLetter(s: ProcSubject): string {
  const { task } = s;
  if (task === null) return 'S';
  if (task.state >= TASK_ZOMBIE) return task.state === TASK_ZOMBIE ? 'Z' : 'X';
  if (task.state === TASK_STOPPED) return 'T';
  if (task.state === TASK_TRACED) return 't';
  if (task.state !== TASK_BLOCKED || task.queued) return 'R';
  return task.sleepsKillable ? 'D' : 'S';
}

/** comm of a process without a thread. */
export function commOf(s: ProcSubject): string {
  return s.task?.comm ?? 'init';
}

/** Signals that are ignored and those that are caught. */
export function ignoredAndCaught(handlers: SigHandlers): { ignored: SigSet; caught: SigSet } {
  const ignored = new SigSet();
  const caught = new SigSet();
  for (let sig = 1; sig <= 64; sig++) {
    const handler = handlers.actions[sig]!.handler;
    if (handler === SIG_IGN) ignored.add(sig);
    else if (handler !== SIG_DFL) caught.add(sig);
  }
  return { ignored, caught };
}

/** Scheduling priority as field 18 shows it: 20 + nice, or -1 - rtpriority. */
function priority(task: Task | null): number {
  if (task === null) return 20;
  const a = task.attributes;
  return a.rtPriority > 0 ? -1 - a.rtPriority : 20 + a.nice;
}

interface Faults {
  minflt: number;
  majflt: number;
}

function faultsOf(s: ProcSubject): Faults {
  const { task, group } = s;
  if (!s.whole) return { minflt: task?.minflt ?? 0, majflt: task?.majflt ?? 0 };
  const sum = { minflt: group.dead.minflt, majflt: group.dead.majflt };
  for (const t of group.tasks) {
    sum.minflt += t.minflt;
    sum.majflt += t.majflt;
  }
  return sum;
}

/** Fields 14 to 17. */
function times(s: ProcSubject): string {
  const { task, group } = s;
  let utime = 0;
  let stime = 0;
  if (s.whole) {
    utime = processUserTime(group);
    stime = processSystemTime(group);
  } else if (task !== null && task.state < TASK_ZOMBIE) {
    utime = taskUserTime(task);
    stime = taskSystemTime(task);
  }
  return `${toTicks(utime)} ${toTicks(stime)} ${toTicks(group.childUtime)} ${toTicks(group.childStime)}`;
}

/** Fields 26 to 30 and 45 to 51: addresses, for those who may look. */
function addresses(s: ProcSubject): { code: string; data: string } {
  const { mm } = s;
  if (mm === null) return { code: '0 0 0', data: '0 0 0 0 0 0 0' };
  if (!s.mayInspect) return { code: '1 1 0', data: '0 0 0 0 0 0 0' };
  const e = mm.exec;
  return {
    code: `${e.startCode} ${e.endCode} ${e.startStack}`,
    data: `${e.startData} ${e.endData} ${e.startBrk} ${e.argStart} ${e.argEnd} ${e.envStart} ${e.envEnd}`,
  };
}

function flagsOf(s: ProcSubject): number {
  let flags = PF_RANDOMIZE;
  if (!s.group.didExec) flags |= PF_FORKNOEXEC;
  if (s.task !== null && s.task.state >= TASK_ZOMBIE) flags |= PF_EXITING;
  return flags;
}

/** /proc/PID/stat: the 52 fields of proc_pid_stat(5). */
export function statText(s: ProcSubject): Content {
  const { task, group, mm } = s;
  const tty = controllingTty(group);
  const faults = faultsOf(s);
  const { ignored, caught } = ignoredAndCaught(group.signals.handlers);
  const at = addresses(s);
  const pending = task?.signals.pending.set.lo ?? 0;
  const blocked = task?.signals.blocked.lo ?? 0;
  const inspect = s.mayInspect;
  const child = group.childUsage;
  const head =
    `${s.id} (${commOf(s)}) ${stateLetter(s)} ${group.parent?.pidFor(s) ?? 0} ${s.pids.numberOf(group.processGroup.pgid, group.processGroup)} ` +
    `${s.pids.numberOf(group.session.sid, group.session)} ${tty?.rdev ?? 0} ${tty?.foreground ? s.pids.numberOf(tty.foreground.pgid, tty.foreground) : -1} ${flagsOf(s)} ` +
    `${faults.minflt} ${child.minflt} ${faults.majflt} ${child.majflt} ${times(s)} ` +
    `${priority(task)} ${task?.attributes.nice ?? 0} ${Math.max(group.tasks.length, 1)} 0 ` +
    `${toTicks((task?.startTime ?? 0) + (s.kernel.current?.nsSet.time.boottime ?? 0))} ${mm?.totalVm ?? 0} ${residentBytes(s) / PAGE} ` +
    `${ulong(group.limits.soft[RLIMIT_RSS]!)} ${at.code} 0 0 `;
  const waits = inspect && stateLetter(s) !== 'R' ? 1 : 0;
  return (
    `${head}${pending & 0x7fffffff} ${blocked & 0x7fffffff} ${ignored.lo & 0x7fffffff} ${caught.lo & 0x7fffffff} ` +
    `${waits} 0 0 ${task === null || task === group.leader ? group.exitSignal : -1} 0 ` +
    `${task?.attributes.rtPriority ?? 0} ${task?.attributes.policy ?? 0} 0 0 0 ${at.data} ` +
    `${inspect && task !== null && task.state >= TASK_ZOMBIE ? (s.whole ? group.exitStatus : task.exitCode) : 0}\n`
  );
}

/** Resident bytes by kind. Shared mappings count as shared memory, whatever they map. */
export function residentKinds(s: ProcSubject): { anon: number; file: number; shared: number } {
  return s.mm === null ? { anon: 0, file: 0, shared: 0 } : measureResident(s.mm);
}

function residentBytes(s: ProcSubject): number {
  const { anon, file, shared } = residentKinds(s);
  return anon + file + shared;
}

/** Bytes of the program's own code. */
export function codeBytes(s: ProcSubject): number {
  const e = s.mm?.exec;
  if (!e) return 0;
  const end = Math.ceil(e.endCode / PAGE) * PAGE;
  return end - (e.startCode - (e.startCode % PAGE));
}

/** /proc/PID/statm: pages in all, resident, shared, code, 0, data and stack, 0. */
export function statmText(s: ProcSubject): Content {
  const { mm } = s;
  if (mm === null) return '0 0 0 0 0 0 0\n';
  const { anon, file, shared } = residentKinds(s);
  const data = (mm.dataVm + mm.stackVm) / PAGE;
  return `${mm.totalVm / PAGE} ${(anon + file + shared) / PAGE} ${(file + shared) / PAGE} ${codeBytes(s) / PAGE} 0 ${data} 0\n`;
}
