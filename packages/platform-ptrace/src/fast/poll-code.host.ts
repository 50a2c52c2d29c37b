/** The tracer's side of the fast path as machine code: answer a call, look for the next, fall back to wait4 now and then. */
import { Assembler, callable, codePage, mem, type NativeFunction } from '@sandbox/native';
import { WALL, WNOHANG } from '../layout.js';
import { AWAKE, CALL, STATE } from './page-layout.js';

const SYS_wait4 = 61;

// Control block of a poll, byte offsets.
export const POLL_COUNT = 0;
export const POLL_ROUNDS = 8;
export const POLL_PID = 16;
export const POLL_STATUS = 24;
/** Addresses of the pages to watch. */
export const POLL_PAGES = 32;
export const MAX_POLLED = 32;

/** Rounds between looks at wait4. */
const WAIT_EVERY_MASK = 0x1ff;
/** Result bases: a page index, or a pid above. */
export const POLLED_NOTHING = -1;
export const POLLED_PID = 0x10000;

function build(): { code: Uint8Array; poll: number; answer: number } {
  const a = new Assembler();
  // long answer(page): state = 0; the old state
  a.label('answer').xor('eax', 'eax').xchg(mem('rdi', STATE), 'eax').ret();

  // long poll(control): index of a page with a published call; 0x10000 + pid for a stop (status in the block); -1 nothing; -errno - 0x1000
  a.align(16).label('poll').push('rbx').push('r12').push('r13').push('r14').mov('rbx', 'rdi');
  a.mov('r12', mem('rbx', POLL_ROUNDS)).mov('r13', mem('rbx', POLL_COUNT));
  a.xor('ecx', 'ecx').label('wake').cmp('rcx', 'r13').jcc('ae', 'round');
  indexed(a).movd(mem('rdx', AWAKE), 1).inc('rcx').jmp('wake');
  a.label('round').xor('ecx', 'ecx').label('scan').cmp('rcx', 'r13').jcc('ae', 'scanned');
  indexed(a).cmpd(mem('rdx', STATE), CALL).jcc('e', 'found').inc('rcx').jmp('scan');
  a.label('found').mov('rax', 'rcx').jmp('out');
  a.label('scanned')
    .pause()
    .test('r12d', WAIT_EVERY_MASK)
    .jcc('ne', 'next')
    .call('reap')
    .test('rax', 'rax')
    .jcc('ne', 'reaped');
  a.label('next').dec('r12').jcc('ne', 'round');
  // Going to sleep: tell everyone, then look once more.
  a.xor('ecx', 'ecx').label('sleep').cmp('rcx', 'r13').jcc('ae', 'asleep');
  indexed(a).movd(mem('rdx', AWAKE), 0).inc('rcx').jmp('sleep');
  a.label('asleep').mfence().xor('ecx', 'ecx').label('last').cmp('rcx', 'r13').jcc('ae', 'none');
  indexed(a).cmpd(mem('rdx', STATE), CALL).jcc('e', 'found').inc('rcx').jmp('last');
  a.label('none').mov('rax', -1).jmp('out');
  a.label('reaped').test('rax', 'rax').jcc('s', 'next').add('rax', POLLED_PID);
  a.label('out').pop('r14').pop('r13').pop('r12').pop('rbx').ret();

  a.label('reap').mov('eax', SYS_wait4).mov('rdi', mem('rbx', POLL_PID)).lea('rsi', mem('rbx', POLL_STATUS));
  a.mov('edx', WALL | WNOHANG)
    .xor('r10d', 'r10d')
    .syscall()
    .ret();
  return { code: a.assemble(), poll: a.labelOffset('poll'), answer: a.labelOffset('answer') };
}

/** rdx = pages[rcx] */
function indexed(a: Assembler): Assembler {
  return a.db(0x48, 0x8b, 0x54, 0xcb, POLL_PAGES); // mov rdx, [rbx + rcx*8 + POLL_PAGES]
}

const built = build();
const base = codePage(built.code);
export const nativePoll: NativeFunction = callable(base + built.poll, 1);
/** Give a published call its answer; the state the guest's page had. */
export const nativeAnswer: NativeFunction = callable(base + built.answer, 1);
