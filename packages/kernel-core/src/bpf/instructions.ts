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
  BPF_K,
  BPF_LD,
  BPF_LDX,
  BPF_LEN,
  BPF_LSH,
  BPF_MEM,
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
  BPF_TAX,
  BPF_TXA,
  BPF_W,
  BPF_X,
  BPF_XOR,
} from '@sandbox/abi';

const both = (kind: number, ops: readonly number[]): number[] =>
  ops.flatMap((op) => [kind | op | BPF_K, kind | op | BPF_X]);

const ARITHMETIC = [BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_AND, BPF_OR, BPF_XOR, BPF_LSH, BPF_RSH];

/** What programs over `struct seccomp_data` may do (seccomp_check_filter). */
export const SECCOMP_INSTRUCTIONS: ReadonlySet<number> = new Set([
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
  ...both(BPF_ALU, ARITHMETIC),
  ...both(BPF_JMP, [BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET]),
]);

/** What programs over packets may do (chk_code_allowed). */
export const CLASSIC_INSTRUCTIONS: ReadonlySet<number> = new Set([
  ...SECCOMP_INSTRUCTIONS,
  ...both(BPF_ALU, [BPF_MOD]),
  BPF_LD | BPF_H | BPF_ABS,
  BPF_LD | BPF_B | BPF_ABS,
  BPF_LD | BPF_W | BPF_IND,
  BPF_LD | BPF_H | BPF_IND,
  BPF_LD | BPF_B | BPF_IND,
  BPF_LDX | BPF_B | BPF_MSH,
]);

/** Does a conditional jump hold? */
export function condition(code: number, a: number, operand: number): boolean {
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

/** An arithmetic instruction; a division by zero is the caller's. */
export function alu(code: number, a: number, operand: number): number {
  switch (code & 0xf0) {
    case BPF_ADD:
      return (a + operand) >>> 0;
    case BPF_SUB:
      return (a - operand) >>> 0;
    case BPF_MUL:
      return Math.imul(a, operand) >>> 0;
    case BPF_DIV:
      return Math.floor(a / operand);
    case BPF_MOD:
      return a % operand;
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
