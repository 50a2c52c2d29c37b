import { EINVAL, EIO, ENOSPC, TASK_SIZE_MAX } from '@sandbox/abi';
import type { Context } from '@sandbox/platform';

const STATUS = 6;
const CONTROL = 7;
/** Bits of DR6 that are always one. */
const STATUS_ONES = 0xffff0ff0;
const STATUS_BITS = 0xe00f;
/** Bits of DR7 that are always zero (Linux: DR_CONTROL_RESERVED). */
const CONTROL_ZEROS = 0xfc00;
/** Local and global enable bits of all four breakpoints. */
const ENABLES = 0xff;
const KIND_EXECUTE = 0;
const KIND_IO = 2;
/** What an address must be a multiple of, less one, by the length in DR7. */
const ALIGNMENTS = [0, 1, 7, 3];

/** The debug registers of a traced thread (Intel SDM vol. 3, 18.2): PTRACE_POKEUSER at u_debugreg. */
export class DebugRegisters {
  private readonly addresses = [0, 0, 0, 0];
  private status = STATUS_ONES;
  private control = 0;

  get(n: number): number {
    return n < 4 ? this.addresses[n]! : n === STATUS ? this.status : n === CONTROL ? this.control : 0;
  }

  /** A debug exception with DR6 `status`. */
  hit(status: number): void {
    this.status = (STATUS_ONES | (status & STATUS_BITS)) >>> 0;
  }

  /**
   * 0; -EIO (no such register), -EINVAL (an address or kind no breakpoint can have), -ENOSPC (the machine has
   * none to give).
   */
  set(context: Context, n: number, value: number): number {
    if (n === 4 || n === 5) return -EIO;
    if (n < 4) return this.setAddress(context, n, value);
    if (n === STATUS) {
      this.status = value;
      return 0;
    }
    return this.setControl(context, (value & ~CONTROL_ZEROS) >>> 0);
  }

  private setAddress(context: Context, n: number, value: number): number {
    if (value >= TASK_SIZE_MAX) return -EINVAL;
    if (this.enables(n, this.control) && !isPossible(n, this.control, value)) return -EINVAL;
    if (this.control !== 0 && context.setDebugRegister?.(n, value) !== true) return -ENOSPC;
    this.addresses[n] = value;
    return 0;
  }

  private setControl(context: Context, value: number): number {
    for (let n = 0; n < 4; n++)
      if (this.enables(n, value) && !isPossible(n, value, this.addresses[n]!)) return -EINVAL;
    if ((value & ENABLES) !== 0 || (this.control & ENABLES) !== 0) {
      for (let n = 0; n < 4; n++) {
        if (!this.enables(n, value)) continue;
        if (context.setDebugRegister?.(n, this.addresses[n]!) !== true) return -ENOSPC;
      }
      if (context.setDebugRegister?.(CONTROL, value) !== true) return -ENOSPC;
    }
    this.control = value;
    return 0;
  }

  private enables(n: number, control: number): boolean {
    return ((control >>> (2 * n)) & 3) !== 0;
  }
}

/** Ports cannot be watched, an instruction has no length, and what is watched is aligned to its length. */
function isPossible(n: number, control: number, address: number): boolean {
  const kind = (control >>> (16 + 4 * n)) & 3;
  const length = (control >>> (18 + 4 * n)) & 3;
  if (kind === KIND_IO || (kind === KIND_EXECUTE && length !== 0)) return false;
  return address % (ALIGNMENTS[length]! + 1) === 0;
}
