/**
 * Call sites that are worth patching: what bytes they have, what they become, and the thunks they jump to.
 *
 * A site is 7 bytes or more of the guest's code that end in, or begin with, `syscall`. It becomes a jump
 * through the table at TABLE_ADDRESS to a thunk of its own, which does what the replaced instructions did and
 * goes to the stub's fast path.
 */
import { Assembler, mem, memLabel, memSegment } from '@sandbox/native';
import { hasFsGsBase } from './cpu-features.host.js';
import { movableLength, setsFlags } from './decode.js';
import {
  CODE_ADDRESS,
  MAX_SITES,
  PAGES_ADDRESS,
  TABLE_ADDRESS,
  THUNK_ADDRESS,
  THUNK_BYTES,
} from './layout.js';
import { ANSWERS, ANSWERS_COUNT, SITE } from './page-layout.js';
import type { FastStub } from './stub.js';

/** `mov $nr,%eax; syscall` */
export const SITE_MOV_EAX = 1;
/**
 * A five-byte move between a register and the stack, then `syscall`: the C library's generic and cancellable
 * calls.
 */
export const SITE_STACK_MOVE = 2;
/**
 * `syscall` and instructions behind it that can be moved (`syscall; cmp $imm,%rax`): whatever came before.
 */
export const SITE_BEHIND = 3;
/** `mov $nr,%rax; syscall`, nine bytes: what signal handlers return to. */
export const SITE_MOV_RAX = 4;

export type SiteKind = 1 | 2 | 3 | 4;

export interface Site {
  readonly index: number;
  readonly kind: SiteKind;
  /** First byte replaced, as a guest address. */
  readonly start: number;
  readonly length: number;
  /** Address behind the `syscall` instruction, what rip is after a call made the slow way. */
  readonly after: number;
  /** SITE_BEHIND: bytes of the instructions moved to the thunk, which begin at `after`; else 0. */
  readonly behind: number;
  readonly original: Uint8Array;
  readonly patched: Uint8Array;
  /** Where a call that came the slow way must go on now: itself, or the rest of the thunk. */
  readonly resumeAt: number;
  /** Address spaces whose code holds it. */
  users: number;
}

/** Bytes looked at around a `syscall`: this many before its end, and behind it. */
export const BEFORE = 9;
export const BEHIND = 16;
/** Code around a SITE_BEHIND that is searched for jumps into it. */
export const NEIGHBOURHOOD = 160;
const AT = NEIGHBOURHOOD + BEFORE;
/** A jump through the table. */
const JUMP_BYTES = 7;
// Numbers of registers.
const RCX = 1;
const RSP = 4;
const R11 = 11;
/** Bytes that may be moved: two instructions at most are needed for five, and no call site is worth more. */
const MOST_MOVED = 12;

/**
 * What kind of site the call `nr` that stopped at `after` (behind `syscall`) is. `code` holds the bytes from
 * `after - BEFORE - NEIGHBOURHOOD` on. 0: none we know how to patch.
 */
export function classify(code: Uint8Array, nr: number): SiteKind | 0 {
  if (code[AT - 2] !== 0x0f || code[AT - 1] !== 0x05) return 0;
  if (immediate(code) === nr) {
    // Not the move to r8d, which ends in the same bytes.
    if (code[AT - 7] === 0xb8 && (code[AT - 8] & 0xf1) !== 0x41) return SITE_MOV_EAX;
    if (code[AT - 9] === 0x48 && code[AT - 8] === 0xc7 && code[AT - 7] === 0xc0) return SITE_MOV_RAX;
  }
  // Preferred where both would do: where the flags are set anew behind it, the stub may look for an answer of
  // its own.
  const moved = movedBytes(code);
  const movable = moved > 0 && !jumpsInto(code, AT - 1, AT + moved - 1);
  if (movable && setsFlags(code, AT)) return SITE_BEHIND;
  if (isStackMove(code, AT - 7)) return SITE_STACK_MOVE;
  return movable ? SITE_BEHIND : 0;
}

/** The 32 bits before `syscall`. */
function immediate(code: Uint8Array): number {
  return code[AT - 6] | (code[AT - 5] << 8) | (code[AT - 4] << 16) | (code[AT - 3] << 24);
}

/**
 * Bytes of the instructions behind `syscall` that have to be moved to make room for a jump; 0 when they
 * cannot be.
 */
function movedBytes(code: Uint8Array): number {
  let bytes = 0;
  while (bytes < JUMP_BYTES - 2) {
    const length = movableLength(code, AT + bytes);
    if (length === 0) return 0;
    bytes += length;
  }
  return bytes <= MOST_MOVED ? bytes : 0;
}

/**
 * `mov disp8(%rsp),%reg` or `mov %reg,disp8(%rsp)` with 64-bit operands. It may be executed twice, the second
 * time without what `syscall` spoils: not to rsp, and not from rcx and r11.
 */
function isStackMove(code: Uint8Array, at: number): boolean {
  const wide = code[at] === 0x48 || code[at] === 0x4c;
  const load = code[at + 1] === 0x8b;
  const store = code[at + 1] === 0x89;
  if (!wide || (!load && !store) || (code[at + 2] & 0xc7) !== 0x44 || code[at + 3] !== 0x24) return false;
  const register = ((code[at] & 4) << 1) | ((code[at + 2] >> 3) & 7);
  return load ? register !== RSP : register !== RCX && register !== R11;
}

/**
 * Could any byte sequence in the neighbourhood be a short or near jump to one of the offsets from..to? Read
 * at every byte, so data and operands count too: refusing too much is harmless.
 */
function jumpsInto(code: Uint8Array, from: number, to: number): boolean {
  for (let i = 0; i < code.length - 1; i++) {
    const op = code[i];
    if ((op >= 0x70 && op <= 0x7f) || op === 0xeb || (op >= 0xe0 && op <= 0xe3)) {
      const target = i + 2 + ((code[i + 1] << 24) >> 24);
      if (target >= from && target <= to) return true;
    }
    if (
      i + 5 <= code.length &&
      (op === 0xe9 || (op >= 0x80 && op <= 0x8f && i > 0 && code[i - 1] === 0x0f))
    ) {
      const rel = code[i + 1] | (code[i + 2] << 8) | (code[i + 3] << 16) | (code[i + 4] << 24);
      const target = i + 5 + rel;
      if (target >= from && target <= to) return true;
    }
  }
  return false;
}

/** All patched sites of a sandbox: the shared table and thunks, written through views of the memory file. */
export class SiteTable {
  private readonly sites: (Site | null)[] = new Array(MAX_SITES).fill(null);
  private readonly byStart = new Map<number, Site[]>();
  private readonly free: number[] = [];
  private top = 0;

  constructor(
    private readonly table: Uint32Array,
    private readonly thunks: Uint8Array,
    private readonly stub: FastStub,
  ) {}

  get(index: number): Site | null {
    return this.sites[index] ?? null;
  }

  /**
   * The site whose replaced bytes begin at `start` and were `original`; made when new. Null when the table is
   * full.
   */
  obtain(kind: SiteKind, after: number, code: Uint8Array): Site | null {
    const behind = kind === SITE_BEHIND ? movedBytes(code) : 0;
    const ahead = kind === SITE_BEHIND ? 0 : kind === SITE_MOV_RAX ? 7 : 5;
    const original = code.slice(AT - 2 - ahead, AT + behind);
    const start = after - 2 - ahead;
    for (const site of this.byStart.get(start) ?? []) {
      if (site.kind === kind && site.original.every((b, i) => b === original[i])) return site;
    }
    const index = this.free.pop() ?? (this.top < MAX_SITES ? this.top++ : -1);
    if (index < 0) return null;
    const site = this.build(index, kind, start, after, behind, original);
    this.sites[index] = site;
    const same = this.byStart.get(start);
    if (same) same.push(site);
    else this.byStart.set(start, [site]);
    return site;
  }

  /** One address space less has it; the last one frees its place. */
  drop(site: Site): void {
    if (--site.users > 0) return;
    this.sites[site.index] = null;
    const same = this.byStart.get(site.start)!;
    same.splice(same.indexOf(site), 1);
    if (same.length === 0) this.byStart.delete(site.start);
    this.free.push(site.index);
  }

  private build(
    index: number,
    kind: SiteKind,
    start: number,
    after: number,
    behind: number,
    original: Uint8Array,
  ): Site {
    const thunkAddress = THUNK_ADDRESS + index * THUNK_BYTES;
    const a = new Assembler();
    checkBase(a);
    a.movq(memSegment('gs', SITE), index);
    let back = after;
    if (kind === SITE_BEHIND) {
      const flagsAreSet = setsFlags(original, 2);
      a.lea('rcx', memLabel('after'));
      jumpTo(a, thunkAddress, CODE_ADDRESS + (flagsAreSet ? this.stub.answer : this.stub.entry));
      a.label('after')
        .db(...original.subarray(2))
        .jmpIndirect(memLabel('target'))
        .label('target')
        .dq(after + behind);
      back = thunkAddress + a.labelOffset('after');
    } else {
      if (kind === SITE_STACK_MOVE) a.db(...original.subarray(0, 5));
      else moveNumber(a, original, after);
      a.mov('rcx', after);
      jumpTo(a, thunkAddress, CODE_ADDRESS + this.stub.entry);
    }
    const code = a.assemble();
    if (code.length > THUNK_BYTES) throw new RangeError('thunk too long');
    this.thunks.set(code, index * THUNK_BYTES);
    this.table[index * 2] = thunkAddress >>> 0;
    this.table[index * 2 + 1] = Math.floor(thunkAddress / 4294967296);
    const patched = replacement(index, kind, original.length);
    return {
      index,
      kind,
      start,
      length: patched.length,
      after,
      behind,
      original,
      patched,
      resumeAt: back,
      users: 0,
    };
  }
}

/**
 * The GS base must be a page of the driver's: they lie between PAGES_ADDRESS and the end of user space, where
 * guests have nothing. Guests that can set it by themselves may have it elsewhere; and nothing of theirs must
 * be written. No flag may change, nor a register but rcx and r11, which `syscall` spoils. Where guests
 * cannot, it is 0 without a page, and the first store faults.
 */
function checkBase(a: Assembler): void {
  if (!hasFsGsBase) return;
  const room = 2 ** 47 - PAGES_ADDRESS;
  // What is bit 47 now, and no bit below down to those of `room`, is bit 23 after that.
  a.rdgsbase('rcx').lea('rcx', mem('rcx', room)).bswap('rcx');
  a.db(0x8d, 0x89).dd(-(2 ** 23)); // lea ecx, [rcx - 2^23]
  a.jrcxz('ours').db(0x0f, 0x0b).label('ours');
}

/**
 * Offset in a thunk of the instruction that faults where the GS base is not the thread's page, before
 * anything has changed: an invalid opcode or, on processors where only the kernel sets that base, a store to
 * SITE of nothing.
 */
export const REFUSED_AT = ((): number => {
  const a = new Assembler();
  checkBase(a);
  return Math.max(a.assemble().length - 2, 0);
})();

/** The call's number, known from the code: its answer, if the page has one, else the number to eax. */
function moveNumber(a: Assembler, original: Uint8Array, after: number): void {
  const at = original.length - 6;
  const nr = original[at] | (original[at + 1] << 8) | (original[at + 2] << 16) | (original[at + 3] << 24);
  if (nr >= 0 && nr < ANSWERS_COUNT) {
    // No flag may change on the way.
    a.mov('ecx', memSegment('gs', ANSWERS + nr * 4))
      .jrcxz('ask')
      .lea('rax', mem('rcx', -1));
    a.mov('rcx', after).jmpIndirect('rcx').label('ask');
  }
  a.mov('rax', nr);
}

/** The bytes that replace a site: a jump through its place in the table, and what nobody may come to. */
function replacement(index: number, kind: SiteKind, length: number): Uint8Array {
  const slot = TABLE_ADDRESS + index * 8;
  const jump = [0xff, 0x24, 0x25, slot & 0xff, (slot >> 8) & 0xff, (slot >> 16) & 0xff, slot >>> 24];
  const bytes = new Uint8Array(length);
  // An invalid opcode where the old `syscall` stood.
  bytes.fill(kind === SITE_MOV_RAX ? 0x06 : 0x90);
  bytes.set(jump);
  return bytes;
}

/** jmp rel32 to an absolute address from code that will lie at `base`. */
function jumpTo(a: Assembler, base: number, target: number): void {
  const from = base + a.position + 5;
  a.db(0xe9).dd(target - from);
}
