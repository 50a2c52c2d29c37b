import { USER_REGS } from '@sandbox/abi';
import { currentCpu } from '../task/sched.js';
import type { Task } from '../task/task.js';

const WORD = 4294967296;
const RIP = USER_REGS.rip * 2;
const RAX = USER_REGS.rax * 2;
const RCX = USER_REGS.rcx * 2;
const RDX = USER_REGS.rdx * 2;

/** Length of the `rdtsc` (0f 31) or `rdtscp` (0f 01 f9) at `rip`, 0 for other instructions. */
function lengthAt(task: Task, rip: number): number {
  const { mm } = task;
  if (mm.load8(rip) !== 0x0f) return 0;
  const second = mm.load8(rip + 1);
  if (second === 0x31) return 2;
  return second === 0x01 && mm.load8(rip + 2) === 0xf9 ? 3 : 0;
}

/**
 * The stopped task was about to read the time stamp counter, on a platform that traps that: it reads
 * CLOCK_MONOTONIC in nanoseconds, a counter of 1 GHz. False when the instruction is another.
 */
export function readTrappedCounter(task: Task): boolean {
  const regs = task.context.regs();
  const rip = regs[RIP]! + regs[RIP + 1]! * WORD;
  const length = lengthAt(task, rip);
  if (length === 0) return false;
  const ticks = Math.floor(task.kernel.clock.monotonic());
  regs[RAX] = ticks >>> 0;
  regs[RAX + 1] = 0;
  regs[RDX] = Math.floor(ticks / WORD);
  regs[RDX + 1] = 0;
  if (length === 3) {
    // IA32_TSC_AUX: node << 12 | CPU.
    regs[RCX] = currentCpu(task);
    regs[RCX + 1] = 0;
  }
  regs[RIP] = (rip + length) >>> 0;
  regs[RIP + 1] = Math.floor((rip + length) / WORD);
  task.context.touchRegs();
  return true;
}
