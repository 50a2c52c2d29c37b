/**
 * Looking at shared pages: a guest on another CPU publishes its calls there and looks for the answers,
 * without the host's help. This side of it is machine code: one native call until something is found.
 */
import {
  type Assembler,
  allocatePages,
  callable,
  codePage,
  mem,
  type NativeFunction,
  viewOf,
} from '@sandbox/native';

// Every such page begins so, in bytes.
/**
 * 0: the guest runs; CALL: it has published a call. What else there is is between a platform and its stub.
 */
export const PAGE_STATE = 0;
/**
 * Somebody is looking (1), or asleep (0: do not spin). Set right with each look, as the guest can write it.
 */
export const PAGE_AWAKE = 4;
export const PAGE_CALL = 1;

// Control block of a poll, byte offsets.
const POLL_COUNT = 0;
const POLL_ROUNDS = 8;
/** A platform's own words, 24 bytes. */
export const POLL_OWN = 16;
/** Addresses of the pages to watch. */
const POLL_PAGES = 40;
const MAX_POLLED = 32;

export const POLLED_NOTHING = -1;

/**
 * The code of `long poll(control)`: the index of a page with a published call, POLLED_NOTHING, or whatever
 * else `also` found. That is called (as code at label 'also', with rbx = control) every 2^n rounds, n being
 * `alsoBits`; it leaves 0 in rax for nothing, and may use all registers a call may; a negative result counts
 * as nothing.
 */
export function emitPoll(a: Assembler, alsoBits: number): void {
  a.align(16).label('poll').push('rbx').push('r12').push('r13').push('r14').mov('rbx', 'rdi');
  a.mov('r12', mem('rbx', POLL_ROUNDS)).mov('r13', mem('rbx', POLL_COUNT));
  a.xor('ecx', 'ecx').label('wake').cmp('rcx', 'r13').jcc('ae', 'round');
  // A store would take the cache line from the guest that is reading its answer there.
  indexed(a).cmpd(mem('rdx', PAGE_AWAKE), 1).jcc('e', 'woken').movd(mem('rdx', PAGE_AWAKE), 1);
  a.label('woken').inc('rcx').jmp('wake');
  a.label('round').xor('ecx', 'ecx').label('scan').cmp('rcx', 'r13').jcc('ae', 'scanned');
  indexed(a).cmpd(mem('rdx', PAGE_STATE), PAGE_CALL).jcc('e', 'found').inc('rcx').jmp('scan');
  a.label('found').mov('rax', 'rcx').jmp('out');
  a.label('scanned').pause();
  if (alsoBits > 0) a.test('r12d', 2 ** alsoBits - 1).jcc('ne', 'next');
  a.call('also').test('rax', 'rax').jcc('ne', 'seen');
  a.label('next').dec('r12').jcc('ne', 'round');
  // Going to sleep: tell everyone, then look once more.
  a.xor('ecx', 'ecx').label('sleep').cmp('rcx', 'r13').jcc('ae', 'asleep');
  indexed(a).movd(mem('rdx', PAGE_AWAKE), 0).inc('rcx').jmp('sleep');
  a.label('asleep').mfence().xor('ecx', 'ecx').label('last').cmp('rcx', 'r13').jcc('ae', 'none');
  indexed(a).cmpd(mem('rdx', PAGE_STATE), PAGE_CALL).jcc('e', 'found').inc('rcx').jmp('last');
  a.label('none').mov('rax', POLLED_NOTHING).jmp('out');
  a.label('seen').test('rax', 'rax').jcc('s', 'next');
  a.label('out').pop('r14').pop('r13').pop('r12').pop('rbx').ret();
}

/** rdx = pages[rcx] */
function indexed(a: Assembler): Assembler {
  return a.db(0x48, 0x8b, 0x54, 0xcb, POLL_PAGES); // mov rdx, [rbx + rcx*8 + POLL_PAGES]
}

/** Make `poll` of finished code callable. */
export function pollFunction(a: Assembler): NativeFunction {
  return callable(codePage(a.assemble()) + a.labelOffset('poll'), 1);
}

/** Whose pages are looked at, as the machine code wants it. */
export class PagePoller<T> {
  private readonly memory = allocatePages(4096);
  protected readonly words = new Int32Array(viewOf(this.memory, 4096));
  readonly watched: T[] = [];
  private readonly addresses: number[] = [];

  constructor(private readonly pollPages: NativeFunction) {}

  /** Watch the page at host address `address` for `who`. */
  add(who: T, address: number): void {
    if (this.watched.length >= MAX_POLLED || this.watched.includes(who)) return;
    this.watched.push(who);
    this.addresses.push(address);
    this.write(this.watched.length - 1);
  }

  remove(who: T): void {
    const i = this.watched.indexOf(who);
    if (i < 0) return;
    const last = this.watched.pop()!;
    const address = this.addresses.pop()!;
    if (last !== who) {
      this.watched[i] = last;
      this.addresses[i] = address;
      this.write(i);
    }
  }

  private write(i: number): void {
    const at = POLL_PAGES / 4 + i * 2;
    this.words[at] = this.addresses[i] | 0;
    this.words[at + 1] = Math.floor(this.addresses[i] / 4294967296);
  }

  /** As `emitPoll` says, giving up after so many rounds. */
  look(rounds: number): number {
    const w = this.words;
    w[POLL_COUNT / 4] = this.watched.length;
    w[POLL_ROUNDS / 4] = rounds;
    return this.pollPages(this.memory);
  }
}
