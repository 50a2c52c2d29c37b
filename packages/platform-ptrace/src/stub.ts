/** The stub: the only code of ours that executes natively in a guest's address space. */
import { Assembler, elfProgram, mem } from '@sandbox/native';
import { emitFastStub, type FastStub, fastStub } from '@sandbox/platform';
import { BOOT_ADDRESS, LIST_ADDRESS, LIST_COUNT } from './layout.js';

const SYS_pause = 34;

export interface Stub {
  readonly code: Uint8Array;
  /** Offset of `syscall; int3`: one system call, then a stop. */
  readonly one: number;
  /**
   * Offset of the list runner: executes the operations of the shared list. Stops by int3, or, when one fails,
   * by ud2 with r13 = operations not done, rax = its result. Resumed after int3 it runs the list again.
   */
  readonly list: number;
  /** The code thunks jump to. */
  readonly fast: FastStub;
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
  emitFastStub(a);
  const at = (label: string): number => a.labelOffset(label);
  return {
    code: a.assemble(),
    one: at('one'),
    list: at('list'),
    fast: fastStub(a),
  };
}

export const stub = build();

/** The stub as a program. */
export function stubElf(): Uint8Array {
  return elfProgram(stub.code, BOOT_ADDRESS);
}
