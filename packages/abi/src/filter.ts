/**
 * Classic BPF, the language of seccomp and socket filters.
 *
 * Mirrors linux/filter.h and linux/bpf_common.h; man 2 seccomp, man 7 socket (SO_ATTACH_FILTER).
 */

// Instruction classes, sizes, modes, operations.
export const BPF_LD = 0x0;
export const BPF_LDX = 0x1;
export const BPF_ST = 0x2;
export const BPF_STX = 0x3;
export const BPF_ALU = 0x4;
export const BPF_JMP = 0x5;
export const BPF_RET = 0x6;
export const BPF_MISC = 0x7;
export const BPF_W = 0x0;
export const BPF_H = 0x8;
export const BPF_B = 0x10;
export const BPF_IMM = 0x0;
export const BPF_ABS = 0x20;
export const BPF_IND = 0x40;
export const BPF_MEM = 0x60;
export const BPF_LEN = 0x80;
export const BPF_MSH = 0xa0;
export const BPF_ADD = 0x0;
export const BPF_SUB = 0x10;
export const BPF_MUL = 0x20;
export const BPF_DIV = 0x30;
export const BPF_OR = 0x40;
export const BPF_AND = 0x50;
export const BPF_LSH = 0x60;
export const BPF_RSH = 0x70;
export const BPF_NEG = 0x80;
export const BPF_MOD = 0x90;
export const BPF_XOR = 0xa0;
export const BPF_JA = 0x0;
export const BPF_JEQ = 0x10;
export const BPF_JGT = 0x20;
export const BPF_JGE = 0x30;
export const BPF_JSET = 0x40;
export const BPF_K = 0x0;
export const BPF_X = 0x8;
export const BPF_MAXINSNS = 4096;
export const BPF_A = 0x10;
export const BPF_TAX = 0x0;
export const BPF_TXA = 0x80;
export const BPF_MEMWORDS = 16;
export const BPF_NET_OFF = -0x100000;
export const BPF_LL_OFF = -0x200000;

// Ancillary load offsets. They are negative numbers in a 32-bit field.
export const SKF_AD_OFF = -4096;
export const SKF_AD_PROTOCOL = 0;
export const SKF_AD_PKTTYPE = 4;
export const SKF_AD_IFINDEX = 8;
export const SKF_AD_NLATTR = 12;
export const SKF_AD_NLATTR_NEST = 16;
export const SKF_AD_MARK = 20;
export const SKF_AD_QUEUE = 24;
export const SKF_AD_HATYPE = 28;
export const SKF_AD_RXHASH = 32;
export const SKF_AD_CPU = 36;
export const SKF_AD_ALU_XOR_X = 40;
export const SKF_AD_VLAN_TAG = 44;
export const SKF_AD_VLAN_TAG_PRESENT = 48;
export const SKF_AD_PAY_OFFSET = 52;
export const SKF_AD_RANDOM = 56;
export const SKF_AD_VLAN_TPID = 60;
export const SKF_AD_MAX = 64;
export const SKF_NET_OFF = -0x100000;
export const SKF_LL_OFF = -0x200000;

/** `struct sock_filter`. */
export const SOCK_FILTER = {
  SIZE: 8,
  code: 0,
  jt: 2,
  jf: 3,
  k: 4,
} as const;

/** `struct sock_fprog`. */
export const SOCK_FPROG = {
  SIZE: 16,
  len: 0,
  filter: 8,
} as const;
