/**
 * Call sites that are worth patching: what bytes they have, what they become, and the thunks they jump to.
 *
 * A site is 7 bytes or more of the guest's code that end in, or begin with, `syscall`. It becomes a jump through the table at
 * TABLE_ADDRESS to a thunk of its own, which does what the replaced instructions did and goes to the stub's fast path.
 */
import { Assembler, mem, memLabel, memSegment } from '@sandbox/native';
import { CODE_ADDRESS, MAX_SITES, TABLE_ADDRESS, THUNK_ADDRESS, THUNK_BYTES } from '../layout.js';
import { stub } from '../stub.js';
import { ANSWERS, ANSWERS_COUNT, SITE } from './page-layout.js';

/** `mov $nr,%eax; syscall` */
export const SITE_MOV_EAX = 1;
/** A five-byte move between a register and the stack, then `syscall`: the C library's generic and cancellable calls. */
export const SITE_STACK_MOVE = 2;
/** `syscall; cmp $imm,%rax`: whatever came before. */
export const SITE_CMP = 3;

export type SiteKind = 1 | 2 | 3;

export interface Site {
  readonly index: number;
  readonly kind: SiteKind;
  /** First byte replaced, as a guest address. */
  readonly start: number;
  readonly length: number;
  /** Address behind the `syscall` instruction, what rip is after a call made the slow way. */
  readonly after: number;
  readonly original: Uint8Array;
  readonly patched: Uint8Array;
  /** Where a call that came the slow way must go on now: itself, or the rest of the thunk. */
  readonly resumeAt: number;
  /** Address spaces whose code holds it. */
  users: number;
}

/** Bytes looked at around a `syscall`: this many before its end, and behind it. */
export const BEFORE = 7;
export const BEHIND = 6;
/** Code around a SITE_CMP that is searched for jumps into it. */
export const NEIGHBOURHOOD = 160;

/**
 * What kind of site the call that stopped at `after` (behind `syscall`) is. `code` holds the bytes from `after - BEFORE - NEIGHBOURHOOD` on.
 * 0: none we know how to patch.
 */
export function classify(code: Uint8Array): SiteKind | 0 {
  const at = NEIGHBOURHOOD + BEFORE;
  if (code[at - 2] !== 0x0f || code[at - 1] !== 0x05) return 0;
  if (code[at - 7] === 0xb8) return SITE_MOV_EAX;
  // Preferred where both would do: behind it the flags are set anew, so that the stub may look for an answer of its own.
  if (code[at] === 0x48 && code[at + 1] === 0x3d && !jumpsInto(code, at - 1, at + 5)) return SITE_CMP;
  if (isStackMove(code, at - 7)) return SITE_STACK_MOVE;
  return 0;
}

/** `mov disp8(%rsp),%reg` or `mov %reg,disp8(%rsp)` with 64-bit operands. */
function isStackMove(code: Uint8Array, at: number): boolean {
  const wide = code[at] === 0x48 || code[at] === 0x4c;
  const move = code[at + 1] === 0x8b || code[at + 1] === 0x89;
  return wide && move && (code[at + 2] & 0xc7) === 0x44 && code[at + 3] === 0x24;
}

/**
 * Could any byte sequence in the neighbourhood be a short or near jump to one of the offsets from..to? Read at every byte, so data and
 * operands count too: refusing too much is harmless.
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
  ) {}

  get(index: number): Site | null {
    return this.sites[index] ?? null;
  }

  /** The site whose replaced bytes begin at `start` and were `original`; made when new. Null when the table is full. */
  obtain(kind: SiteKind, after: number, code: Uint8Array): Site | null {
    const at = NEIGHBOURHOOD + BEFORE;
    const from = kind === SITE_CMP ? at - 2 : at - 7;
    const length = kind === SITE_CMP ? 8 : 7;
    const original = code.slice(from, from + length);
    const start = after - 2 - (kind === SITE_CMP ? 0 : 5);
    for (const site of this.byStart.get(start) ?? []) {
      if (site.kind === kind && site.original.every((b, i) => b === original[i])) return site;
    }
    const index = this.free.pop() ?? (this.top < MAX_SITES ? this.top++ : -1);
    if (index < 0) return null;
    const site = this.build(index, kind, start, after, original);
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

  private build(index: number, kind: SiteKind, start: number, after: number, original: Uint8Array): Site {
    const thunkAddress = THUNK_ADDRESS + index * THUNK_BYTES;
    const a = new Assembler();
    // The first instruction faults when the thread has no page yet, before anything has changed.
    a.movq(memSegment('gs', SITE), index);
    let back = after;
    if (kind === SITE_MOV_EAX) {
      const nr = original[1] | (original[2] << 8) | (original[3] << 16) | (original[4] << 24);
      if (nr >= 0 && nr < ANSWERS_COUNT) {
        // mov ecx, gs:[its answer]; no flag may change on the way.
        a.mov('ecx', memSegment('gs', ANSWERS + nr * 4))
          .jrcxz('ask')
          .lea('rax', mem('rcx', -1));
        a.mov('rcx', after).jmpIndirect('rcx').label('ask');
      }
      a.mov('eax', nr);
    } else if (kind === SITE_STACK_MOVE) {
      a.db(...original.subarray(0, 5));
    }
    if (kind === SITE_CMP) {
      a.lea('rcx', memLabel('after'));
    } else {
      a.mov('rcx', after);
    }
    jumpTo(a, thunkAddress, CODE_ADDRESS + (kind === SITE_CMP ? stub.answer : stub.fast));
    if (kind === SITE_CMP) {
      a.label('after')
        .db(...original.subarray(2, 8))
        .jmpIndirect(memLabel('target'))
        .label('target')
        .dq(after + 6);
      back = thunkAddress + a.labelOffset('after');
    }
    const code = a.assemble();
    this.thunks.set(code, index * THUNK_BYTES);
    this.table[index * 2] = thunkAddress >>> 0;
    this.table[index * 2 + 1] = Math.floor(thunkAddress / 4294967296);
    const slot = TABLE_ADDRESS + index * 8;
    const jump = [0xff, 0x24, 0x25, slot & 0xff, (slot >> 8) & 0xff, (slot >> 16) & 0xff, slot >>> 24];
    const patched = Uint8Array.from(kind === SITE_CMP ? [...jump, 0x90] : jump);
    return { index, kind, start, length: patched.length, after, original, patched, resumeAt: back, users: 0 };
  }
}

/** jmp rel32 to an absolute address from code that will lie at `base`. */
function jumpTo(a: Assembler, base: number, target: number): void {
  const from = base + a.position + 5;
  a.db(0xe9).dd(target - from);
}
