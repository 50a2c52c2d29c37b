import type { SyscallArgs } from '../call/args.js';
import type { Task } from '../process/task/task.js';

export type SupportLevel = 'full' | 'partial' | 'unimplemented';

/**
 * Shape of one argument: how the tracer prints it. A name of the ABI's own where there is one.
 * 'path' and 'str' are NUL-terminated strings; 'buf' bytes whose length is the next 'size' argument; 'out' a result buffer.
 */
export type ArgShape =
  | 'fd'
  | 'dirfd'
  | 'int'
  | 'uint'
  | 'long'
  | 'ulong'
  | 'size'
  | 'off'
  | 'ptr'
  | 'path'
  | 'str'
  | 'buf'
  | 'outbuf'
  | 'strv'
  | 'mode'
  | 'pid'
  | 'uid'
  | 'gid'
  | 'signal'
  | 'sigset'
  | 'sigaction'
  | 'siginfo'
  | 'timespec'
  | 'timeval'
  | 'itimerspec'
  | 'itimerval'
  | 'iovec'
  | 'msghdr'
  | 'sockaddr'
  | 'stat'
  | 'statx'
  | 'statfs'
  | 'rlimit'
  | 'rusage'
  | 'pollfds'
  | 'fdset'
  | 'epoll_event'
  | 'utsname'
  | 'sysinfo'
  | 'dirents'
  | 'termios'
  | 'pipefds'
  | 'status'
  | 'clock'
  | 'dev'
  | {
      readonly flags: Readonly<Record<string, number>>;
      readonly base?: Readonly<Record<string, number>>;
      readonly baseMask?: number;
    };

/** Runs on the kernel's thread, synchronously; see result.ts for what it may return. */
export type SyscallHandler = (task: Task, args: SyscallArgs) => number;

/** Flags an argument accepts; anything else answers `-errno` before the handler runs. */
export interface AcceptedFlags {
  readonly arg: number;
  readonly mask: number;
  readonly errno: number;
}

/** One row of the system call table. */
export interface SyscallRow {
  readonly nr: number;
  readonly name: string;
  readonly handler: SyscallHandler | null;
  readonly args: readonly ArgShape[];
  readonly support: SupportLevel;
  /** What is missing, for `partial`; why not, for `unimplemented`. */
  readonly note: string;
  readonly accepted: AcceptedFlags | null;
}

interface RowOptions {
  readonly support?: SupportLevel;
  readonly note?: string;
  readonly accepted?: AcceptedFlags;
}

/** Build a row; `support` is 'full' unless stated. */
export function row(
  nr: number,
  name: string,
  handler: SyscallHandler,
  args: readonly ArgShape[],
  options: RowOptions = {},
): SyscallRow {
  return {
    nr,
    name,
    handler,
    args,
    support: options.support ?? 'full',
    note: options.note ?? '',
    accepted: options.accepted ?? null,
  };
}
