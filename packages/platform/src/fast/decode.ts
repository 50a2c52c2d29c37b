/**
 * As much of an instruction decoder as moving code takes: which instructions do the same at another address,
 * and how long they are (Intel SDM vol. 2, 2.1). What is not listed is not moved.
 */

/**
 * One-byte opcodes with a ModRM byte and no immediate: add, or, and, sub, xor, cmp in both directions,
 * movsxd, test, mov, lea.
 */
const WITH_MODRM = new Set<number>();
for (const base of [0x00, 0x08, 0x20, 0x28, 0x30, 0x38]) for (let i = 0; i < 4; i++) WITH_MODRM.add(base + i);
for (const opcode of [0x63, 0x84, 0x85, 0x88, 0x89, 0x8a, 0x8b, 0x8d]) WITH_MODRM.add(opcode);
/** With a ModRM byte and an immediate, by its size. */
const WITH_IMMEDIATE = new Map([
  [0x80, 1],
  [0x81, 4],
  [0x83, 1],
  [0xc6, 1],
  [0xc7, 4],
]);
/** cmp and test of the accumulator with 32 bits. */
const ACCUMULATOR = new Set([0x3d, 0xa9]);

/** Length of the instruction at `code[at]` if it can be moved, else 0. */
export function movableLength(code: Uint8Array, at: number): number {
  let i = at;
  let wide = false;
  if (code[i] >= 0x40 && code[i] <= 0x4f) wide = (code[i++] & 8) !== 0;
  const opcode = code[i++];
  if (opcode === 0x90) return i - at;
  if (ACCUMULATOR.has(opcode)) return i + 4 - at;
  if (opcode >= 0xb8 && opcode <= 0xbf && !wide) return i + 4 - at;
  if (opcode >= 0x50 && opcode <= 0x5f) return i - at;
  if (WITH_MODRM.has(opcode)) return lengthTo(code, at, i, 0);
  const immediate = WITH_IMMEDIATE.get(opcode);
  return immediate === undefined ? 0 : lengthTo(code, at, i, immediate);
}

/** With the ModRM byte at `i`, SIB, displacement and immediate; 0 when it is relative to rip. */
function lengthTo(code: Uint8Array, at: number, i: number, immediate: number): number {
  const mod = code[i] >> 6;
  const rm = code[i] & 7;
  i++;
  if (mod === 3) return i + immediate - at;
  if (mod === 0 && rm === 5) return 0;
  let displacement = mod === 1 ? 1 : mod === 2 ? 4 : 0;
  if (rm === 4) {
    if (mod === 0 && (code[i] & 7) === 5) displacement = 4;
    i++;
  }
  return i + displacement + immediate - at;
}

/**
 * Does the instruction at `code[at]`, a movable one, set all flags a program can test, whatever they were?
 */
export function setsFlags(code: Uint8Array, at: number): boolean {
  const opcode = code[at] >= 0x40 && code[at] <= 0x4f ? code[at + 1] : code[at];
  return (opcode >= 0x38 && opcode <= 0x3d) || opcode === 0x84 || opcode === 0x85 || opcode === 0xa9;
}
