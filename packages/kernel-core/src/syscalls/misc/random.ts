import { EFAULT, EINVAL, GRND_INSECURE, GRND_NONBLOCK, GRND_RANDOM, SYS_getrandom } from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import type { Task } from '../../process/task/task.js';

/** Most bytes one call gives (getrandom(2), "Interruption by a signal handler"). */
const MAX_BYTES = 33554431;

/** getrandom(2): EFAULT, EINVAL. Never blocks: the source is always ready. */
function sysGetrandom(task: Task, args: SyscallArgs): number {
  const flags = args.u32(2);
  if ((flags & ~(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE)) !== 0) return -EINVAL;
  if ((flags & (GRND_INSECURE | GRND_RANDOM)) === (GRND_INSECURE | GRND_RANDOM)) return -EINVAL;
  const length = Math.min(args.u64(1), MAX_BYTES);
  if (length === 0) return 0;
  const io = task.mm.io(args.u64(0), length);
  const random = task.kernel.random;
  let done = 0;
  while (done < length) {
    const n = io.window(length - done, true);
    if (n <= 0) break;
    random.fill(io.bytes, io.start, n);
    io.advance(n);
    done += n;
  }
  return done > 0 ? done : -EFAULT;
}

const FLAGS = { GRND_NONBLOCK, GRND_RANDOM, GRND_INSECURE };

export const rows = [row(SYS_getrandom, 'getrandom', sysGetrandom, ['outbuf', 'size', { flags: FLAGS }])];
