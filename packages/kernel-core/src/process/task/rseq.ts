import { RSEQ, RSEQ_CPU_ID_UNINITIALIZED, RSEQ_CS, TASK_SIZE_MAX, USER_REGS } from '@sandbox/abi';
import type { Task } from './task.js';
import type { VirtualCpus } from './virtual-cpus.host.js';

const WORD = 4294967296;
const RIP = USER_REGS.rip * 2;

/** The thread may run. */
export const RSEQ_READY = 0;
/** It waits for a processor. */
export const RSEQ_WAITS = 1;
/** Its area or the section it is in is not what rseq(2) asks for: SIGSEGV. */
export const RSEQ_BAD = 2;

const descriptor = new Uint8Array(RSEQ_CS.SIZE);
const view = new DataView(descriptor.buffer);

function u64(offset: number): number {
  return view.getUint32(offset, true) + view.getUint32(offset + 4, true) * WORD;
}

/** A thread's registration of restartable sequences (rseq(2), Documentation/userspace-api/rseq.rst). */
export class Rseq {
  /** The processor it has, -1 for none. Kept by `VirtualCpus`. */
  cpu = -1;
  /**
   * Nothing is to be done before it runs: it has a processor, its area says so, and nobody else has had that
   * one since it ran.
   */
  settled = false;
  /** What its area says, -1 when it says nothing yet. */
  private published = -1;
  /** Another thread may have run on its processor since: a section it is in must start again. */
  private preempted = true;

  constructor(
    readonly task: Task,
    /**
     * Guest address of its `struct rseq`, the length it gave for it, and the four bytes that stand before
     * each abort handler.
     */
    readonly area: number,
    readonly length: number,
    readonly signature: number,
    readonly cpus: VirtualCpus,
  ) {}

  /**
   * The registration of a forked child, whose area is a copy of this one's and which does not come out of a
   * section.
   */
  inherit(task: Task, cpus: VirtualCpus): Rseq {
    const child = new Rseq(task, this.area, this.length, this.signature, cpus);
    child.published = this.published;
    child.preempted = false;
    return child;
  }

  /** May the thread use this processor (sched_setaffinity(2))? */
  allows(cpu: number): boolean {
    return ((this.task.attributes.affinity >>> cpu) & 1) !== 0;
  }

  /** Its processor is another thread's now. */
  lose(): void {
    this.cpu = -1;
    this.preempt();
  }

  /** A section it is in must start again. */
  preempt(): void {
    this.preempted = true;
    this.settled = false;
  }

  /** Before the thread runs: RSEQ_READY, RSEQ_WAITS, RSEQ_BAD. */
  enter(): number {
    if (!this.cpus.acquire(this)) return RSEQ_WAITS;
    if (this.cpu !== this.published && !this.publish()) return RSEQ_BAD;
    if (this.preempted && !this.restart()) return RSEQ_BAD;
    this.settled = true;
    return RSEQ_READY;
  }

  private publish(): boolean {
    const { cpu, task } = this;
    if (task.mm.store64(this.area + RSEQ.cpu_id_start, cpu * WORD + cpu) !== 0) return false;
    // node_id and mm_cid: there is one node, and processors are numbered within the address space.
    if (task.mm.store64(this.area + RSEQ.node_id, cpu * WORD) !== 0) return false;
    this.published = cpu;
    return true;
  }

  /**
   * The area says that the thread is not registered (rseq_reset_rseq_cpu_node_id). False when it cannot be
   * written.
   */
  reset(): boolean {
    const { mm } = this.task;
    if (mm.store64(this.area + RSEQ.cpu_id_start, 0) !== 0) return false;
    if (mm.store32(this.area + RSEQ.cpu_id, RSEQ_CPU_ID_UNINITIALIZED) !== 0) return false;
    return mm.store64(this.area + RSEQ.node_id, 0) === 0;
  }

  /**
   * Out of the section the thread is in, if any, to its abort handler (rseq_ip_fixup): before a signal
   * handler runs, and when another thread may have used the processor. False when area or descriptor are bad.
   */
  restart(): boolean {
    const { mm, context } = this.task;
    const at = mm.load64(this.area + RSEQ.rseq_cs);
    if (at < 0) return false;
    if (at !== 0) {
      if (at >= TASK_SIZE_MAX || mm.copyIn(at, descriptor, 0, RSEQ_CS.SIZE) !== 0) return false;
      const start = u64(RSEQ_CS.start_ip);
      const length = u64(RSEQ_CS.post_commit_offset);
      const abort = u64(RSEQ_CS.abort_ip);
      if (start >= TASK_SIZE_MAX || start + length >= TASK_SIZE_MAX || abort >= TASK_SIZE_MAX) return false;
      if (view.getUint32(RSEQ_CS.version, true) !== 0 || (abort >= start && abort - start < length))
        return false;
      const flags = view.getUint32(RSEQ_CS.flags, true);
      if (abort < 4 || mm.load32(abort - 4) !== this.signature) return false;
      const regs = context.regs();
      const ip = regs[RIP]! + regs[RIP + 1]! * WORD;
      const inside = ip >= start && ip - start < length;
      // The flags once asked for exceptions; Linux takes none any more.
      if (inside && (flags !== 0 || mm.load32(this.area + RSEQ.flags) !== 0)) return false;
      if (mm.store64(this.area + RSEQ.rseq_cs, 0) !== 0) return false;
      if (inside) {
        regs[RIP] = abort >>> 0;
        regs[RIP + 1] = Math.floor(abort / WORD);
        context.touchRegs();
      }
    }
    this.preempted = false;
    return true;
  }

  /** The thread ends, or its memory becomes another program's. */
  leave(): void {
    this.cpus.release(this);
  }
}
