/**
 * The page in which the guests of one process, on one virtual CPU, publish their system calls and find the answers. Under software KVM the
 * process can write it: every word is read once, and nothing in it can do more than make a call of that very process something else. Other
 * processes have other pages.
 */
import { PAGE_AWAKE, PAGE_CALL, PAGE_STATE } from '@sandbox/platform';
import { PAGE, USER_CS, USER_DS } from './layout.js';

// By byte offset.
/**
 * 0: none, or the answer is there; CALL: published, the guest looks for its answer; PARK: it had better leave the machine; PARKED: it is
 * doing so. Whoever takes it from CALL or PARK has the call: the guest by PARKED, the driver by 0.
 */
export const STATE = PAGE_STATE;
/** Somebody looks at the page; else guests leave the machine at once. */
export const AWAKE = PAGE_AWAKE;
export const CALL = PAGE_CALL;
const PARK = 2;
export const PARKED = 5;
// In the first cache line, with STATE and AWAKE: that alone goes from one CPU to the other and back for a call.
export const RAX = 8;
export const RDI = 16;
export const RSI = 24;
export const RDX = 32;
export const R10 = 40;
export const R8 = 48;
export const R9 = 56;
/** rip, cs, rflags, rsp, ss of the `iretq`. */
export const FRAME = 128;
/** Answers the stub gives itself: by call number, 32 bits each, the result plus one, 0 for none. Up to gettid's number. */
export const ANSWERS = 256;
export const ANSWERS_COUNT = 187;
/** Looks a guest takes before it leaves: some 60 us. */
export const SPIN = 1500;

const CHUNK = 2 ** 30;

export class CallPage {
  private readonly words: Int32Array;

  constructor(
    /** Where it lies in the memory file, and in this process. */
    readonly place: number,
    readonly hostAddress: number,
    chunk: Uint8Array,
  ) {
    this.words = new Int32Array(chunk.buffer, chunk.byteOffset + (place % CHUNK), PAGE / 4);
    this.words.fill(0);
    this.words[(FRAME + 8) / 4] = USER_CS;
    this.words[(FRAME + 32) / 4] = USER_DS;
  }

  /** For another context: nothing is published, nothing is answered but by `answers`. */
  reset(answers: Int32Array | null): void {
    Atomics.store(this.words, STATE / 4, 0);
    Atomics.store(this.words, AWAKE / 4, 0);
    if (answers) this.words.set(answers, ANSWERS / 4);
    else this.clearAnswers();
  }

  setAnswer(nr: number, value: number): void {
    Atomics.store(this.words, ANSWERS / 4 + nr, value + 1);
  }
  clearAnswers(): void {
    this.words.fill(0, ANSWERS / 4, ANSWERS / 4 + ANSWERS_COUNT);
  }

  /** Nobody looks at it now: calls leave at once. */
  setAsleep(): void {
    Atomics.store(this.words, AWAKE / 4, 0);
  }

  get nr(): number {
    return this.words[RAX / 4];
  }
  /** rdi rsi rdx r10 r8 r9 to `out`. */
  readArgs(out: Uint32Array): void {
    for (let i = 0; i < 12; i++) out[i] = this.words[RDI / 4 + i];
  }

  /** Give the published call its answer. False when the guest does not look for it any more. */
  answer(lo: number, hi: number): boolean {
    const w = this.words;
    w[RAX / 4] = lo;
    w[RAX / 4 + 1] = hi;
    const state = Atomics.compareExchange(w, STATE / 4, CALL, 0);
    return state === CALL || (state === PARK && Atomics.compareExchange(w, STATE / 4, PARK, 0) === PARK);
  }

  /** The answer will take a while: the guest had better leave. */
  park(): void {
    Atomics.compareExchange(this.words, STATE / 4, CALL, PARK);
  }

  /** Take the call from the guest, which is not executing: true unless it has been answered. */
  take(): boolean {
    return Atomics.exchange(this.words, STATE / 4, PARKED) !== 0;
  }

  /** Copy a saved register to `to[at]`. */
  read(register: number, to: Uint32Array, at: number): void {
    to[at] = this.words[register / 4];
    to[at + 1] = this.words[register / 4 + 1];
  }
}
