/**
 * The six argument registers of a system call, as the guest left them: pairs of 32-bit words, low word first
 * (rdi rsi rdx r10 r8 r9). A view on the platform context's own array: reading is free, nothing is copied.
 */
export class SyscallArgs {
  constructor(readonly words: Uint32Array) {}

  /** As C `int` (fd, pid, signal, flags of most calls). */
  i32(i: number): number {
    return this.words[i * 2]! | 0;
  }
  /** As `unsigned int` (mode_t, uid_t, flag words). */
  u32(i: number): number {
    return this.words[i * 2]!;
  }
  /**
   * As a pointer, `size_t` or `unsigned long`. Exact below 2^53; larger values stay larger, so range checks
   * hold.
   */
  u64(i: number): number {
    return this.words[i * 2]! + this.words[i * 2 + 1]! * 4294967296;
  }
  /** As `long`, `loff_t`, `ssize_t`: exact within +-2^53. */
  s64(i: number): number {
    return this.words[i * 2]! + (this.words[i * 2 + 1]! | 0) * 4294967296;
  }
  /** High word, for masks that do not fit a double. */
  hi(i: number): number {
    return this.words[i * 2 + 1]!;
  }
}
