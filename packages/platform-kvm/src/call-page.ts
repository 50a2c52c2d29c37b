/**
 * The page in which the guests of one process, on one virtual CPU, publish their system calls and find the
 * answers: by the fast path (`ThreadPage`), where a call site is patched, and by the stub of `syscall`, which
 * has it in the kernel half. Guests can write it: every word is read once, and nothing in it can do more than
 * make a call of that very process something else. Other processes have other pages.
 */
import { ANSWERS, CALL, PARK_NOW, PARKED, STATE, savedOffset, ThreadPage } from '@sandbox/platform';
import { USER_CS, USER_DS } from './layout.js';

// Words of the stub's own, by byte offset: between the registers and the answers.
/** rip, cs, rflags, rsp, ss of its `iretq`. */
export const FRAME = 192;
/** rdx, of which the stub makes use first. */
export const KEPT_RDX = 232;
/**
 * Calls the stub may still answer by itself. The one after that is published, or leaves: see
 * `CallPage.weight`.
 */
export const BUDGET = 240;
/** It answers so many at a time where hot call sites are patched, as it cannot count them by their place. */
const SAMPLE = 16;
const NO_LIMIT = 0x7fffffff;
/** Looks a guest takes before it leaves: some 60 us. */
export const SPIN = 1500;
/** Instead of a site's index: the call was published by the stub of `syscall`. */
export const BY_STUB = -1;

const RAX = savedOffset('rax');

export class CallPage extends ThreadPage {
  /**
   * Where it lies in the memory file, in this process, and in the guest's half; `features`: see
   * `Context.xfeatures`.
   */
  constructor(place: number, hostAddress: number, guestAddress: number, chunk: Uint8Array, features: number) {
    super(place, hostAddress, guestAddress, chunk, features);
    this.words[(FRAME + 8) / 4] = USER_CS;
    this.words[(FRAME + 32) / 4] = USER_DS;
  }

  /**
   * For another context: nothing is published, nothing is answered but by `answers`. `patching`: hot call
   * sites are patched.
   */
  reset(answers: Int32Array | null, patching: boolean): void {
    this.clear();
    this.words[BUDGET / 4] = patching ? SAMPLE : NO_LIMIT;
    if (answers) this.words.set(answers, ANSWERS / 4);
    else this.clearAnswers();
  }

  /** A call has come by the stub: for how many it stands, with those the stub has answered by itself. */
  weight(): number {
    if (this.words[BUDGET / 4] >= 0) return 1;
    this.words[BUDGET / 4] = SAMPLE;
    return SAMPLE;
  }

  /** Give the published call its answer. False when the guest does not look for it any more. */
  tryAnswer(lo: number, hi: number): boolean {
    this.setResult(lo, hi);
    const w = this.words;
    const state = Atomics.compareExchange(w, STATE / 4, CALL, 0);
    return (
      state === CALL ||
      (state === PARK_NOW && Atomics.compareExchange(w, STATE / 4, PARK_NOW, 0) === PARK_NOW)
    );
  }

  /** The same where the guest has stopped, and looks again when it goes on. */
  answerParked(lo: number, hi: number): void {
    this.setResult(lo, hi);
    this.answer();
  }

  /** Take the call from the guest, which is not executing: true unless it has been answered. */
  take(): boolean {
    return Atomics.exchange(this.words, STATE / 4, CALL | PARKED) !== 0;
  }

  /** Copy the 64 bits at `offset` to `to[at]`. */
  read(offset: number, to: Uint32Array, at: number): void {
    to[at] = this.words[offset / 4];
    to[at + 1] = this.words[offset / 4 + 1];
  }
  readRax(to: Uint32Array, at: number): void {
    this.read(RAX, to, at);
  }
}
