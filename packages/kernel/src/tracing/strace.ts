import { ERRNO_NAMES, SYSCALL_NAMES } from '@sandbox/abi';
import type { KernelCore, SyscallTracer } from '../kernel/kernel-core.js';
import type { Task } from '../task/task.js';
import { formatArgument } from './format.js';

/** Restart codes have names strace prints. */
const RESTART_NAMES: Readonly<Record<number, string>> = {
  512: 'ERESTARTSYS',
  513: 'ERESTARTNOINTR',
  514: 'ERESTARTNOHAND',
  516: 'ERESTART_RESTARTBLOCK',
};

/** Prints calls in the manner of strace(1). */
export class Strace implements SyscallTracer {
  private readonly open = new Map<Task, string>();

  constructor(
    private readonly kernel: KernelCore,
    private readonly write: (line: string) => void,
  ) {}

  private prefix(task: Task): string {
    return this.kernel.pids.tasks.size > 1 ? `[pid ${String(task.tid).padStart(5)}] ` : '';
  }

  /** Arguments are formatted on the way in: execve and exit have none left afterwards. */
  enter(task: Task, nr: number): void {
    const row = this.kernel.syscalls.row(nr);
    const name = row?.name ?? SYSCALL_NAMES[nr] ?? `syscall_${nr}`;
    const shapes = row?.args ?? (['ulong', 'ulong', 'ulong', 'ulong', 'ulong', 'ulong'] as const);
    const parts = shapes.map((shape, i) => formatArgument(task, shape, i));
    const text = `${name}(${parts.join(', ')})`;
    if (name === 'exit' || name === 'exit_group' || name === 'rt_sigreturn') {
      this.write(`${this.prefix(task)}${text} = ?\n`);
      return;
    }
    this.open.set(task, text);
  }

  exit(task: Task, nr: number, result: number): void {
    const text = this.open.get(task) ?? `${SYSCALL_NAMES[nr] ?? nr}(...)`;
    this.open.delete(task);
    this.write(`${this.prefix(task)}${text} = ${this.result(nr, result)}\n`);
  }

  private result(nr: number, result: number): string {
    if (result >= 0)
      return ADDRESS_RESULTS.has(SYSCALL_NAMES[nr] ?? '') ? `0x${result.toString(16)}` : String(result);
    const restart = RESTART_NAMES[-result];
    if (restart) return `? ${restart} (To be restarted)`;
    return `-1 ${ERRNO_NAMES[-result] ?? `errno ${-result}`}`;
  }
}

const ADDRESS_RESULTS = new Set(['mmap', 'mremap', 'brk', 'shmat']);
