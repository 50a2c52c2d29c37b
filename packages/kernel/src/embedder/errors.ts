import { ERRNO_NAMES } from '@sandbox/abi';

/** Base of the errors an embedder can get from a kernel. `code` is a literal to switch on. */
export class KernelError extends Error {
  override readonly name: string = 'KernelError';
  readonly code: string = 'ERR_KERNEL';
}

/** An option is not what it must be. Thrown before anything was done. */
export class InvalidOptionError extends KernelError {
  override readonly name = 'InvalidOptionError';
  override readonly code = 'ERR_INVALID_OPTION';
  constructor(
    readonly option: string,
    what: string,
  ) {
    super(`option ${option}: ${what}`);
  }
}

/** The kernel was disposed (or is about to be). */
export class KernelDisposedError extends KernelError {
  override readonly name = 'KernelDisposedError';
  override readonly code = 'ERR_KERNEL_DISPOSED';
  constructor() {
    super('the kernel has been disposed');
  }
}

/** A bug in the kernel ended the sandbox; `cause` is the exception. The embedder is unharmed. */
export class KernelPanicError extends KernelError {
  override readonly name = 'KernelPanicError';
  override readonly code = 'ERR_KERNEL_PANIC';
  constructor(cause: unknown, during: string) {
    super(`internal kernel error ${during}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

/** A file system could not be put at its place in the tree. */
export class MountError extends KernelError {
  override readonly name = 'MountError';
  override readonly code = 'ERR_MOUNT';
  constructor(
    readonly path: string,
    type: string,
    errno: number,
  ) {
    super(`cannot mount ${type} at ${path}: ${ERRNO_NAMES[errno] ?? errno}`);
  }
}

/**
 * What stood in the way of a program: itself, the interpreter it names, the working directory, a limit, its
 * descriptors.
 */
export type SpawnCulprit = 'program' | 'interpreter' | 'cwd' | 'limits' | 'stdio';

/** A program could not be started. `errno` is Linux's reason ('ENOENT', 'EACCES', 'ENOEXEC'...). */
export class SpawnError extends KernelError {
  override readonly name = 'SpawnError';
  override readonly code = 'ERR_SPAWN';
  readonly errno: string;
  constructor(
    errno: number,
    /** The program that was to be started. */
    readonly path: string,
    readonly culprit: SpawnCulprit,
    /** Path of the culprit. */
    readonly culpritPath: string,
    why: string,
  ) {
    const name = ERRNO_NAMES[errno] ?? `errno ${errno}`;
    super(`cannot start ${path || 'a program'}: ${name}${why === '' ? '' : ` (${why})`}`);
    this.errno = name;
  }
}

/** `run` collected more output than `maxBuffer`; the program was killed. */
export class OutputLimitError extends KernelError {
  override readonly name = 'OutputLimitError';
  override readonly code = 'ERR_OUTPUT_LIMIT';
  constructor(limit: number) {
    super(`the program wrote more than ${limit} bytes`);
  }
}
