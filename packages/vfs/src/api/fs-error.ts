import * as abi from '@sandbox/abi';

/** What Node prints for an errno; others are described by their name. */
const TEXTS: Readonly<Record<number, string>> = {
  [abi.EACCES]: 'permission denied',
  [abi.EAGAIN]: 'resource temporarily unavailable',
  [abi.EBADF]: 'bad file descriptor',
  [abi.EBUSY]: 'resource busy or locked',
  [abi.EEXIST]: 'file already exists',
  [abi.EFBIG]: 'file too large',
  [abi.EINVAL]: 'invalid argument',
  [abi.EIO]: 'i/o error',
  [abi.EISDIR]: 'illegal operation on a directory',
  [abi.ELOOP]: 'too many symbolic links encountered',
  [abi.EMLINK]: 'too many links',
  [abi.ENAMETOOLONG]: 'name too long',
  [abi.ENODATA]: 'no data available',
  [abi.ENODEV]: 'no such device',
  [abi.ENOENT]: 'no such file or directory',
  [abi.ENOMEM]: 'not enough memory',
  [abi.ENOSPC]: 'no space left on device',
  [abi.ENOTDIR]: 'not a directory',
  [abi.ENOTEMPTY]: 'directory not empty',
  [abi.ENXIO]: 'no such device or address',
  [abi.EOPNOTSUPP]: 'operation not supported on socket',
  [abi.EPERM]: 'operation not permitted',
  [abi.EPIPE]: 'broken pipe',
  [abi.EROFS]: 'read-only file system',
  [abi.ESPIPE]: 'invalid seek',
  [abi.ETXTBSY]: 'text file is busy',
  [abi.EXDEV]: 'cross-device link not permitted',
};

/**
 * A failed file operation, in the shape of Node's own: `code` 'ENOENT', `errno` -2, `syscall` 'open', `path`.
 */
export class FsError extends Error {
  override readonly name = 'FsError';
  readonly code: string;
  /** Negative, as in Node. */
  readonly errno: number;

  constructor(
    errno: number,
    readonly syscall: string,
    readonly path?: string,
    readonly dest?: string,
    code?: string,
  ) {
    const n = Math.abs(errno);
    const literal = code ?? abi.ERRNO_NAMES[n] ?? `E${n}`;
    const where = path === undefined ? '' : ` '${path}'`;
    const to = dest === undefined ? '' : ` -> '${dest}'`;
    super(`${literal}: ${TEXTS[n] ?? literal}, ${syscall}${where}${to}`);
    this.code = literal;
    this.errno = -n;
  }
}
