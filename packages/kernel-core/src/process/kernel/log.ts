import { POLLIN, POLLRDNORM } from '@sandbox/abi';
import { WaitQueue } from '@sandbox/vfs';
import type { Clock } from '../../time/source.js';

/** Bytes of text it keeps; what is older goes. */
export const LOG_SIZE = 262_144;
/** What a record costs beside its text. */
const OVERHEAD = 64;
const NS_PER_US = 1000;

export interface LogRecord {
  readonly sequence: number;
  /** Facility times 8, and level (syslog(3)). */
  readonly priority: number;
  /** Since the kernel began. */
  readonly microseconds: number;
  /** A byte string, without a newline at its end. */
  readonly text: string;
}

/** The kernel's log: what syslog(2) and /dev/kmsg read. */
export class KernelLog {
  /** Woken for each record. */
  readonly queue = new WaitQueue();
  private readonly records: LogRecord[] = [];
  private used = 0;
  /** Number of the next record. */
  next = 0;
  /** syslog(2): what was read, and what was cleared. */
  readUpTo = 0;
  clearedUpTo = 0;

  constructor(private readonly clock: Clock) {}

  /** Number of the oldest record there is. */
  get first(): number {
    return this.records[0]?.sequence ?? this.next;
  }

  append(priority: number, text: string): void {
    const microseconds = Math.floor(this.clock.monotonic() / NS_PER_US);
    this.records.push({ sequence: this.next++, priority, microseconds, text });
    this.used += text.length + OVERHEAD;
    while (this.used > LOG_SIZE) this.used -= this.records.shift()!.text.length + OVERHEAD;
    this.queue.wake(POLLIN | POLLRDNORM);
  }

  /** The record `sequence`, or the oldest behind it that is still there. */
  from(sequence: number): LogRecord | undefined {
    return this.records[Math.max(0, sequence - this.first)];
  }

  /** Records from `sequence` on as syslog(2) tells them. */
  *lines(sequence: number): Generator<{ readonly record: LogRecord; readonly line: string }> {
    for (let record = this.from(sequence); record !== undefined; record = this.from(record.sequence + 1)) {
      const seconds = Math.floor(record.microseconds / 1e6);
      const rest = String(record.microseconds % 1e6).padStart(6, '0');
      const stamp = `<${record.priority}>[${String(seconds).padStart(5)}.${rest}] `;
      yield { record, line: `${stamp}${record.text.replaceAll('\n', `\n${stamp}`)}\n` };
    }
  }
}
