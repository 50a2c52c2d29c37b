import {
  EAGAIN,
  EFAULT,
  EINVAL,
  EPIPE,
  ESPIPE,
  POLLERR,
  POLLIN,
  POLLPRI,
  POLLRDNORM,
  SEEK_DATA,
  SEEK_END,
  SEEK_SET,
} from '@sandbox/abi';
import { File, type Inode, type IoBuf, type WaitQueue } from '@sandbox/vfs';
import type { KernelLog } from '../../process/kernel/log.js';

/** Longest message. */
const RECORD_MAX = 1024;
const bytes = new Uint8Array(RECORD_MAX);
/** What a message without a priority gets: facility user, level warning. */
const FACILITY_USER = 1;
const LEVEL_WARNING = 4;

/**
 * /dev/kmsg (Documentation/ABI/testing/dev-kmsg): each read gives a record of the kernel's log, each write
 * makes one.
 */
export class KmsgFile extends File {
  private sequence: number;

  constructor(
    inode: Inode,
    flags: number,
    private readonly log: KernelLog,
  ) {
    super(inode, flags);
    this.sequence = log.first;
  }

  override read(io: IoBuf): number {
    const { log } = this;
    // What was to come next is gone: the reader shall know.
    if (this.sequence < log.first) {
      this.sequence = log.first;
      return -EPIPE;
    }
    const record = log.from(this.sequence);
    if (record === undefined) return -EAGAIN;
    const head = `${record.priority},${record.sequence},${record.microseconds},-;`;
    const line = Buffer.from(`${head}${escaped(record.text)}\n`, 'latin1');
    if (line.length > io.remaining) return -EINVAL;
    this.sequence++;
    return io.put(line, 0, line.length) < line.length ? -EFAULT : line.length;
  }

  override write(io: IoBuf): number {
    const length = io.remaining;
    if (length > RECORD_MAX) return -EINVAL;
    if (io.get(bytes, 0, length) < length) return -EFAULT;
    const text = Buffer.from(bytes.subarray(0, length)).toString('latin1').replace(/\n$/, '');
    const asked = /^<(\d{1,9})>/.exec(text);
    const number = asked === null ? LEVEL_WARNING : Number(asked[1]);
    const facility = number >> 3 === 0 ? FACILITY_USER : number >> 3;
    this.log.append((facility << 3) | (number & 7), text.slice(asked?.[0].length ?? 0));
    return length;
  }

  override poll(): number {
    const { first, next } = this.log;
    if (this.sequence >= next) return 0;
    return POLLIN | POLLRDNORM | (this.sequence < first ? POLLERR | POLLPRI : 0);
  }

  override get waitQueue(): WaitQueue {
    return this.log.queue;
  }

  /** devkmsg_llseek: to the oldest record, behind what was cleared, or behind the last. */
  override seek(offset: number, whence: number): number {
    if (offset !== 0) return -ESPIPE;
    if (whence === SEEK_SET) this.sequence = this.log.first;
    else if (whence === SEEK_DATA) this.sequence = this.log.clearedUpTo;
    else if (whence === SEEK_END) this.sequence = this.log.next;
    else return -EINVAL;
    return 0;
  }
}

/** What is not printable, and backslashes, as \xNN. */
function escaped(text: string): string {
  return text.replace(/[^\x20-\x7e]|\\/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
