import { EAGAIN, EFAULT, EINVAL, O_NONBLOCK, O_RDWR, POLLERR, POLLIN, POLLOUT } from '@sandbox/abi';
import { type Inode, type IoBuf, WaitQueue } from '@sandbox/vfs';
import { AnonFile } from '../../process/files/anon-file.js';

const value = new Uint8Array(8);
const view = new DataView(value.buffer);

/** A 64-bit event counter (eventfd(2)), kept as two words: its range is wider than exact numbers are. */
export class EventFile extends AnonFile {
  protected readonly kind = 'eventfd';
  readonly queue = new WaitQueue();
  private lo: number;
  private hi = 0;

  /** @param flags O_NONBLOCK or 0 */
  constructor(
    inode: Inode,
    readonly id: number,
    initial: number,
    private readonly semaphore: boolean,
    flags: number,
  ) {
    super(inode, O_RDWR | (flags & O_NONBLOCK));
    this.lo = initial;
  }

  override get waitQueue(): WaitQueue {
    return this.queue;
  }

  override read(io: IoBuf): number {
    if (io.remaining < 8) return -EINVAL;
    if ((this.lo | this.hi) === 0) return -EAGAIN;
    if (this.semaphore) {
      this.put(1, 0);
      if (this.lo === 0) this.hi--;
      this.lo = (this.lo - 1) >>> 0;
    } else {
      this.put(this.lo, this.hi);
      this.lo = this.hi = 0;
    }
    this.queue.wake(POLLOUT);
    return io.put(value, 0, 8) < 8 ? -EFAULT : 8;
  }

  private put(lo: number, hi: number): void {
    view.setUint32(0, lo, true);
    view.setUint32(4, hi, true);
  }

  override write(io: IoBuf): number {
    // Exactly eight, unlike what eventfd(2) says: since Linux 6.9.
    if (io.remaining !== 8) return -EINVAL;
    if (io.get(value, 0, 8) < 8) return -EFAULT;
    const addLo = view.getUint32(0, true);
    const addHi = view.getUint32(4, true);
    if (addLo === 0xffffffff && addHi === 0xffffffff) return -EINVAL;
    const sum = this.lo + addLo;
    const hi = this.hi + addHi + (sum > 0xffffffff ? 1 : 0);
    // The counter stops one short of all ones.
    if (hi > 0xffffffff || (hi === 0xffffffff && sum >>> 0 === 0xffffffff)) return -EAGAIN;
    this.lo = sum >>> 0;
    this.hi = hi;
    if ((addLo | addHi) !== 0) this.queue.wake(POLLIN);
    return 8;
  }

  /** Add `n` from inside the kernel (asynchronous I/O completion): the counter sticks at its maximum. */
  signal(n: number): void {
    const sum = this.lo + n;
    this.lo = sum >>> 0;
    if (sum > 0xffffffff) this.hi++;
    this.queue.wake(POLLIN);
  }

  override poll(): number {
    let mask = 0;
    if ((this.lo | this.hi) !== 0) mask |= POLLIN;
    if (this.hi === 0xffffffff && this.lo === 0xffffffff) mask |= POLLERR;
    // Room for at least one more.
    if (this.hi !== 0xffffffff || this.lo < 0xfffffffe) mask |= POLLOUT;
    return mask;
  }

  override get fdinfo(): string {
    const count = (
      this.hi > 0 ? this.hi.toString(16) + this.lo.toString(16).padStart(8, '0') : this.lo.toString(16)
    ).padStart(16);
    return `eventfd-count: ${count}\neventfd-id: ${this.id}\neventfd-semaphore: ${this.semaphore ? 1 : 0}\n`;
  }
}
