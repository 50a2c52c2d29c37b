/** The stub: the only code of ours that executes natively in a guest's address space. */
import { Assembler, elfProgram, mem, memSegment } from '@sandbox/native';
import { hasFsGsBase } from './fast/cpu-features.host.js';
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
} from './fast/page-layout.js';
import { BOOT_ADDRESS, LIST_ADDRESS, LIST_COUNT } from './layout.js';

const SYS_pause = 34;
/** No system call: under SYSEMU any `syscall` is a stop. */
const PARK_NR = 0x7000;

export interface Stub {
  readonly code: Uint8Array;
  /** Offset of `syscall; int3`: one system call, then a stop. */
  readonly one: number;
  /**
   * Offset of the list runner: executes the operations of the shared list. Stops by int3, or, when one fails, by ud2 with r13 = operations
   * not done, rax = its result. Resumed after int3 it runs the list again.
   */
  readonly list: number;
  /** Where thunks go whose call number is not known beforehand: as `fast`, but looks for an answer in the page first. */
  readonly answer: number;
  /** It has one, in rax, and goes on behind the site. */
  readonly answered: number;
  /** Offset where the thunks of patched sites jump to: rax = call number, rcx = where to go afterwards. */
  readonly fast: number;
  /** From here on all registers are saved in the thread's page. */
  readonly fastSaved: number;
  /** The call is published from here on. */
  readonly fastPublished: number;
  /** The answer has been seen: from here on registers are being restored. */
  readonly fastDone: number;
  /** The same where all of them are loaded from the page. */
  readonly fastRestore: number;
  readonly fastEnd: number;
}

function build(): Stub {
  const a = new Assembler();
  // Entry: nothing to do until the tracer takes over.
  a.label('pause').mov('eax', SYS_pause).syscall().jmp('pause');
  a.align(16).label('one').syscall().int3();
  a.align(16).label('list').mov('r12', LIST_ADDRESS).mov('r13', mem('r12', LIST_COUNT));
  a.label('operation')
    .mov('rax', mem('r12', 0))
    .mov('rdi', mem('r12', 8))
    .mov('rsi', mem('r12', 16))
    .mov('rdx', mem('r12', 24));
  a.mov('r10', mem('r12', 32)).mov('r8', mem('r12', 40)).mov('r9', mem('r12', 48)).syscall();
  // Errors are the top 4095 values.
  a.cmp('rax', -4095).jcc('ae', 'failed').add('r12', 56).dec('r13').jcc('ne', 'operation');
  a.int3().jmp('list').label('failed').db(0x0f, 0x0b);
  fastPath(a);
  const at = (label: string): number => a.labelOffset(label);
  return {
    code: a.assemble(),
    one: at('one'),
    list: at('list'),
    answer: at('answer'),
    answered: at('answered'),
    fast: at('fast'),
    fastSaved: at('saved'),
    fastPublished: at('published'),
    fastDone: at('done'),
    fastRestore: at('restore'),
    fastEnd: at('fast-end'),
  };
}

/** Save, publish, spin a while, else park; then restore. The thread's page is at the GS base. */
function fastPath(a: Assembler): void {
  const saved = (name: (typeof SAVED)[number][0]) => memSegment('gs', savedOffset(name));
  // Only sites whose next instruction sets the flags come here.
  a.align(64).label('answer').cmp('eax', ANSWERS_COUNT).jcc('ae', 'fast').mov('r11d', 'eax');
  a.db(0x65, 0x46, 0x8b, 0x1c, 0x9d).dd(ANSWERS); // mov r11d, gs:[r11*4 + ANSWERS]
  a.test('r11d', 'r11d').jcc('e', 'fast').lea('rax', mem('r11', -1));
  a.label('answered').jmpIndirect('rcx');
  a.align(64).label('fast');
  // The line the tracer looks at comes last: with each of its looks it takes a copy of it.
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
  a.mov('eax', PARK_NR).syscall().jmp('park');
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

export const stub = build();

/** The stub as a program. */
export function stubElf(): Uint8Array {
  return elfProgram(stub.code, BOOT_ADDRESS);
}
