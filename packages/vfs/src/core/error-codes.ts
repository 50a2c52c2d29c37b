import { EIO, EOPNOTSUPP, ERRNO_NAMES } from '@sandbox/abi';

/** What `error.code` of node:fs means. Anything else that is thrown is the source's fault: EIO. */
const BY_CODE = new Map<unknown, number>();
for (const [errno, name] of ERRNO_NAMES.entries()) if (name !== undefined) BY_CODE.set(name, errno);
BY_CODE.set('ENOTSUP', EOPNOTSUPP);
// A call the source lacks is an operation this file system lacks. Nothing here may be tried again later.
BY_CODE.set('ENOSYS', EOPNOTSUPP);
for (const name of ['EAGAIN', 'EWOULDBLOCK', 'EINTR']) BY_CODE.set(name, EIO);

/** -errno for something a file system object threw. Never throws itself, whatever `error` is. */
export function errnoOf(error: unknown): number {
  try {
    const code: unknown =
      typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
    return -(BY_CODE.get(code) ?? EIO);
  } catch {
    return -EIO;
  }
}
