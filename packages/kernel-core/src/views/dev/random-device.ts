import {
  CAP_SYS_ADMIN,
  EFAULT,
  EINVAL,
  EPERM,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRNORM,
  RNDADDENTROPY,
  RNDADDTOENTCNT,
  RNDCLEARPOOL,
  RNDGETENTCNT,
  RNDRESEEDCRNG,
  RNDZAPENTCNT,
} from '@sandbox/abi';
import { File, type Inode, type IoBuf, type IoctlCaller } from '@sandbox/vfs';
import { copyOutInt } from '../../files/pipe/pipe-file.js';
import type { KernelCore } from '../../process/kernel/kernel-core.js';

/** Bits the pool holds; it is always full. */
export const ENTROPY_BITS = 256;
const CHUNK = 4096;
const chunk = new Uint8Array(CHUNK);
const chunkView = new DataView(chunk.buffer);

/** /dev/random and /dev/urandom (random(4)): the kernel's random source, always ready. */
export class RandomFile extends File {
  constructor(
    inode: Inode,
    flags: number,
    private readonly kernel: KernelCore,
    /** /dev/random, which answers poll for reading only. */
    private readonly polled: boolean,
  ) {
    super(inode, flags);
  }

  override get seekable(): boolean {
    return true;
  }

  override read(io: IoBuf): number {
    let total = 0;
    while (io.remaining > 0) {
      const want = Math.min(io.remaining, CHUNK);
      this.kernel.random.fill(chunk, 0, want);
      const n = io.put(chunk, 0, want);
      total += n;
      if (n < want) return total > 0 ? total : -EFAULT;
    }
    return total;
  }

  /** What is written is read and forgotten: the source is the embedder's and needs no stirring. */
  override write(io: IoBuf): number {
    let total = 0;
    while (io.remaining > 0) {
      const want = Math.min(io.remaining, CHUNK);
      const n = io.get(chunk, 0, want);
      total += n;
      if (n < want) return total > 0 ? total : -EFAULT;
    }
    return total;
  }

  /** Like /dev/null: the position stays 0. */
  override seek(): number {
    this.pos = 0;
    return 0;
  }

  override poll(): number {
    return this.polled ? POLLIN | POLLRDNORM : POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM;
  }

  /** random(4): the pool is full whatever is added or taken, so these only check. */
  override ioctl(cmd: number, arg: number, caller: IoctlCaller): number {
    switch (cmd) {
      case RNDGETENTCNT:
        return copyOutInt(caller, arg, ENTROPY_BITS);
      case RNDADDTOENTCNT:
      case RNDADDENTROPY:
        if (!caller.cred.capable(CAP_SYS_ADMIN)) return -EPERM;
        return addEntropy(cmd, arg, caller);
      case RNDZAPENTCNT:
      case RNDCLEARPOOL:
      case RNDRESEEDCRNG:
        return caller.cred.capable(CAP_SYS_ADMIN) ? 0 : -EPERM;
      default:
        return -EINVAL;
    }
  }
}

/** struct rand_pool_info: bits of entropy, size, bytes. */
function addEntropy(cmd: number, arg: number, caller: IoctlCaller): number {
  const whole = cmd === RNDADDENTROPY;
  if (caller.memory.copyIn(arg, chunk, 0, whole ? 8 : 4) < 0) return -EFAULT;
  if (chunkView.getInt32(0, true) < 0) return -EINVAL;
  if (!whole) return 0;
  const size = chunkView.getInt32(4, true);
  if (size < 0) return -EINVAL;
  return caller.memory.copyIn(arg + 8, chunk, 0, Math.min(size, CHUNK)) < 0 ? -EFAULT : 0;
}
