import {
  BPF_A,
  BPF_ABS,
  BPF_ALU,
  BPF_B,
  BPF_DIV,
  BPF_H,
  BPF_IMM,
  BPF_IND,
  BPF_JA,
  BPF_JMP,
  BPF_JSET,
  BPF_K,
  BPF_LD,
  BPF_LDX,
  BPF_LEN,
  BPF_LSH,
  BPF_MAXINSNS,
  BPF_MEM,
  BPF_MEMWORDS,
  BPF_MISC,
  BPF_MOD,
  BPF_MSH,
  BPF_RET,
  BPF_RSH,
  BPF_ST,
  BPF_STX,
  BPF_TAX,
  BPF_TXA,
  BPF_W,
  BPF_X,
  SOCK_FILTER,
} from '@sandbox/abi';
import { alu, condition } from './instructions.js';

/** What a program looks at. */
export interface BpfSource {
  /** Bytes, for BPF_LEN. */
  readonly length: number;
  /** `size` (1, 2, 4) bytes at `offset`, unsigned 32 bits; -1: there are none, which ends the program. */
  load(offset: number, size: number): number;
}

/** Scratch of the interpreter: one program runs at a time. */
const memory = new Uint32Array(BPF_MEMWORDS);

/** A classic BPF program (Linux: Documentation/networking/filter.rst), checked once, then interpreted. */
export class BpfProgram {
  private constructor(
    private readonly codes: Uint16Array,
    /** Of each instruction, jt in the low and jf in the high byte. */
    private readonly jumps: Uint16Array,
    private readonly ks: Uint32Array,
  ) {}

  get length(): number {
    return this.codes.length;
  }

  /**
   * Instructions Linux counts against MAX_INSNS_PER_PATH: those of the form it translates the program to
   * (bpf_convert_filter), which is longer.
   */
  get charge(): number {
    let n = 3;
    for (let i = 0; i < this.length; i++) n += this.translated(i);
    return n;
  }

  private translated(i: number): number {
    const code = this.codes[i]!;
    if (code === (BPF_RET | BPF_K)) return 2;
    if (code === (BPF_ALU | BPF_DIV | BPF_X)) return 4;
    if ((code & 7) !== BPF_JMP || code === (BPF_JMP | BPF_JA | BPF_K)) return 1;
    // A constant with its top bit set needs a register; two targets need two jumps.
    const wide = (code & BPF_X) === 0 && this.ks[i]! > 0x7fffffff ? 1 : 0;
    const jt = this.jumps[i]! & 0xff;
    const jf = this.jumps[i]! >> 8;
    const invertible = (code & 0xf0) !== BPF_JSET;
    return wide + (jf === 0 || (jt === 0 && invertible) ? 1 : 2);
  }

  /**
   * From an array of `struct sock_filter`; null when it is no sound program (EINVAL, bpf_check_classic).
   * `allowed`: the instructions it may have. `absolute`: may it load from there?
   */
  static parse(
    bytes: Uint8Array,
    allowed: ReadonlySet<number>,
    absolute: (offset: number) => boolean,
  ): BpfProgram | null {
    const n = bytes.length / SOCK_FILTER.SIZE;
    if (!Number.isInteger(n) || n === 0 || n > BPF_MAXINSNS) return null;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const program = new BpfProgram(new Uint16Array(n), new Uint16Array(n), new Uint32Array(n));
    for (let i = 0; i < n; i++) {
      const at = i * SOCK_FILTER.SIZE;
      program.codes[i] = view.getUint16(at + SOCK_FILTER.code, true);
      program.jumps[i] = view.getUint16(at + SOCK_FILTER.jt, true);
      program.ks[i] = view.getUint32(at + SOCK_FILTER.k, true);
    }
    return program.isValid(allowed, absolute) && program.loadsAreStored() ? program : null;
  }

  /** The instructions as `struct sock_filter`s (PTRACE_SECCOMP_GET_FILTER, SO_GET_FILTER). */
  toBytes(): Uint8Array {
    const bytes = new Uint8Array(this.length * SOCK_FILTER.SIZE);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < this.length; i++) {
      view.setUint16(i * SOCK_FILTER.SIZE + SOCK_FILTER.code, this.codes[i]!, true);
      view.setUint16(i * SOCK_FILTER.SIZE + SOCK_FILTER.jt, this.jumps[i]!, true);
      view.setUint32(i * SOCK_FILTER.SIZE + SOCK_FILTER.k, this.ks[i]!, true);
    }
    return bytes;
  }

  private isValid(allowed: ReadonlySet<number>, absolute: (offset: number) => boolean): boolean {
    const n = this.length;
    for (let i = 0; i < n; i++) {
      const code = this.codes[i]!;
      const k = this.ks[i]!;
      if (!allowed.has(code)) return false;
      switch (code) {
        case BPF_LD | BPF_W | BPF_ABS:
        case BPF_LD | BPF_H | BPF_ABS:
        case BPF_LD | BPF_B | BPF_ABS:
          if (!absolute(k)) return false;
          break;
        case BPF_ALU | BPF_DIV | BPF_K:
        case BPF_ALU | BPF_MOD | BPF_K:
          if (k === 0) return false;
          break;
        case BPF_ALU | BPF_LSH | BPF_K:
        case BPF_ALU | BPF_RSH | BPF_K:
          if (k >= 32) return false;
          break;
        case BPF_LD | BPF_MEM:
        case BPF_LDX | BPF_MEM:
        case BPF_ST:
        case BPF_STX:
          if (k >= BPF_MEMWORDS) return false;
          break;
        case BPF_JMP | BPF_JA | BPF_K:
          if (k >= n - i - 1) return false;
          break;
        default:
          if ((code & 7) !== BPF_JMP) break;
          if (i + (this.jumps[i]! & 0xff) + 1 >= n || i + (this.jumps[i]! >> 8) + 1 >= n) return false;
      }
    }
    const last = this.codes[n - 1]!;
    return last === (BPF_RET | BPF_K) || last === (BPF_RET | BPF_A);
  }

  /** No memory word is read on a path that has not written it (check_load_and_stores). */
  private loadsAreStored(): boolean {
    const n = this.length;
    const valid = new Uint16Array(n).fill(0xffff);
    let now = 0;
    for (let i = 0; i < n; i++) {
      now &= valid[i]!;
      const k = this.ks[i]!;
      switch (this.codes[i]) {
        case BPF_ST:
        case BPF_STX:
          now |= 1 << k;
          break;
        case BPF_LD | BPF_MEM:
        case BPF_LDX | BPF_MEM:
          if ((now & (1 << k)) === 0) return false;
          break;
        case BPF_JMP | BPF_JA | BPF_K:
          valid[i + 1 + k]! &= now;
          now = 0xffff;
          break;
        default:
          if ((this.codes[i]! & 7) !== BPF_JMP) break;
          valid[i + 1 + (this.jumps[i]! & 0xff)]! &= now;
          valid[i + 1 + (this.jumps[i]! >> 8)]! &= now;
          now = 0xffff;
      }
    }
    return true;
  }

  /**
   * The program's word on `source`, unsigned; -1: it asked for what is not there. Bounded: jumps go forward
   * only.
   */
  run(source: BpfSource): number {
    const { codes, jumps, ks } = this;
    let a = 0;
    let x = 0;
    memory.fill(0);
    for (let pc = 0; pc < codes.length; pc++) {
      const k = ks[pc]!;
      const code = codes[pc]!;
      switch (code) {
        case BPF_LD | BPF_W | BPF_ABS:
        case BPF_LD | BPF_H | BPF_ABS:
        case BPF_LD | BPF_B | BPF_ABS:
          a = source.load(k, sizeOf(code));
          if (a < 0) return -1;
          break;
        case BPF_LD | BPF_W | BPF_IND:
        case BPF_LD | BPF_H | BPF_IND:
        case BPF_LD | BPF_B | BPF_IND:
          a = source.load((x + k) >>> 0, sizeOf(code));
          if (a < 0) return -1;
          break;
        case BPF_LDX | BPF_B | BPF_MSH:
          x = source.load(k, 1);
          if (x < 0) return -1;
          x = (x & 15) * 4;
          break;
        case BPF_LD | BPF_W | BPF_LEN:
          a = source.length;
          break;
        case BPF_LDX | BPF_W | BPF_LEN:
          x = source.length;
          break;
        case BPF_LD | BPF_IMM:
          a = k;
          break;
        case BPF_LDX | BPF_IMM:
          x = k;
          break;
        case BPF_LD | BPF_MEM:
          a = memory[k]!;
          break;
        case BPF_LDX | BPF_MEM:
          x = memory[k]!;
          break;
        case BPF_ST:
          memory[k] = a;
          break;
        case BPF_STX:
          memory[k] = x;
          break;
        case BPF_MISC | BPF_TAX:
          x = a;
          break;
        case BPF_MISC | BPF_TXA:
          a = x;
          break;
        case BPF_RET | BPF_K:
          return k;
        case BPF_RET | BPF_A:
          return a;
        case BPF_JMP | BPF_JA | BPF_K:
          pc += k;
          break;
        default: {
          const operand = (code & BPF_X) !== 0 ? x : k;
          if ((code & 7) === BPF_JMP) {
            pc += condition(code, a, operand) ? jumps[pc]! & 0xff : jumps[pc]! >> 8;
            break;
          }
          const op = code & 0xf0;
          // Whoever divides by zero answers 0: to kill the thread, to keep nothing of the packet.
          if ((op === BPF_DIV || op === BPF_MOD) && operand === 0) return 0;
          a = alu(code, a, operand);
        }
      }
    }
    return 0;
  }
}

function sizeOf(code: number): number {
  const size = code & 0x18;
  return size === BPF_W ? 4 : size === BPF_H ? 2 : 1;
}
