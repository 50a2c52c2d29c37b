import type { KernelCore } from '../../process/kernel/kernel-core.js';
import { taskSystemTime, taskUserTime, toTicks } from '../../process/task/cputime.js';
import type { Task } from '../../process/task/task.js';
import { TASK_BLOCKED, TASK_STOPPED, TASK_TRACED } from '../../process/task/task-state.js';
import { centiseconds, hex } from './format.js';

/** What tasks that are gone have used, of one kernel. */
class Totals {
  userNs = 0;
  systemNs = 0;
  switches = 0;
  tasks = 0;

  add(task: Task): void {
    this.userNs += taskUserTime(task);
    this.systemNs += taskSystemTime(task);
    this.switches += task.nvcsw + task.nivcsw;
    this.tasks++;
  }
}

const totals = new WeakMap<KernelCore, Totals>();

/** Begin to count; once per kernel. */
export function installTotals(kernel: KernelCore): void {
  if (totals.has(kernel)) return;
  const gone = new Totals();
  totals.set(kernel, gone);
  kernel.hooks.taskExit.push((task) => gone.add(task));
}

/** All tasks since the start. */
function sum(kernel: KernelCore): Totals {
  const all = new Totals();
  Object.assign(all, totals.get(kernel) ?? all);
  for (const process of kernel.pids.processes.values()) for (const task of process.tasks) all.add(task);
  return all;
}

function runnable(kernel: KernelCore): number {
  let n = 0;
  for (const process of kernel.pids.processes.values()) {
    for (const t of process.tasks)
      if ((t.state !== TASK_BLOCKED || t.queued) && t.state !== TASK_STOPPED && t.state !== TASK_TRACED) n++;
  }
  return n;
}

/** Nanoseconds the processors had nothing to do. */
function idleNs(kernel: KernelCore, used: number): number {
  return Math.max(kernel.clock.monotonic() * kernel.cpus - used, 0);
}

/** /proc/stat. On which processor a guest ran is not known: each has an equal share. */
export function systemStatText(kernel: KernelCore): string {
  const { cpus, clock } = kernel;
  const all = sum(kernel);
  const idle = idleNs(kernel, all.userNs + all.systemNs);
  const user = toTicks(all.userNs);
  const system = toTicks(all.systemNs);
  const ticks = toTicks(idle);
  let t = `cpu  ${user} 0 ${system} ${ticks} 0 0 0 0 0 0\n`;
  for (let i = 0; i < cpus; i++) {
    const share = (n: number): number => Math.floor((n + i) / cpus);
    t += `cpu${i} ${share(user)} 0 ${share(system)} ${share(ticks)} 0 0 0 0 0 0\n`;
  }
  const { boottime } = (kernel.current?.nsSet ?? kernel.namespaces.initial).time;
  const uptime = (clock.monotonic() + boottime) / 1e9;
  const boot = Math.floor(clock.realtimeSec() + clock.realtimeNsec / 1e9 - uptime);
  return (
    `${t}intr 0\nctxt ${all.switches}\nbtime ${boot}\nprocesses ${all.tasks}\n` +
    `procs_running ${runnable(kernel)}\nprocs_blocked 0\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n`
  );
}

/** /proc/uptime: since the start of the clock, and idle time of all processors. */
export function uptimeText(kernel: KernelCore): string {
  const all = sum(kernel);
  const idle = idleNs(kernel, all.userNs + all.systemNs);
  const { boottime } = (kernel.current?.nsSet ?? kernel.namespaces.initial).time;
  return `${centiseconds(kernel.clock.monotonic() + boottime)} ${centiseconds(idle)}\n`;
}

/** /proc/loadavg: averages are not kept. */
export function loadavgText(kernel: KernelCore): string {
  const { pids } = kernel;
  return `0.00 0.00 0.00 ${runnable(kernel)}/${pids.tasks.size} ${pids.lastAllocated}\n`;
}

/** /proc/locks: the locks of all open files. */
export function locksText(kernel: KernelCore): string {
  const seen = new Set<object>();
  const lines: string[] = [];
  for (const task of kernel.pids.tasks.values()) {
    const { files } = task;
    if (seen.has(files)) continue;
    seen.add(files);
    for (let fd = 0; fd < files.size; fd++) {
      const inode = files.get(fd)?.inode;
      if (inode === undefined || inode.locks === null || seen.has(inode)) continue;
      seen.add(inode);
      const dev = `${hex((inode.dev >>> 8) & 0xfff, 2)}:${hex(inode.dev & 0xff, 2)}:${inode.ino}`;
      for (const l of inode.locks.list()) {
        const kind = l.flock ? 'FLOCK ' : l.pid === -1 ? 'OFDLCK' : 'POSIX ';
        const end = l.end === Number.POSITIVE_INFINITY ? 'EOF' : String(l.end - 1);
        const how = l.exclusive ? 'WRITE' : 'READ ';
        lines.push(`${lines.length + 1}: ${kind} ADVISORY  ${how} ${l.pid} ${dev} ${l.start} ${end}\n`);
      }
    }
  }
  return lines.join('');
}
