import type { MemoryManager } from '../../mm/memory-manager.js';
import type { KernelCore } from '../kernel/kernel-core.js';
import type { Rseq } from './rseq.js';
import { TASK_RUNNING } from './task-state.js';

/** How long a thread keeps its processor while others wait for one, milliseconds. */
const SLICE = 2;
/** Processor masks have 32 bits here. */
const MAX_CPUS = 32;

/**
 * The processors that the threads of one address space believe to run on (rseq(2)). The host runs guests
 * where and when it likes, so what Linux promises is kept otherwise: a number belongs to one thread at a
 * time, from the moment it is let run until another thread gets the number, and that happens only while the
 * first is stopped. With more threads that want to run than numbers, those that have one hand it on at their
 * next stop, which is brought about after a slice.
 */
export class VirtualCpus {
  private readonly holders: (Rseq | null)[];
  private readonly waiting: Rseq[] = [];
  private armed = false;

  constructor(private readonly kernel: KernelCore) {
    this.holders = new Array<Rseq | null>(Math.min(kernel.cpus, MAX_CPUS)).fill(null);
  }

  /** Threads wait for a number: one that stops is to `yield` its own. */
  get crowded(): boolean {
    return this.waiting.length > 0;
  }

  /**
   * Give `rseq` a number, the one it had if that can be. False: it waits, and its task will be queued when it
   * is its turn.
   */
  acquire(rseq: Rseq): boolean {
    if (this.take(rseq)) return true;
    if (!this.waiting.includes(rseq)) this.waiting.push(rseq);
    this.arm();
    return false;
  }

  /** The holder has stopped, so the number can go to one who waits. */
  yield(rseq: Rseq): void {
    if (rseq.cpu < 0) return;
    const next = this.waiting.findIndex((w) => w.allows(rseq.cpu));
    if (next >= 0) this.grant(this.waiting.splice(next, 1)[0]!, rseq.cpu);
  }

  /** It no longer waits. False when it did not. */
  stopWaiting(rseq: Rseq): boolean {
    const i = this.waiting.indexOf(rseq);
    if (i >= 0) this.waiting.splice(i, 1);
    return i >= 0;
  }

  /** The thread is done with its number. */
  release(rseq: Rseq): void {
    this.stopWaiting(rseq);
    if (rseq.cpu < 0) return;
    this.yield(rseq);
    if (rseq.cpu < 0) return;
    this.holders[rseq.cpu] = null;
    rseq.cpu = -1;
  }

  private take(rseq: Rseq): boolean {
    if (rseq.cpu >= 0 && rseq.allows(rseq.cpu)) return true;
    const { holders } = this;
    let choice = -1;
    for (let i = 0; i < holders.length; i++) {
      const holder = holders[i]!;
      if (!rseq.allows(i)) continue;
      if (holder === null) {
        choice = i;
        break;
      }
      const { task } = holder;
      if (choice < 0 && task.state !== TASK_RUNNING && !task.queued) choice = i;
    }
    if (choice < 0) return false;
    if (rseq.cpu >= 0) this.holders[rseq.cpu] = null;
    this.assign(rseq, choice);
    return true;
  }

  private assign(rseq: Rseq, cpu: number): void {
    this.holders[cpu]?.lose();
    this.holders[cpu] = rseq;
    rseq.cpu = cpu;
  }

  private grant(rseq: Rseq, cpu: number): void {
    this.assign(rseq, cpu);
    this.kernel.enqueue(rseq.task);
  }

  private arm(): void {
    if (this.armed) return;
    this.armed = true;
    // The host's own timer: threads compute in real time, whatever their clock says.
    setTimeout(this.look, SLICE).unref();
  }

  /**
   * A slice is over: numbers that have come free are given out, and as many threads as still wait are made to
   * stop.
   */
  private readonly look = (): void => {
    this.armed = false;
    const { kernel } = this;
    if (kernel.dead || !this.crowded) return;
    kernel.run(() => {
      for (const rseq of this.waiting.slice()) {
        if (!this.take(rseq)) continue;
        this.stopWaiting(rseq);
        kernel.enqueue(rseq.task);
      }
      for (const holder of this.holders) {
        if (holder === null || holder.task.state !== TASK_RUNNING) continue;
        if (this.waiting.some((w) => w.allows(holder.cpu))) holder.task.context.interrupt();
      }
    });
    if (this.crowded) this.arm();
  };
}

const instances = new WeakMap<MemoryManager, VirtualCpus>();

/** Those of an address space. */
export function virtualCpusOf(kernel: KernelCore, mm: MemoryManager): VirtualCpus {
  let cpus = instances.get(mm);
  if (cpus === undefined) {
    cpus = new VirtualCpus(kernel);
    instances.set(mm, cpus);
  }
  return cpus;
}
