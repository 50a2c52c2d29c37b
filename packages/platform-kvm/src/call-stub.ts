/**
 * Where `syscall` enters. The call is answered at once when its answer lies ready in the call page; published
 * there while somebody looks; else the virtual machine is left by an `out`, with all registers as `syscall`
 * left them.
 *
 * Each virtual CPU has its own, as no register is free to hold the page's address: they differ by that alone.
 * Under software KVM `syscall` does not change the privilege level: the stub then runs as guest code, the
 * `out` being one the task state segment allows, and goes back by an `iretq` to its own level. Else it runs
 * at level 0, where guests reach neither it nor the page, and goes back by `sysretq`.
 *
 * Software KVM does change the level after all where it emulates `syscall`, as it does when the guest's stack
 * pointer is no address. At level 0 nothing may come from a page that guests write, least of all the frame of
 * an `iretq`: the stub leaves at once then, by an `out` of its own.
 */
import { Assembler, mem, memAbsolute } from '@sandbox/native';
import {
  ANSWERS,
  ANSWERS_COUNT,
  AWAKE,
  CALL,
  PARK_NR,
  PARKED,
  SITE,
  STATE,
  savedOffset,
} from '@sandbox/platform';
import { BUDGET, BY_STUB, FRAME, KEPT_RDX, SPIN } from './call-page.js';
import {
  CALL_PAGES_AT,
  CALL_STUB_BYTES,
  CALL_STUBS_AT,
  KERNEL_LOW,
  PAGE,
  PORT_SYSCALL,
  USER_CS,
} from './layout.js';

const RAX = savedOffset('rax');
/** What of the registers is published. rdx is kept elsewhere meanwhile; rcx is the return address. */
const PUBLISHED = ['rax', 'rdi', 'rsi', 'r10', 'r8', 'r9', 'rcx'] as const;
const INT3 = 0xcc;
const TRAP_FLAG = 0x100;

/** Address of the call page of virtual CPU `index`, as the 32 bits it is sign-extended from. */
function pageAddress(index: number): number {
  return (KERNEL_LOW + CALL_PAGES_AT + index * PAGE) | 0;
}

/** Offset in the kernel half of virtual CPU `index`'s stub. */
export function callStubAt(index: number): number {
  return CALL_STUBS_AT + index * CALL_STUB_BYTES;
}

function assemble(page: number, userMode: boolean): Assembler {
  const a = new Assembler();
  const at = (offset: number) => memAbsolute(page + offset);
  a.mov(at(KEPT_RDX), 'rdx').label('saved');
  if (userMode) {
    a.db(0x8c, 0xca).cmp('edx', USER_CS).jcc('ne', 'emulated'); // mov edx, cs
  } else {
    // Who is stepped must not go back by `sysretq`, which traps right behind itself.
    a.test('r11d', TRAP_FLAG).jcc('ne', 'leave');
  }
  a.mov('edx', 'eax').cmp('edx', ANSWERS_COUNT).jcc('ae', 'publish');
  a.db(0x8b, 0x14, 0x95).dd(page + ANSWERS); // mov edx, [rdx*4 + answers]
  a.test('edx', 'edx').jcc('e', 'publish');
  a.db(0xff, 0x0c, 0x25).dd(page + BUDGET); // dec dword [budget]
  a.jcc('s', 'publish').lea('rax', mem('rdx', -1));
  a.label('finish').mov('rdx', at(KEPT_RDX));
  if (userMode) {
    a.mov(at(FRAME), 'rcx')
      .mov(at(FRAME + 16), 'r11')
      .mov(at(FRAME + 24), 'rsp')
      .mov('rsp', page + FRAME);
    a.label('switched').db(0x48, 0xcf);
  } else {
    a.label('switched').db(0x48, 0x0f, 0x07);
  }
  a.label('publish').cmpd(at(AWAKE), 0).jcc('e', 'leave').cmp('eax', PARK_NR).jcc('e', 'leave');
  for (const name of PUBLISHED) a.mov(at(savedOffset(name)), name);
  a.mov('rdx', at(KEPT_RDX))
    .mov(at(savedOffset('rdx')), 'rdx')
    .movd(at(SITE), BY_STUB);
  a.mov('edx', CALL).xchg(at(STATE), 'edx');
  a.label('published').mov('edx', SPIN);
  a.label('spin').cmpd(at(STATE), CALL).jcc('ne', 'park').pause().dec('edx').jcc('ne', 'spin');
  a.label('park')
    .mov('eax', at(STATE))
    .test('eax', 'eax')
    .jcc('e', 'done')
    .mov('edx', CALL | PARKED);
  a.lockCmpxchg(at(STATE), 'edx').jcc('ne', 'park').mov('rax', at(RAX));
  a.label('leave').mov('rdx', at(KEPT_RDX)).db(0xe6, PORT_SYSCALL).label('sysret').db(0x48, 0x0f, 0x07);
  a.label('done').mov('rax', at(RAX)).jmp('finish').label('end');
  a.label('emulated').mov('rdx', at(KEPT_RDX)).db(0xe6, PORT_SYSCALL).label('leftEmulated').db(0x0f, 0x0b);
  return a;
}

/** The stub of virtual CPU `index`. */
export function callStub(index: number, userMode: boolean): Uint8Array {
  const code = assemble(pageAddress(index), userMode).assemble();
  if (code.length > CALL_STUB_BYTES) throw new Error('the stub of system calls is too long');
  const bytes = new Uint8Array(CALL_STUB_BYTES).fill(INT3);
  bytes.set(code);
  return bytes;
}

/** Offsets in a stub, by what the guest's registers are from there on. */
export interface StubPlaces {
  /** rdx is in the page only. */
  readonly saved: number;
  /** rax is the result; rdx is in the page. */
  readonly finish: number;
  /** rsp is in the page. */
  readonly switched: number;
  /** As from `saved` on. */
  readonly publish: number;
  /** The call is in the page; of rax and rdx there is no other copy. */
  readonly published: number;
  /** On the way out. */
  readonly leave: number;
  /** Behind the `out`. */
  readonly sysret: number;
  /** The result is in the page. */
  readonly done: number;
  readonly end: number;
  /** Behind the `out` of level 0, where others are at level 3. */
  readonly leftEmulated: number;
}

function places(userMode: boolean): StubPlaces {
  const a = assemble(pageAddress(0), userMode);
  const at = (label: string): number => a.labelOffset(label);
  return {
    saved: at('saved'),
    finish: at('finish'),
    switched: at('switched'),
    publish: at('publish'),
    published: at('published'),
    leave: at('leave'),
    sysret: at('sysret'),
    done: at('done'),
    end: at('end'),
    leftEmulated: at('leftEmulated'),
  };
}

export const userPlaces: StubPlaces = places(true);
export const kernelPlaces: StubPlaces = places(false);
