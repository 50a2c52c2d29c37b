import {
  BPF_A,
  BPF_ABS,
  BPF_ADD,
  BPF_ALU,
  BPF_AND,
  BPF_B,
  BPF_DIV,
  BPF_H,
  BPF_IMM,
  BPF_IND,
  BPF_JA,
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JMP,
  BPF_JSET,
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
  BPF_MUL,
  BPF_NEG,
  BPF_OR,
  BPF_RET,
  BPF_RSH,
  BPF_ST,
  BPF_STX,
  BPF_SUB,
  BPF_TXA,
  BPF_W,
  BPF_X,
  BPF_XOR,
} from '@sandbox/abi';

/** An instruction: opcode, jumps, operand (struct sock_filter). */
interface Instruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

const SIZE = 8;
/** Loads from here on ask for what is no byte of the packet (SKF_AD_OFF). */
const ANCILLARY = 0xfffff000;

/** What ancillary loads tell of a packet; undefined: not served. */
type Ancillary = (what: number) => number | undefined;

const memory = new Uint32Array(BPF_MEMWORDS);

/**
 * A packet filter of the classic kind (SO_ATTACH_FILTER, Linux: Documentation/networking/filter.rst), checked as Linux checks it: it
 * ends, and jumps forward only. `bytes`: instructions. Null: refused.
 */
export class ClassicFilter {
  private constructor(private readonly program: readonly Instruction[]) {}

  static make(bytes: Uint8Array): ClassicFilter | null {
    const count = Math.floor(bytes.length / SIZE);
    if (count < 1 || count > BPF_MAXINSNS) return null;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const program: Instruction[] = [];
    for (let i = 0; i < count; i++) {
      const at = i * SIZE;
      program.push({
        code: view.getUint16(at, true),
        jt: view.getUint8(at + 2),
        jf: view.getUint8(at + 3),
        k: view.getUint32(at + 4, true),
      });
    }
    return program.every((instruction, i) => isSound(instruction, i, count)) &&
      (program[count - 1]!.code & 7) === BPF_RET
      ? new ClassicFilter(program)
      : null;
  }

  /** Bytes of the packet to keep; 0: none. */
  run(bytes: Uint8Array, start: number, end: number, ancillary: Ancillary = () => undefined): number {
    let a = 0;
    let x = 0;
    memory.fill(0);
    const length = end - start;
    for (let pc = 0; pc < this.program.length; pc++) {
      const { code, jt, jf, k } = this.program[pc]!;
      switch (code & 7) {
        case BPF_LD:
        case BPF_LDX: {
          const value = load(code, k, x, bytes, start, length, ancillary);
          if (value < 0) return 0;
          if ((code & 7) === BPF_LD) a = value;
          else x = value;
          break;
        }
        case BPF_ST:
          memory[k] = a;
          break;
        case BPF_STX:
          memory[k] = x;
          break;
        case BPF_ALU: {
          const operand = (code & 8) === BPF_X ? x : k;
          const result = compute(code & 0xf0, a, operand);
          if (result < 0) return 0;
          a = result;
          break;
        }
        case BPF_JMP:
          if ((code & 0xf0) === BPF_JA) pc += k;
          else pc += holds(code & 0xf0, a, (code & 8) === BPF_X ? x : k) ? jt : jf;
          break;
        case BPF_RET:
          return (code & 0x18) === BPF_A ? a : k;
        case BPF_MISC:
          if ((code & 0x80) === BPF_TXA) a = x;
          else x = a;
      }
    }
    return 0;
  }
}

function isSound({ code, jt, jf, k }: Instruction, at: number, count: number): boolean {
  const left = count - at - 1;
  switch (code & 7) {
    case BPF_JMP:
      if ((code & 0xf0) === BPF_JA) return k < left;
      return (code & 0xf0) <= BPF_JSET && jt < left && jf < left;
    case BPF_ST:
    case BPF_STX:
      return k < BPF_MEMWORDS;
    case BPF_LD:
    case BPF_LDX:
      return (code & 0xe0) !== BPF_MEM || k < BPF_MEMWORDS;
    case BPF_ALU: {
      const op = code & 0xf0;
      if (op > BPF_XOR) return false;
      if ((op === BPF_DIV || op === BPF_MOD) && (code & 8) === 0) return k !== 0;
      return !((op === BPF_LSH || op === BPF_RSH) && (code & 8) === 0 && k >= 32);
    }
    default:
      return true;
  }
}

/** The value of a load; -1: it lies outside the packet, which ends the program. */
function load(
  code: number,
  k: number,
  x: number,
  bytes: Uint8Array,
  start: number,
  length: number,
  ancillary: Ancillary,
): number {
  switch (code & 0xe0) {
    case BPF_IMM:
      return k;
    case BPF_LEN:
      return length;
    case BPF_MEM:
      return memory[k]!;
    case BPF_MSH:
      return k < length ? (bytes[start + k]! & 15) * 4 : -1;
    case BPF_IND:
      k = (k + x) >>> 0;
      break;
    case BPF_ABS:
      if (k >= ANCILLARY) return ancillary(k - ANCILLARY) ?? -1;
      break;
    default:
      return -1;
  }
  const size = (code & 0x18) === BPF_W ? 4 : (code & 0x18) === BPF_H ? 2 : (code & 0x18) === BPF_B ? 1 : 0;
  if (size === 0 || k + size > length) return -1;
  let value = 0;
  for (let i = 0; i < size; i++) value = value * 256 + bytes[start + k + i]!;
  return value;
}

/** -1: a division by zero, which ends the program. */
function compute(op: number, a: number, b: number): number {
  switch (op) {
    case BPF_ADD:
      return (a + b) >>> 0;
    case BPF_SUB:
      return (a - b) >>> 0;
    case BPF_MUL:
      return Math.imul(a, b) >>> 0;
    case BPF_DIV:
      return b === 0 ? -1 : Math.floor(a / b);
    case BPF_MOD:
      return b === 0 ? -1 : a % b;
    case BPF_OR:
      return (a | b) >>> 0;
    case BPF_AND:
      return (a & b) >>> 0;
    case BPF_XOR:
      return (a ^ b) >>> 0;
    case BPF_LSH:
      return b > 31 ? 0 : (a << b) >>> 0;
    case BPF_RSH:
      return b > 31 ? 0 : a >>> b;
    case BPF_NEG:
      return -a >>> 0;
    default:
      return -1;
  }
}

function holds(op: number, a: number, b: number): boolean {
  switch (op) {
    case BPF_JEQ:
      return a === b;
    case BPF_JGT:
      return a > b;
    case BPF_JGE:
      return a >= b;
    case BPF_JSET:
      return (a & b) !== 0;
    default:
      return false;
  }
}
