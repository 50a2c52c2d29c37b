import { PTRACE_O_TRACESYSGOOD } from '@sandbox/abi';
import type { SigInfo } from '../signal/siginfo.js';
import type { Task } from '../task/task.js';

/** What is kept for a thread while another traces it (ptrace(2); Linux: the ptrace fields of task_struct). */
export class Tracee {
  /** PTRACE_O_*. */
  options = 0;
  /** PTRACE_GETEVENTMSG. */
  message = 0;
  /**
   * What the stop is reported as: signal, 0x80 or event in the bits above (wait(2)'s status without its low
   * byte).
   */
  code = 0;
  /** It has not been reported to a wait yet. */
  unreported = false;
  /** siginfo of the stop, null in group stops (Linux: last_siginfo). */
  info: SigInfo | null = null;
  /** Signal the tracer gave with the request that let it go on. */
  given = 0;
  /** PTRACE_LISTEN: stopped, but not for the tracer. */
  listening = false;
  /**
   * PTRACE_INTERRUPT, an attach to a stopped thread, or a new child of a seized one: it stops when it next
   * comes by.
   */
  trapPending = false;
  /** Its group's stop ended or began while it was in an event stop: report again. */
  notifyPending = false;
  /** The end of the thread was reported (PTRACE_EVENT_EXIT). */
  exitReported = false;
  /** Registers were written during a stop before a call: number and arguments are taken anew. */
  regsWritten = false;
  /** The number of the call it is stopped in, or -1 (orig_rax), as two words. */
  origLo = 0xffffffff;
  origHi = 0xffffffff;

  constructor(
    public tracer: Task,
    /** PTRACE_SEIZE rather than ATTACH or TRACEME. */
    readonly seized: boolean,
  ) {}

  /** SIGTRAP of system call stops, marked if asked for. */
  get marksCalls(): boolean {
    return (this.options & PTRACE_O_TRACESYSGOOD) !== 0;
  }
}

/** Does the tracer want the stop of PTRACE_EVENT `event`? */
export function wantsEvent(task: Task, event: number): boolean {
  return task.tracee !== null && (task.tracee.options & (1 << event)) !== 0;
}

/** `task` has no tracer any more; nothing else about it changes. */
export function removeLink(task: Task): void {
  const { tracees } = task.tracee!.tracer;
  const i = tracees.indexOf(task);
  if (i >= 0) tracees.splice(i, 1);
  task.tracee = null;
  task.stopTraceWork();
}
