import type { SyscallRow } from '../row.js';
import { rows as closeRows } from './close.js';
import { rows as fcntlRows } from './fcntl.js';
import { rows as ioctlRows } from './ioctl.js';
import { rows as pipeRows } from './pipe.js';
import { rows as pollRows } from './poll.js';
import { rows as readRows } from './read.js';
import { rows as seekRows } from './seek.js';
import { rows as selectRows } from './select.js';
import { rows as writeRows } from './write.js';

/** Reading, writing, waiting: the calls on file descriptors. */
export const rows: readonly SyscallRow[] = [
  ...readRows,
  ...writeRows,
  ...seekRows,
  ...closeRows,
  ...fcntlRows,
  ...ioctlRows,
  ...pipeRows,
  ...pollRows,
  ...selectRows,
];
