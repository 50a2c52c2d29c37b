/**
 * A POSIX timer that interrupts this thread's blocking host call, so that a slice of the event loop can end.
 * The signal's handler is one `ret` of ours, and the timer runs only while a slice does.
 */
import { Assembler, allocatePages, codePage, hostSyscall, viewOf } from '@sandbox/native';
import { HostCallError } from '../errors.js';

const SYS_rt_sigaction = 13;
const SYS_rt_sigreturn = 15;
const SYS_gettid = 186;
const SYS_timer_create = 222;
const SYS_timer_settime = 223;
const SA_RESTORER = 0x04000000;
const SA_RESTART = 0x10000000;
const SIGEV_THREAD_ID = 4;
const CLOCK_MONOTONIC = 1;
const TIMER_ABSTIME = 1;

const ACTION = 0;
const EVENT = 64;
const TIMER_ID = 160;
const SPEC = 192;

export class SliceTimer {
  private readonly memory = allocatePages(4096);
  private readonly words = new Uint32Array(viewOf(this.memory, 4096));
  private readonly id: number;
  /** The thread it interrupts. */
  readonly tid = hostSyscall(SYS_gettid);

  /**
   * `signal` is a real-time signal nothing else in a Node process uses. With `restart`, calls that the host
   * can continue after a signal are not interrupted.
   */
  constructor(
    readonly signal: number,
    restart: boolean,
  ) {
    const a = new Assembler();
    a.label('handler').ret();
    a.align(16).label('restore').mov('eax', SYS_rt_sigreturn).syscall();
    const code = codePage(a.assemble());
    const w = this.words;
    this.put(ACTION, code + a.labelOffset('handler'));
    this.put(ACTION + 8, SA_RESTORER + (restart ? SA_RESTART : 0));
    this.put(ACTION + 16, code + a.labelOffset('restore'));
    this.put(ACTION + 24, 0);
    this.must('rt_sigaction', hostSyscall(SYS_rt_sigaction, signal, this.memory + ACTION, 0, 8));
    w[(EVENT + 8) / 4] = signal;
    w[(EVENT + 12) / 4] = SIGEV_THREAD_ID;
    w[(EVENT + 16) / 4] = this.tid;
    this.must(
      'timer_create',
      hostSyscall(SYS_timer_create, CLOCK_MONOTONIC, this.memory + EVENT, this.memory + TIMER_ID),
    );
    this.id = w[TIMER_ID / 4];
  }

  private put(at: number, value: number): void {
    this.words[at / 4] = value >>> 0;
    this.words[at / 4 + 1] = Math.floor(value / 4294967296);
  }

  private must(call: string, r: number): void {
    if (r < 0) throw new HostCallError(call, -r);
  }

  /** Interrupt waits at `when` (CLOCK_MONOTONIC ns) and then every `interval` ns until `stop`. */
  start(when: number, interval: number): void {
    const seconds = Math.floor(when / 1e9);
    this.put(SPEC, 0);
    this.put(SPEC + 8, interval);
    this.put(SPEC + 16, seconds);
    this.put(SPEC + 24, Math.max(1, Math.floor(when - seconds * 1e9)));
    hostSyscall(SYS_timer_settime, this.id, TIMER_ABSTIME, this.memory + SPEC, 0);
  }

  stop(): void {
    this.words.fill(0, SPEC / 4, SPEC / 4 + 8);
    hostSyscall(SYS_timer_settime, this.id, 0, this.memory + SPEC, 0);
  }
}
