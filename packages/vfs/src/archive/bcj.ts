/**
 * Filters of the .xz format (xz-file-format.txt, 5.3) that go before LZMA2. For machine code: what branches
 * there say relative to themselves was made absolute, so that calls of one function look alike; here they
 * become relative again. `pc`: the address of the first byte.
 */
export type Filter = (code: Uint8Array, pc: number) => void;

const CALL = 0xe8;
const JUMP = 0xe9;
/** Is the highest byte of an address one that an address within 16 MiB has? */
const isSign = (byte: number): boolean => byte === 0 || byte === 0xff;
/**
 * By which of the three bytes before an opcode look like opcodes: may this be one, and which byte has to be
 * looked at?
 */
const MAY_BE = [true, true, true, false, true, false, false, false];
const LOOK_AT = [0, 1, 2, 2, 3, 3, 3, 3];

/**
 * CALL and JMP with 32 bits. An opcode may also be a part of another instruction's address: `mask` remembers
 * suspects.
 */
function x86(code: Uint8Array, pc: number): void {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  let mask = 0;
  let last = -1;
  for (let i = 0; i + 5 <= code.length; i++) {
    if (code[i] !== CALL && code[i] !== JUMP) continue;
    const gap = i - last;
    last = i;
    mask = gap > 3 ? 0 : (mask << (gap - 1)) & 7;
    const looksLikeData = mask !== 0 && (!MAY_BE[mask] || isSign(code[i + 4 - LOOK_AT[mask]!]!));
    if (looksLikeData || !isSign(code[i + 4]!)) {
      mask = (mask << 1) | 1;
      continue;
    }
    let address = view.getUint32(i + 1, true);
    for (;;) {
      address = (address - (pc + i + 5)) >>> 0;
      const bits = LOOK_AT[mask]! * 8;
      if (mask === 0 || !isSign((address >>> (24 - bits)) & 0xff)) break;
      address = (address ^ (2 ** (32 - bits) - 1)) >>> 0;
    }
    // 25 bits, with their sign.
    view.setInt32(i + 1, (address << 7) >> 7, true);
    i += 4;
    last = i;
    mask = 0;
  }
}

/** A filter of instructions of four bytes. `relative` gives the instruction to put there, unsigned or not. */
function words(littleEndian: boolean, relative: (instruction: number, pc: number) => number): Filter {
  return (code, pc) => {
    const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
    for (let i = 0; i + 4 <= code.length; i += 4)
      view.setInt32(i, relative(view.getUint32(i, littleEndian), pc + i) | 0, littleEndian);
  };
}

const powerpc = words(false, (at, pc) =>
  (at & 0xfc000003) === 0x48000001 ? 0x48000001 | ((at - pc) & 0x03fffffc) : at,
);

const arm = words(true, (at, pc) =>
  at >>> 24 === 0xeb ? 0xeb000000 | (((at & 0xffffff) - ((pc + 8) >>> 2)) & 0xffffff) : at,
);

const sparc = words(false, (at, pc) => {
  const top = at >>> 22;
  if (top !== 0x100 && top !== 0x1ff) return at;
  const address = (((at << 2) - pc) >>> 2) | 0;
  return (0x40000000 - (address & 0x400000)) | 0x40000000 | (address & 0x3fffff);
});

/** BL, and ADRP of what lies within 512 MiB. */
const arm64 = words(true, (at, pc) => {
  if (at >>> 26 === 0x25) return 0x94000000 | ((at - (pc >>> 2)) & 0x03ffffff);
  if ((at & 0x9f000000) >>> 0 !== 0x90000000) return at;
  const page = ((at >>> 29) & 3) | ((at >>> 3) & 0x1ffffc);
  if (((page + 0x20000) & 0x1c0000) !== 0) return at;
  const to = page - (pc >>> 12);
  return (at & 0x9000001f) | ((to & 3) << 29) | ((to & 0x3fffc) << 3) | (-(to & 0x20000) & 0xe00000);
});

/** BL of Thumb: two halves. */
function armThumb(code: Uint8Array, pc: number): void {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  for (let i = 0; i + 4 <= code.length; i += 2) {
    const high = view.getUint16(i, true);
    const low = view.getUint16(i + 2, true);
    if ((high & 0xf800) !== 0xf000 || (low & 0xf800) !== 0xf800) continue;
    const to = (((high & 0x7ff) << 11) | (low & 0x7ff)) - ((pc + i + 4) >>> 1);
    view.setUint16(i, 0xf000 | ((to >>> 11) & 0x7ff), true);
    view.setUint16(i + 2, 0xf800 | (to & 0x7ff), true);
    i += 2;
  }
}

/** Which of the three instructions of a bundle may branch, by its template. */
const BRANCHES = [
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 4, 6, 6, 0, 0, 7, 7, 4, 4, 0, 0, 4, 4, 0, 0,
];

function ia64(code: Uint8Array, pc: number): void {
  for (let i = 0; i + 16 <= code.length; i += 16) {
    const branches = BRANCHES[code[i]! & 31]!;
    for (let slot = 0; slot < 3; slot++) if ((branches & (1 << slot)) !== 0) ia64Slot(code, i, slot, pc);
  }
}

/** br.call with IP-relative address: 41 bits somewhere in six bytes. */
function ia64Slot(code: Uint8Array, bundle: number, slot: number, pc: number): void {
  const bit = 5 + slot * 41;
  const at = bundle + (bit >> 3);
  const shift = BigInt(bit & 7);
  let six = 0n;
  for (let i = 5; i >= 0; i--) six = (six << 8n) | BigInt(code[at + i]!);
  const instruction = six >> shift;
  if (((instruction >> 37n) & 15n) !== 5n || ((instruction >> 9n) & 7n) !== 0n) return;
  const from = Number((instruction >> 13n) & 0xfffffn) | (Number((instruction >> 36n) & 1n) << 20);
  const to = BigInt((from - ((pc + bundle) >>> 4)) & 0x1fffff);
  const moved = (instruction & ~(0x8fffffn << 13n)) | ((to & 0xfffffn) << 13n) | ((to >> 20n) << 36n);
  six = (six & ((1n << shift) - 1n)) | (moved << shift);
  for (let i = 0; i < 6; i++) code[at + i] = Number((six >> BigInt(8 * i)) & 255n);
}

/** By number. */
export const BCJ_FILTERS: Readonly<Record<number, Filter>> = {
  4: x86,
  5: powerpc,
  6: ia64,
  7: arm,
  8: armThumb,
  9: sparc,
  10: arm64,
};

/** Each byte is a difference from the one `distance` before. */
export function undelta(bytes: Uint8Array, distance: number): void {
  for (let i = distance; i < bytes.length; i++) bytes[i] = bytes[i]! + bytes[i - distance]!;
}
