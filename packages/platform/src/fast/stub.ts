/**
 * The code patched call sites come to, by way of their thunks: part of a page every guest has at
 * CODE_ADDRESS.
 */
import { type Assembler, mem, memSegment } from '@sandbox/native';
import { hasFsGsBase } from './cpu-features.host.js';
import {
  ANSWERS,
  ANSWERS_COUNT,
  AWAKE,
  CALL,
  FEATURES,
  FPU_AREA,
  FS_BASE,
  LOAD_FPU,
  PARKED,
  RESTORE,
  RIP,
  SAVE_FPU,
  SAVED,
  SELF,
  SPIN,
  STACK_TOP,
  STATE,
  savedOffset,
} from './page-layout.js';

/** No system call of Linux's: by it guests stop to wait for an answer. */
export const PARK_NR = 0x7000;

/** Offsets in the page of code. */
export interface FastStub {
  /**
   * Where thunks go whose call number is not known beforehand: as `entry`, but looks for an answer in the
   * page first.
   */
  readonly answer: number;
  /** It has one, in rax, and goes on behind the site. */
  readonly answered: number;
  /** Where the thunks of patched sites jump to: rax = call number, rcx = where to go afterwards. */
  readonly entry: number;
  /** From here on all registers are saved in the thread's page. */
  readonly saved: number;
  /** The call is published from here on. */
  readonly published: number;
  /** Behind the `syscall` by which it stops when nobody looks. */
  readonly parked: number;
  /** The answer has been seen: from here on registers are being restored. */
  readonly done: number;
  /** The same where all of them are loaded from the page. */
  readonly restore: number;
  readonly end: number;
}

/** Save, publish, spin a while, else park; then restore. The thread's page is at the GS base. */
export function emitFastStub(a: Assembler): void {
  const saved = (name: (typeof SAVED)[number][0]) => memSegment('gs', savedOffset(name));
  // Only sites whose next instruction sets the flags come here.
  a.align(64).label('answer').cmp('eax', ANSWERS_COUNT).jcc('ae', 'fast').mov('r11d', 'eax');
  a.db(0x65, 0x46, 0x8b, 0x1c, 0x9d).dd(ANSWERS); // mov r11d, gs:[r11*4 + ANSWERS]
  a.test('r11d', 'r11d').jcc('e', 'fast').lea('rax', mem('r11', -1));
  a.label('answered').jmpIndirect('rcx');
  a.align(64).label('fast');
  // The line the driver looks at comes last: with each of its looks it takes a copy of it.
  for (const [name] of [...SAVED].reverse()) a.mov(saved(name), name);
  a.label('saved').mov('rbx', memSegment('gs', SELF)).lea('rsp', mem('rbx', STACK_TOP)).pushfq();
  if (hasFsGsBase) a.rdfsbase('rax').mov(mem('rbx', FS_BASE), 'rax');
  a.mov('eax', CALL).xchg(mem('rbx', STATE), 'eax');
  a.label('published').cmpd(mem('rbx', AWAKE), 0).jcc('e', 'park').mov('ecx', mem('rbx', SPIN));
  a.label('spin').mov('eax', mem('rbx', STATE)).test('eax', 'eax').jcc('e', 'done');
  a.cmp('eax', CALL).jcc('ne', 'park').pause().dec('ecx').jcc('ne', 'spin');
  a.label('park').mov('eax', mem('rbx', STATE)).test('eax', 'eax').jcc('e', 'done');
  a.test('eax', RESTORE).jcc('ne', 'restore').cmp('eax', SAVE_FPU).jcc('e', 'save');
  a.mov('edx', CALL | PARKED)
    .lockCmpxchg(mem('rbx', STATE), 'edx')
    .jcc('ne', 'park');
  a.mov('eax', PARK_NR).syscall().label('parked').jmp('park');
  a.label('save').mov('eax', mem('rbx', FEATURES)).xor('edx', 'edx').xsave(mem('rbx', FPU_AREA));
  a.mov('eax', CALL).xchg(mem('rbx', STATE), 'eax').mov('ecx', mem('rbx', SPIN)).jmp('spin');

  a.label('done').mov('r11', mem('rsp')).popfq();
  a.mov('rax', saved('rax')).mov('rdx', saved('rdx')).mov('rsp', saved('rsp')).mov('rcx', saved('rcx'));
  a.mov('rbx', saved('rbx')).jmpIndirect('rcx');

  a.label('restore').test('eax', LOAD_FPU).jcc('e', 'loaded');
  a.mov('eax', mem('rbx', FEATURES)).xor('edx', 'edx').xrstor(mem('rbx', FPU_AREA));
  a.label('loaded').xor('eax', 'eax').xchg(mem('rbx', STATE), 'eax');
  if (hasFsGsBase) a.mov('rax', mem('rbx', FS_BASE)).wrfsbase('rax');
  a.popfq();
  for (const [name] of SAVED) a.mov(name, saved(name));
  a.jmpIndirect(memSegment('gs', RIP)).label('fast-end');
}

/** Where `emitFastStub` put what, once the code is assembled. */
export function fastStub(a: Assembler): FastStub {
  const at = (label: string): number => a.labelOffset(label);
  return {
    answer: at('answer'),
    answered: at('answered'),
    entry: at('fast'),
    saved: at('saved'),
    published: at('published'),
    parked: at('parked'),
    done: at('done'),
    restore: at('restore'),
    end: at('fast-end'),
  };
}
