import { EAGAIN, EFAULT, EINVAL, ESPIPE, SEEK_DATA, SEEK_END, SEEK_SET } from '@sandbox/abi';
import { File, type IoBuf, WaitQueue } from '@sandbox/vfs';

/** Longest message. */
const RECORD_MAX = 1024;
const record = new Uint8Array(RECORD_MAX);
const never = new WaitQueue();

/** /dev/kmsg: messages are taken and not kept; there is no kernel log, so a reader waits for ever. */
export class KmsgFile extends File {
  override read(_io: IoBuf): number {
    return -EAGAIN;
  }

  override write(io: IoBuf): number {
    const length = io.remaining;
    if (length > RECORD_MAX) return -EINVAL;
    return io.get(record, 0, length) < length ? -EFAULT : length;
  }

  override poll(): number {
    return 0;
  }
  override get waitQueue(): WaitQueue {
    return never;
  }

  /** devkmsg_llseek: to the first or the next record, which is the same place. */
  override seek(offset: number, whence: number): number {
    if (offset !== 0) return -ESPIPE;
    return whence === SEEK_SET || whence === SEEK_END || whence === SEEK_DATA ? 0 : -EINVAL;
  }
}
