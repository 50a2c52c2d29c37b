import { RUSAGE } from '@sandbox/abi';
import { processSystemTime, processUserTime, taskSystemTime, taskUserTime } from './cputime.js';
import type { Task } from './task.js';
import { type ThreadGroup, Usage } from './thread-group.js';

/** Figures of getrusage(2), times in ns. One is enough: it is filled and written at once. */
export class Rusage {
  utime = 0;
  stime = 0;
  readonly usage = new Usage();

  clear(): this {
    this.utime = 0;
    this.stime = 0;
    const u = this.usage;
    u.minflt = u.majflt = u.nvcsw = u.nivcsw = u.maxrss = 0;
    return this;
  }

  /** RUSAGE_THREAD. */
  addTask(task: Task): this {
    this.utime += taskUserTime(task);
    this.stime += taskSystemTime(task);
    this.addCounters(task);
    this.usage.maxrss = Math.max(this.usage.maxrss, peakRss(task));
    return this;
  }

  /** RUSAGE_SELF. */
  addProcess(group: ThreadGroup): this {
    this.utime += processUserTime(group);
    this.stime += processSystemTime(group);
    this.usage.add(group.dead);
    for (const t of group.tasks) {
      this.addCounters(t);
      this.usage.maxrss = Math.max(this.usage.maxrss, peakRss(t));
    }
    return this;
  }

  /** RUSAGE_CHILDREN: children that have been waited for. */
  addChildren(group: ThreadGroup): this {
    this.utime += group.childUtime;
    this.stime += group.childStime;
    this.usage.add(group.childUsage);
    return this;
  }

  private addCounters(task: Task): void {
    const u = this.usage;
    u.minflt += task.minflt;
    u.majflt += task.majflt;
    u.nvcsw += task.nvcsw;
    u.nivcsw += task.nivcsw;
  }

  /** As struct rusage. */
  write(view: DataView, offset: number): void {
    for (let i = 0; i < RUSAGE.SIZE; i += 4) view.setUint32(offset + i, 0, true);
    writeTimeval(view, offset + RUSAGE.ru_utime, this.utime);
    writeTimeval(view, offset + RUSAGE.ru_stime, this.stime);
    const u = this.usage;
    setLong(view, offset + RUSAGE.ru_maxrss, u.maxrss);
    setLong(view, offset + RUSAGE.ru_minflt, u.minflt);
    setLong(view, offset + RUSAGE.ru_majflt, u.majflt);
    setLong(view, offset + RUSAGE.ru_nvcsw, u.nvcsw);
    setLong(view, offset + RUSAGE.ru_nivcsw, u.nivcsw);
  }
}

function setLong(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value >>> 0, true);
  view.setUint32(offset + 4, Math.floor(value / 4294967296), true);
}

function writeTimeval(view: DataView, offset: number, ns: number): void {
  setLong(view, offset, Math.floor(ns / 1e9));
  setLong(view, offset + 8, Math.floor((ns % 1e9) / 1000));
}

/** Peak resident set of a living task's memory, KiB. */
export function peakRss(task: Task): number {
  return Math.floor(task.mm.peakRss / 1024);
}

/** The one that system calls fill: never held over another call. */
export const rusage = new Rusage();
