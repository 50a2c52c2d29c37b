import {
  ANSWERS,
  ANSWERS_COUNT,
  AWAKE,
  CALL,
  FEATURES,
  FPU_AREA,
  FPU_AREA_BYTES,
  FS_BASE,
  LOAD_FPU,
  PARK_NOW,
  REGS,
  RESTORE,
  RIP,
  SAVE_FPU,
  SAVED,
  SELF,
  SITE,
  SPIN,
  STACK_TOP,
  STATE,
  savedOffset,
} from './page-layout.js';

const PAGE = 4096;
const CHUNK = 2 ** 30;
/**
 * Looks a guest takes before it parks: some 60 us, enough for its answer to wait for a list of memory
 * operations.
 */
const GUEST_SPIN = 1500;
const RAX = savedOffset('rax') / 4;
const RDI = savedOffset('rdi') / 4;
const RSI = savedOffset('rsi') / 4;
const RDX = savedOffset('rdx') / 4;
const R10 = savedOffset('r10') / 4;
const R8 = savedOffset('r8') / 4;
const R9 = savedOffset('r9') / 4;
const RCX = savedOffset('rcx') / 4;
const FLAGS = (STACK_TOP - 8) / 4;
/** Looks the driver takes for the guest to have saved its FPU registers: some 20 us. */
const SAVE_LOOKS = 4000;

/**
 * The driver's view of the page it shares with one guest thread. Everything read here is the guest's word.
 */
export class ThreadPage {
  protected readonly words: Int32Array;
  /** An XSAVE area (Intel SDM vol. 1, 13.4). */
  readonly fpu: Uint8Array;

  constructor(
    /** Where it lies in the memory file, in this process, and in the guest. */
    readonly offset: number,
    readonly hostAddress: number,
    readonly guestAddress: number,
    chunk: Uint8Array,
    features: number,
  ) {
    this.words = new Int32Array(chunk.buffer, chunk.byteOffset + (offset % CHUNK), PAGE / 4);
    this.words.fill(0);
    this.words[SELF / 4] = guestAddress | 0;
    this.words[SELF / 4 + 1] = Math.floor(guestAddress / 4294967296);
    this.words[SPIN / 4] = GUEST_SPIN;
    this.words[FEATURES / 4] = features;
    this.fpu = new Uint8Array(this.words.buffer, this.words.byteOffset + FPU_AREA, FPU_AREA_BYTES);
  }

  get state(): number {
    return Atomics.load(this.words, STATE / 4);
  }
  /** Nothing is published, nothing is asked. */
  clear(): void {
    Atomics.store(this.words, STATE / 4, 0);
    Atomics.store(this.words, AWAKE / 4, 0);
  }
  setAnswer(nr: number, value: number): void {
    Atomics.store(this.words, ANSWERS / 4 + nr, value + 1);
  }
  clearAnswers(): void {
    this.words.fill(0, ANSWERS / 4, ANSWERS / 4 + ANSWERS_COUNT);
  }
  /** The driver does not look at this page now: calls park at once. */
  setAsleep(): void {
    this.words[AWAKE / 4] = 0;
  }
  /** The call published will take a while: the guest had better stop looking. */
  parkNow(): void {
    Atomics.compareExchange(this.words, STATE / 4, CALL, PARK_NOW);
  }
  get site(): number {
    return this.words[SITE / 4];
  }
  get nr(): number {
    return this.words[RAX];
  }
  /** rdi rsi rdx r10 r8 r9 to `out`. */
  readArgs(out: Uint32Array): void {
    const w = this.words;
    out[0] = w[RDI];
    out[1] = w[RDI + 1];
    out[2] = w[RSI];
    out[3] = w[RSI + 1];
    out[4] = w[RDX];
    out[5] = w[RDX + 1];
    out[6] = w[R10];
    out[7] = w[R10 + 1];
    out[8] = w[R8];
    out[9] = w[R8 + 1];
    out[10] = w[R9];
    out[11] = w[R9 + 1];
  }
  setResult(lo: number, hi: number): void {
    this.words[RAX] = lo;
    this.words[RAX + 1] = hi;
  }
  /**
   * Answer: go on with rax. A plain store, which becomes visible after those before it (x86), and need not be
   * waited for here.
   */
  answer(): void {
    this.words[STATE / 4] = 0;
  }
  /** All saved registers into `regs` (struct user_regs_struct as 32-bit words). */
  readRegs(regs: Uint32Array): void {
    for (let i = 0; i < SAVED.length; i++) {
      const index = SAVED[i][1];
      regs[index * 2] = this.words[REGS / 4 + i * 2];
      regs[index * 2 + 1] = this.words[REGS / 4 + i * 2 + 1];
    }
  }
  get flags(): number {
    return this.words[FLAGS];
  }
  get fsBaseLo(): number {
    return this.words[FS_BASE / 4];
  }
  get fsBaseHi(): number {
    return this.words[FS_BASE / 4 + 1];
  }
  /** RESTORE: where the stub goes. */
  readRip(regs: Uint32Array, at: number): void {
    regs[at] = this.words[RIP / 4];
    regs[at + 1] = this.words[RIP / 4 + 1];
  }

  /** Answer with all registers: from `regs`, and the FPU's from `fpu` if so asked. */
  restore(regs: Uint32Array, rip: number, flags: number, fsBase: number, loadFpu: boolean): void {
    const w = this.words;
    for (let i = 0; i < SAVED.length; i++) {
      const index = SAVED[i][1] * 2;
      w[REGS / 4 + i * 2] = regs[index];
      w[REGS / 4 + i * 2 + 1] = regs[index + 1];
    }
    w[FLAGS] = regs[flags];
    w[FLAGS + 1] = 0;
    w[FS_BASE / 4] = regs[fsBase];
    w[FS_BASE / 4 + 1] = regs[fsBase + 1];
    w[RIP / 4] = regs[rip];
    w[RIP / 4 + 1] = regs[rip + 1];
    Atomics.store(w, STATE / 4, loadFpu ? RESTORE | LOAD_FPU : RESTORE);
  }

  /** Have the guest save its FPU registers to `fpu`. False when it does not do so at once. */
  saveFpu(): boolean {
    if (Atomics.compareExchange(this.words, STATE / 4, CALL, SAVE_FPU) !== CALL) return false;
    for (let i = 0; i < SAVE_LOOKS; i++) if (Atomics.load(this.words, STATE / 4) === CALL) return true;
    return Atomics.compareExchange(this.words, STATE / 4, SAVE_FPU, CALL) === CALL;
  }
  /** Where the stub goes after the answer. */
  get returnAddress(): number {
    return (this.words[RCX] >>> 0) + (this.words[RCX + 1] >>> 0) * 4294967296;
  }
}
