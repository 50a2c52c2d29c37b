/** What a command fails with: one line for the log, as runc's callers look for in it. */
export class Failure extends Error {
  override readonly name = 'Failure';
  constructor(
    message: string,
    /** Of the process; default: the command's own. */
    readonly exitCode?: number,
  ) {
    super(message);
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Text of a host errno as the C library has it, for the codes that occur in messages. */
const TEXTS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  ENOTDIR: 'not a directory',
  EISDIR: 'is a directory',
  EEXIST: 'file exists',
  ECONNREFUSED: 'connection refused',
  ENODEV: 'no such device',
  EINVAL: 'invalid argument',
  EROFS: 'read-only file system',
  ELOOP: 'too many levels of symbolic links',
  ENOEXEC: 'exec format error',
  ENOSPC: 'no space left on device',
};

/**
 * "no such file or directory" for an error with `code` (or `errno` as a name); its message when it has none.
 */
export function errnoText(error: unknown): string {
  const { code, errno } = error as { code?: unknown; errno?: unknown };
  const name = typeof errno === 'string' ? errno : typeof code === 'string' ? code : '';
  return TEXTS[name] ?? messageOf(error);
}
