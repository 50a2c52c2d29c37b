import {
  BPF_A,
  BPF_ABS,
  BPF_ADD,
  BPF_ALU,
  BPF_AND,
  BPF_DIV,
  BPF_IMM,
  BPF_JA,
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JMP,
  BPF_JSET,
  BPF_K,
  BPF_LD,
  BPF_LDX,
  BPF_LEN,
  BPF_LSH,
  BPF_MEM,
  BPF_MEMWORDS,
  BPF_MISC,
  BPF_MUL,
  BPF_NEG,
  BPF_OR,
  BPF_RET,
  BPF_RSH,
  BPF_ST,
  BPF_STX,
  BPF_SUB,
  BPF_TAX,
  BPF_TXA,
  BPF_W,
  BPF_X,
  BPF_XOR,
  SECCOMP_DATA,
  SOCK_FILTER,
} from '@sandbox/abi';

const DATA_WORDS = SECCOMP_DATA.SIZE / 4;
/** Words of `struct seccomp_data` known before a call is made. */
const NR_WORD = SECCOMP_DATA.nr / 4;
const ARCH_WORD = SECCOMP_DATA.arch / 4;

/** Instructions a filter of seccomp may have (seccomp_check_filter); of these bpf_check_classic allows the same. */
const ALLOWED: ReadonlySet<number> = new Set([
  BPF_LD | BPF_W | BPF_ABS,
  BPF_LD | BPF_W | BPF_LEN,
  BPF_LDX | BPF_W | BPF_LEN,
  BPF_LD | BPF_IMM,
  BPF_LDX | BPF_IMM,
  BPF_LD | BPF_MEM,
  BPF_LDX | BPF_MEM,
  BPF_ST,
  BPF_STX,
  BPF_MISC | BPF_TAX,
  BPF_MISC | BPF_TXA,
  BPF_RET | BPF_K,
  BPF_RET | BPF_A,
  BPF_ALU | BPF_NEG,
  BPF_JMP | BPF_JA | BPF_K,
  ...[BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_AND, BPF_OR, BPF_XOR, BPF_LSH, BPF_RSH].flatMap((op) => [
    BPF_ALU | op | BPF_K,
    BPF_ALU | op | BPF_X,
  ]),
  ...[BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET].flatMap((op) => [BPF_JMP | op | BPF_K, BPF_JMP | op | BPF_X]),
]);

/** Scratch of the interpreter: one call is judged at a time. */
const memory = new Uint32Array(BPF_MEMWORDS);

/** A filter of seccomp(2): classic BPF over the sixteen words of `struct seccomp_data`, checked once, then interpreted. */
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
   * Instructions Linux counts against MAX_INSNS_PER_PATH: those of the form it translates the program to (bpf_convert_filter), which is
   * longer.
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

  /** From an array of `struct sock_filter`; null when it is no program seccomp accepts (EINVAL). */
  static parse(bytes: Uint8Array): BpfProgram | null {
    const n = Math.floor(bytes.length / SOCK_FILTER.SIZE);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const program = new BpfProgram(new Uint16Array(n), new Uint16Array(n), new Uint32Array(n));
    for (let i = 0; i < n; i++) {
      const at = i * SOCK_FILTER.SIZE;
      program.codes[i] = view.getUint16(at + SOCK_FILTER.code, true);
      program.jumps[i] = view.getUint16(at + SOCK_FILTER.jt, true);
      program.ks[i] = view.getUint32(at + SOCK_FILTER.k, true);
    }
    return program.isValid() && program.loadsAreStored() ? program : null;
  }

  /** The instructions as `struct sock_filter`s (PTRACE_SECCOMP_GET_FILTER). */
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

  private isValid(): boolean {
    const n = this.length;
    for (let i = 0; i < n; i++) {
      const code = this.codes[i]!;
      const k = this.ks[i]!;
      if (!ALLOWED.has(code)) return false;
      switch (code) {
        case BPF_LD | BPF_W | BPF_ABS:
          if (k >= SECCOMP_DATA.SIZE || k % 4 !== 0) return false;
          break;
        case BPF_ALU | BPF_DIV | BPF_K:
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

  /** The filter's word for the call described by `data` (`struct seccomp_data` as sixteen words). Bounded: jumps go forward only. */
  run(data: Uint32Array): number {
    return this.interpret(data, DATA_WORDS);
  }

  /** The filter's word when it follows from number and architecture alone, as unsigned; -1 when it looks at more (seccomp_is_const_allow). */
  runConstant(data: Uint32Array): number {
    return this.interpret(data, 0);
  }

  private interpret(data: Uint32Array, words: number): number {
    const { codes, jumps, ks } = this;
    let a = 0;
    let x = 0;
    memory.fill(0);
    for (let pc = 0; pc < codes.length; pc++) {
      const k = ks[pc]!;
      switch (codes[pc]) {
        case BPF_LD | BPF_W | BPF_ABS: {
          const word = k >>> 2;
          if (word >= words && word !== NR_WORD && word !== ARCH_WORD) return -1;
          a = data[word]!;
          break;
        }
        case BPF_LD | BPF_W | BPF_LEN:
          a = SECCOMP_DATA.SIZE;
          break;
        case BPF_LDX | BPF_W | BPF_LEN:
          x = SECCOMP_DATA.SIZE;
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
          const code = codes[pc]!;
          const operand = (code & BPF_X) !== 0 ? x : k;
          if ((code & 7) === BPF_JMP) {
            pc += condition(code, a, operand) ? jumps[pc]! & 0xff : jumps[pc]! >> 8;
            break;
          }
          // A filter that divides by zero answers 0: kill the thread.
          if ((code & 0xf0) === BPF_DIV && operand === 0) return 0;
          a = alu(code, a, operand);
        }
      }
    }
    return 0;
  }
}

function condition(code: number, a: number, operand: number): boolean {
  switch (code & 0xf0) {
    case BPF_JEQ:
      return a === operand;
    case BPF_JGT:
      return a > operand;
    case BPF_JGE:
      return a >= operand;
    default:
      return (a & operand) !== 0;
  }
}

function alu(code: number, a: number, operand: number): number {
  switch (code & 0xf0) {
    case BPF_ADD:
      return (a + operand) >>> 0;
    case BPF_SUB:
      return (a - operand) >>> 0;
    case BPF_MUL:
      return Math.imul(a, operand) >>> 0;
    case BPF_DIV:
      return Math.floor(a / operand);
    case BPF_AND:
      return (a & operand) >>> 0;
    case BPF_OR:
      return (a | operand) >>> 0;
    case BPF_XOR:
      return (a ^ operand) >>> 0;
    case BPF_LSH:
      return (a << (operand & 31)) >>> 0;
    case BPF_RSH:
      return a >>> (operand & 31);
    default:
      return -a >>> 0;
  }
}
