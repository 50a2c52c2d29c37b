/**
 * Which CPU runs what. A stop costs 8 us when tracer and stub share a CPU and up to ten times that when they
 * do not, because a wake-up then crosses CPUs. So a slice keeps the tracer on one *home* CPU and the guests
 * that talk to it there too; a guest that computes for long is set free to use any CPU, until it starts to
 * make calls again.
 */
import { allocatePages, hostSyscall, viewOf } from '@sandbox/native';
import type { HostThread } from './host-thread.host.js';

const SYS_sched_setaffinity = 203;
const SYS_sched_getaffinity = 204;
const SYS_getcpu = 309;
const MASK_BYTES = 128;
const ALL = 0;
const HOME = 128;
const CPU = 256;
const AWAY = 384;

/** A thread that ran this long without a stop (ns) is set free. */
const FREE_AFTER = 4e6;
/** Stops within one slice that bring a free thread home. */
const BUSY_STOPS = 32;
/** Every so many slices the home CPU is chosen anew. */
const REHOME_SLICES = 512;

export const FREE = -1;

export class Placement {
  private readonly memory = allocatePages(4096);
  private readonly words = new Uint32Array(viewOf(this.memory, 4096));
  /** One CPU only (or no say): nothing to do. */
  private readonly single: boolean;
  private home = -1;
  /** Number of the current choice of home; threads remember the one they follow. */
  private generation = 0;
  private slices = 0;

  constructor() {
    const r = hostSyscall(SYS_sched_getaffinity, 0, MASK_BYTES, this.memory + ALL);
    let cpus = 0;
    for (let i = 0; i < MASK_BYTES / 4; i++) for (let w = this.words[i]; w !== 0; w &= w - 1) cpus++;
    this.single = r < 0 || cpus < 2;
  }

  /** The tracer begins to serve guests. */
  enter(): void {
    if (this.single) return;
    if (this.home < 0 || ++this.slices >= REHOME_SLICES) this.choose();
    hostSyscall(SYS_sched_setaffinity, 0, MASK_BYTES, this.memory + HOME);
  }

  /** The slice is over: Node's thread may go where it likes. */
  leave(): void {
    if (!this.single) hostSyscall(SYS_sched_setaffinity, 0, MASK_BYTES, this.memory + ALL);
  }

  private choose(): void {
    this.slices = 0;
    hostSyscall(SYS_getcpu, this.memory + CPU);
    const cpu = this.words[CPU / 4];
    if (cpu === this.home || cpu >= MASK_BYTES * 8) return;
    this.home = cpu;
    this.generation++;
    this.words.fill(0, HOME / 4, HOME / 4 + MASK_BYTES / 4);
    this.words[HOME / 4 + (cpu >> 5)] = (1 << (cpu & 31)) >>> 0;
    for (let i = 0; i < MASK_BYTES / 4; i++) {
      this.words[AWAY / 4 + i] = (this.words[ALL / 4 + i] & ~this.words[HOME / 4 + i]) >>> 0;
    }
  }

  /** `thread` is about to run; `away`: on any CPU but the tracer's, which spins. */
  beforeRun(thread: HostThread, away: boolean): void {
    const place = this.generation * 2 + (away ? 1 : 0);
    if (this.single || thread.placement === place || thread.placement === FREE) return;
    thread.placement = place;
    hostSyscall(SYS_sched_setaffinity, thread.pid, MASK_BYTES, this.memory + (away ? AWAY : HOME));
  }

  get hasSeveral(): boolean {
    return !this.single;
  }

  /** `thread` stopped for an event: a free one that does so often comes home. */
  onStop(thread: HostThread): void {
    if (thread.placement !== FREE) return;
    if (++thread.stops < BUSY_STOPS) return;
    thread.placement = 0;
  }

  /** The slice ended at `now` with `thread` still running since `since`. */
  stillRunning(thread: HostThread, since: number, now: number): void {
    if (this.single) return;
    thread.stops = 0;
    if (thread.placement === FREE || now - since < FREE_AFTER) return;
    thread.placement = FREE;
    hostSyscall(SYS_sched_setaffinity, thread.pid, MASK_BYTES, this.memory + ALL);
  }
}
