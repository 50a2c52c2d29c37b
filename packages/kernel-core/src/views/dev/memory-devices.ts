import { EFAULT, ENOSPC, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from '@sandbox/abi';
import { File, type IoBuf, type Mappable } from '@sandbox/vfs';
import { ZERO_MAPPABLE } from '../../mm/mmap.js';

const READY = POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM;

/** /dev/null: nothing in it, everything goes in (null(4)). Seeking is allowed and always leads to 0. */
export class NullFile extends File {
  override get seekable(): boolean {
    return true;
  }
  override get splices(): boolean {
    return false;
  }
  override read(_io: IoBuf): number {
    return 0;
  }
  /** The bytes are not looked at: a bad address is no error. */
  override write(io: IoBuf): number {
    const n = io.remaining;
    io.advance(n);
    return n;
  }
  override seek(): number {
    this.pos = 0;
    return 0;
  }
  override poll(): number {
    return READY;
  }
  override get mappable(): Mappable | null {
    return null;
  }
}

/**
 * /dev/zero: zeros without end. A private mapping of it is anonymous memory, a shared one shared anonymous
 * memory.
 */
export class ZeroFile extends NullFile {
  override get splices(): boolean {
    return true;
  }
  override read(io: IoBuf): number {
    const want = io.remaining;
    const n = io.putZeros(want);
    return n === 0 && want > 0 ? -EFAULT : n;
  }
  override get mappable(): Mappable | null {
    return ZERO_MAPPABLE;
  }
}

/** /dev/full: zeros to read, no room to write (full(4)). */
export class FullFile extends ZeroFile {
  override write(_io: IoBuf): number {
    return -ENOSPC;
  }
  override get mappable(): Mappable | null {
    return null;
  }
}
