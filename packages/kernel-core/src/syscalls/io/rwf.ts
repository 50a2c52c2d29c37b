import {
  EINVAL,
  EOPNOTSUPP,
  RWF_APPEND,
  RWF_ATOMIC,
  RWF_DSYNC,
  RWF_HIPRI,
  RWF_NOAPPEND,
  RWF_NOWAIT,
  RWF_SUPPORTED,
  RWF_SYNC,
  S_IFIFO,
  S_IFREG,
  S_IFSOCK,
} from '@sandbox/abi';
import type { File } from '@sandbox/vfs';
import type { ArgShape } from '../../call/row.js';
import { EventFile } from '../../files/event/eventfd.js';

/** The flags argument of preadv2 and pwritev2, for the tracer. */
export const RWF_FLAGS: ArgShape = {
  flags: { RWF_HIPRI, RWF_DSYNC, RWF_SYNC, RWF_NOWAIT, RWF_APPEND, RWF_NOAPPEND, RWF_ATOMIC },
};

/**
 * kiocb_set_rw_flags: 0, or -errno for flags that are unknown, contradict each other or that `file` cannot
 * honour. RWF_HIPRI is a hint; RWF_ATOMIC writes are promised by no file system here.
 */
export function rwfCheck(file: File, flags: number): number {
  if (flags === 0) return 0;
  if ((flags & ~RWF_SUPPORTED) !== 0) return -EOPNOTSUPP;
  if ((flags & RWF_APPEND) !== 0 && (flags & RWF_NOAPPEND) !== 0) return -EINVAL;
  if ((flags & RWF_ATOMIC) !== 0) return -EOPNOTSUPP;
  if ((flags & RWF_NOWAIT) !== 0 && !knowsNowait(file)) return -EOPNOTSUPP;
  return 0;
}

/** FMODE_NOWAIT. */
function knowsNowait(file: File): boolean {
  const type = file.inode.type;
  return type === S_IFREG || type === S_IFIFO || type === S_IFSOCK || file instanceof EventFile;
}
