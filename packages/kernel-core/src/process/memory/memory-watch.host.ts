import { bandwidthInterval, checkBandwidth } from '../cgroup/cpu.js';
import type { KernelCore } from '../kernel/kernel-core.js';
import { TASK_RUNNING } from '../task/task-state.js';
import { checkMemory } from './oom.js';

/** Guests are assumed to take memory no faster than this: bytes a millisecond. */
const FASTEST = 4 * 1024 * 1024;
const MIN_INTERVAL = 2;
const MAX_INTERVAL = 250;

/**
 * Keeps a sandbox within its memory. First touches are served by the host and never seen here, so what guests
 * hold is looked at from time to time while any of them runs: the closer to the limit, the sooner. The host's
 * own timer is used because guests take memory in real time, whatever their clock says. The CPU time of
 * groups that have a share of it is looked at, too.
 */
export class MemoryWatch {
  /** A look is due; otherwise no guest has run since the last one. */
  armed = false;

  constructor(private readonly kernel: KernelCore) {}

  /** The kernel is entered, so guests run again. */
  arm(): void {
    this.armed = true;
    setTimeout(this.look, this.interval()).unref();
  }

  private readonly look = (): void => {
    const { kernel } = this;
    if (kernel.dead) return;
    kernel.run(() => {
      checkMemory(kernel);
      checkBandwidth(kernel);
    });
    this.armed = false;
    for (const task of kernel.pids.tasks.values()) {
      if (task.state !== TASK_RUNNING) continue;
      this.arm();
      return;
    }
  };

  private interval(): number {
    const { kernel } = this;
    let room = kernel.limits.memory - kernel.memory.committedBytes();
    for (const { memory } of kernel.cgroups.memoryLimited) {
      room = Math.min(room, Math.min(memory.max, memory.high) - memory.used);
    }
    const interval = Math.min(room / FASTEST, bandwidthInterval(kernel));
    return Math.max(MIN_INTERVAL, Math.min(MAX_INTERVAL, interval));
  }
}
