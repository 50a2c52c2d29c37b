import { USER_REGS } from '@sandbox/abi';
import { ACCESS_READ, ACCESS_WRITE } from '@sandbox/platform';
import type { GuestMemory } from './guest-memory.js';

/** Longest instruction. */
const MAX_LENGTH = 15;
const RIP = USER_REGS.rip * 2;
const RDI = USER_REGS.rdi * 2;
const RSP = USER_REGS.rsp * 2;
/** How far from its pointer register one access of a string or stack instruction may lie. */
const REACH = 64;

const bytes = new Uint8Array(MAX_LENGTH + 1);

/** How an opcode uses its memory operand. */
const READS = 0;
const WRITES = 1;
/** Told by the reg field of ModRM: bit n of a mask set means /n writes. */
const BY_REG = 2;
/** Writes through rdi. */
const TO_RDI = 3;
/** Pushes; a memory operand is read. */
const PUSHES = 4;

const ONE_BYTE = new Uint8Array(256);
const ONE_BYTE_MASK = new Uint8Array(256);
const TWO_BYTE = new Uint8Array(256);
const TWO_BYTE_MASK = new Uint8Array(256);

function mark(table: Uint8Array, kind: number, ...opcodes: number[]): void {
  for (const op of opcodes) table[op] = kind;
}

function markRange(table: Uint8Array, kind: number, first: number, last: number): void {
  for (let op = first; op <= last; op++) table[op] = kind;
}

function markReg(table: Uint8Array, masks: Uint8Array, op: number, mask: number): void {
  table[op] = BY_REG;
  masks[op] = mask;
}

// Intel SDM volume 2, opcode maps: ALU operations but cmp, xchg, mov, shifts, pop to memory.
for (const base of [0x00, 0x08, 0x10, 0x18, 0x20, 0x28, 0x30]) mark(ONE_BYTE, WRITES, base, base + 1);
mark(ONE_BYTE, WRITES, 0x86, 0x87, 0x88, 0x89, 0x8c, 0x8f, 0xa2, 0xa3, 0xc0, 0xc1, 0xc6, 0xc7);
markRange(ONE_BYTE, WRITES, 0xd0, 0xd3);
mark(ONE_BYTE, TO_RDI, 0xa4, 0xa5, 0xaa, 0xab, 0x6c, 0x6d);
markRange(ONE_BYTE, PUSHES, 0x50, 0x57);
mark(ONE_BYTE, PUSHES, 0x68, 0x6a, 0xe8, 0x9c, 0xc8);
for (const op of [0x80, 0x81, 0x83]) markReg(ONE_BYTE, ONE_BYTE_MASK, op, 0x7f);
for (const op of [0xf6, 0xf7]) markReg(ONE_BYTE, ONE_BYTE_MASK, op, 0x0c);
for (const op of [0xfe, 0xff]) markReg(ONE_BYTE, ONE_BYTE_MASK, op, 0x03);
// x87 stores.
markReg(ONE_BYTE, ONE_BYTE_MASK, 0xd9, 0xcc);
markReg(ONE_BYTE, ONE_BYTE_MASK, 0xdb, 0x8e);
markReg(ONE_BYTE, ONE_BYTE_MASK, 0xdd, 0xce);
markReg(ONE_BYTE, ONE_BYTE_MASK, 0xdf, 0xce);
// SSE stores, setcc, bit operations, cmpxchg, xadd, double shifts.
mark(TWO_BYTE, WRITES, 0x11, 0x13, 0x17, 0x29, 0x2b, 0x7e, 0x7f, 0xd6, 0xe7, 0xc3);
markRange(TWO_BYTE, WRITES, 0x90, 0x9f);
mark(TWO_BYTE, WRITES, 0xab, 0xb3, 0xbb, 0xb0, 0xb1, 0xc0, 0xc1, 0xa4, 0xa5, 0xac, 0xad);
mark(TWO_BYTE, TO_RDI, 0xf7);
markReg(TWO_BYTE, TWO_BYTE_MASK, 0xba, 0xe0);
markReg(TWO_BYTE, TWO_BYTE_MASK, 0xae, 0x59);
markReg(TWO_BYTE, TWO_BYTE_MASK, 0xc7, 0x32);

/**
 * What the instruction at rip did at `addr`, for platforms that cannot tell: ACCESS_READ, ACCESS_WRITE, or 0
 * when the instruction cannot be read. It decodes only as much as decides this; instructions that read and
 * write one operand count as writing, as the processor counts them.
 */
export function guessAccess(memory: GuestMemory, regs: Uint32Array, addr: number): number {
  const rip = regs[RIP]! + regs[RIP + 1]! * 4294967296;
  const length = memory.copyInPartial(rip, bytes, 0, MAX_LENGTH);
  if (length < 1) return 0;
  bytes.fill(0, length);
  return decode(regs, addr) ? ACCESS_WRITE : ACCESS_READ;
}

function decode(regs: Uint32Array, addr: number): boolean {
  let at = 0;
  let repeat = 0;
  for (; at < MAX_LENGTH; at++) {
    const b = bytes[at]!;
    if (b === 0xf2 || b === 0xf3) repeat = b;
    else if (b !== 0x66 && b !== 0x67 && b !== 0xf0 && (b & 0xe7) !== 0x26 && (b & 0xfe) !== 0x64) break;
  }
  if ((bytes[at]! & 0xf0) === 0x40) at++;
  const op = bytes[at++]!;
  if (op === 0xc4) return vectorStores(bytes[at]! & 0x1f, bytes[at + 2]!, bytes[at + 1]! & 3);
  if (op === 0xc5) return vectorStores(1, bytes[at + 1]!, bytes[at]! & 3);
  if (op === 0x62) return vectorStores(bytes[at]! & 7, bytes[at + 3]!, bytes[at + 1]! & 3);
  if (op !== 0x0f) return stores(ONE_BYTE[op]!, ONE_BYTE_MASK[op]!, op, at, regs, addr);
  const second = bytes[at++]!;
  if (second === 0x38) return (bytes[at] === 0xf1 && repeat !== 0xf2) || bytes[at] === 0xf9;
  if (second === 0x3a) return bytes[at]! >= 0x14 && bytes[at]! <= 0x17;
  // movq xmm, m64 has the opcode of a store with another prefix.
  if (second === 0x7e && repeat === 0xf3) return false;
  return stores(TWO_BYTE[second]!, TWO_BYTE_MASK[second]!, 0, at, regs, addr);
}

function stores(
  kind: number,
  mask: number,
  op: number,
  at: number,
  regs: Uint32Array,
  addr: number,
): boolean {
  const reg = (bytes[at]! >> 3) & 7;
  switch (kind) {
    case WRITES:
      return true;
    case BY_REG:
      // call and push of a memory operand
      if (op === 0xff && (reg === 2 || reg === 6)) return near(regs, RSP, addr);
      return ((mask >> reg) & 1) === 1;
    case TO_RDI:
      return near(regs, RDI, addr);
    case PUSHES:
      return near(regs, RSP, addr);
    default:
      return kind !== READS;
  }
}

function near(regs: Uint32Array, reg: number, addr: number): boolean {
  return Math.abs(addr - (regs[reg]! + regs[reg + 1]! * 4294967296)) < REACH;
}

/** VEX and EVEX: stores of opcode map `map`; `prefix`: 0 none, 1 = 66, 2 = F3, 3 = F2. */
function vectorStores(map: number, op: number, prefix: number): boolean {
  if (map === 1) return TWO_BYTE[op] === WRITES && !(op === 0x7e && prefix === 2) && (op < 0x90 || op > 0xc1);
  if (map === 2) {
    if (op === 0x2e || op === 0x2f || op === 0x8e || op === 0x8a || op === 0x8b) return true;
    if (op >= 0xa0 && op <= 0xa3) return true;
    return prefix === 2 && (op & 0x0f) <= 5 && op >= 0x10 && op <= 0x35;
  }
  if (map === 3) return (op >= 0x14 && op <= 0x17) || [0x19, 0x1b, 0x39, 0x3b, 0x1d].includes(op);
  return false;
}
