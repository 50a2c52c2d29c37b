import { allocatePages, viewOf } from '@sandbox/native';
import type { HostThread } from '../host-thread.host.js';
import {
  MAX_POLLED,
  nativePoll,
  POLL_COUNT,
  POLL_PAGES,
  POLL_PID,
  POLL_ROUNDS,
  POLL_STATUS,
} from './poll-code.host.js';

/** Looks before the tracer goes to sleep: some 30 us. */
const ROUNDS = 1500;

/** The list of threads whose pages are watched, as the machine code wants it. */
export class Poller {
  private readonly memory = allocatePages(4096);
  private readonly words = new Int32Array(viewOf(this.memory, 4096));
  readonly threads: HostThread[] = [];

  add(thread: HostThread): void {
    if (this.threads.length >= MAX_POLLED || this.threads.includes(thread)) return;
    this.threads.push(thread);
    this.write(this.threads.length - 1);
  }

  remove(thread: HostThread): void {
    const i = this.threads.indexOf(thread);
    if (i < 0) return;
    const last = this.threads.pop()!;
    if (last !== thread) {
      this.threads[i] = last;
      this.write(i);
    }
  }

  private write(i: number): void {
    const address = this.threads[i].page!.hostAddress;
    const at = POLL_PAGES / 4 + i * 2;
    this.words[at] = address | 0;
    this.words[at + 1] = Math.floor(address / 4294967296);
  }

  /** As `nativePoll`; `pid` as for wait4. */
  poll(pid: number): number {
    const w = this.words;
    w[POLL_COUNT / 4] = this.threads.length;
    w[POLL_ROUNDS / 4] = ROUNDS;
    w[POLL_PID / 4] = pid;
    w[POLL_PID / 4 + 1] = pid < 0 ? -1 : 0;
    return nativePoll(this.memory);
  }

  get status(): number {
    return this.words[POLL_STATUS / 4];
  }
}
