import type { SyscallArgs } from './args.js';

export type SupportLevel = 'full' | 'partial' | 'unimplemented';

/**
 * Shape of one argument: how the tracer prints it. A name of the ABI's own where there is one. 'path' and
 * 'str' are NUL-terminated strings; 'buf' bytes whose length is the next 'size' argument; 'out' a result
 * buffer.
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

/**
 * Runs on the kernel's thread, synchronously; see result.ts for what it may return. `Caller`: the task, which
 * this layer does not know.
 */
export type Handler<Caller> = (caller: Caller, args: SyscallArgs) => number;

/** One row of the system call table. */
export interface Row<Caller> {
  readonly nr: number;
  readonly name: string;
  readonly handler: Handler<Caller>;
  readonly args: readonly ArgShape[];
  readonly support: SupportLevel;
  /** What is missing, for `partial`; why not, for `unimplemented`. */
  readonly note: string;
}

interface RowOptions {
  readonly support?: SupportLevel;
  readonly note?: string;
}

/** Build a row; `support` is 'full' unless stated. */
export function row<Caller>(
  nr: number,
  name: string,
  handler: Handler<Caller>,
  args: readonly ArgShape[],
  options: RowOptions = {},
): Row<Caller> {
  return { nr, name, handler, args, support: options.support ?? 'full', note: options.note ?? '' };
}
