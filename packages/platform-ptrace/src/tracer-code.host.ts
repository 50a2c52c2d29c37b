/** The tracer's hot path as machine code: one native call for resume, wait and fetch. */
import { Assembler, callable, codePage, mem, type NativeFunction } from '@sandbox/native';
import {
  BLOCK_FLAGS,
  BLOCK_INFO,
  BLOCK_PID,
  BLOCK_RAX,
  BLOCK_REGS,
  BLOCK_STATUS,
  PTRACE_CONT,
  PTRACE_GET_SYSCALL_INFO,
  PTRACE_POKEUSER,
  PTRACE_SETREGS,
  PTRACE_SYSEMU,
  REG_RAX,
  RUN_SET_REGS,
  STATUS_SYSCALL,
  WALL,
} from './layout.js';

const SYS_wait4 = 61;
const SYS_ptrace = 101;
const EINTR = 4;

function build(): { code: Uint8Array; resume: number; run: number; continue: number } {
  const a = new Assembler();
  // long resume(block): write back registers as the flags say, then PTRACE_SYSEMU. 0 or -errno.
  a.label('resume').push('rbx').mov('rbx', 'rdi').call('go').pop('rbx').ret();

  a.align(16).label('go').mov('rax', mem('rbx', BLOCK_FLAGS));
  a.test('eax', 'eax').jcc('e', 'sysemu');
  a.mov('rsi', mem('rbx', BLOCK_PID)).mov('r9', 'rax');
  a.test('rax', RUN_SET_REGS).jcc('ne', 'setregs');
  a.mov('eax', SYS_ptrace)
    .mov('edi', PTRACE_POKEUSER)
    .mov('edx', REG_RAX * 8)
    .mov('r10', mem('rbx', BLOCK_RAX))
    .syscall();
  a.jmp('wrote');
  a.label('setregs')
    .mov('eax', SYS_ptrace)
    .mov('edi', PTRACE_SETREGS)
    .xor('edx', 'edx')
    .lea('r10', mem('rbx', BLOCK_REGS))
    .syscall();
  a.label('wrote').test('rax', 'rax').jcc('s', 'gone').movq(mem('rbx', BLOCK_FLAGS), 0);
  a.label('sysemu')
    .mov('eax', SYS_ptrace)
    .mov('edi', PTRACE_SYSEMU)
    .mov('rsi', mem('rbx', BLOCK_PID))
    .xor('edx', 'edx');
  a.xor('r10d', 'r10d').syscall();
  a.label('gone').ret();

  // long run(block): resume, wait for this thread, fetch the call if it stopped for one. pid or -errno.
  a.align(16).label('run').push('rbx').mov('rbx', 'rdi').call('go').test('rax', 'rax').jcc('s', 'out');
  a.label('wait')
    .mov('eax', SYS_wait4)
    .mov('rdi', mem('rbx', BLOCK_PID))
    .lea('rsi', mem('rbx', BLOCK_STATUS))
    .mov('edx', WALL);
  a.xor('r10d', 'r10d').syscall().test('rax', 'rax').jcc('s', 'out');
  a.cmpd(mem('rbx', BLOCK_STATUS), STATUS_SYSCALL).jcc('ne', 'out').push('rax');
  a.mov('eax', SYS_ptrace)
    .mov('edi', PTRACE_GET_SYSCALL_INFO)
    .mov('rsi', mem('rbx', BLOCK_PID))
    .mov('edx', 88);
  a.lea('r10', mem('rbx', BLOCK_INFO)).syscall().pop('rax');
  a.label('out').pop('rbx').ret();

  // long continue(block): PTRACE_CONT, wait for this thread. pid (status in the block) or -errno, never
  // EINTR.
  a.align(16).label('continue').push('rbx').mov('rbx', 'rdi');
  a.mov('eax', SYS_ptrace)
    .mov('edi', PTRACE_CONT)
    .mov('rsi', mem('rbx', BLOCK_PID))
    .xor('edx', 'edx')
    .xor('r10d', 'r10d');
  a.syscall().test('rax', 'rax').jcc('s', 'continued');
  a.label('again')
    .mov('eax', SYS_wait4)
    .mov('rdi', mem('rbx', BLOCK_PID))
    .lea('rsi', mem('rbx', BLOCK_STATUS))
    .mov('edx', WALL);
  a.xor('r10d', 'r10d').syscall().cmp('rax', -EINTR).jcc('e', 'again');
  a.label('continued').pop('rbx').ret();
  return {
    code: a.assemble(),
    continue: a.labelOffset('continue'),
    resume: a.labelOffset('resume'),
    run: a.labelOffset('run'),
  };
}

const built = build();
const base = codePage(built.code);

/** resume(blockAddress): 0 or -errno */
export const nativeResume: NativeFunction = callable(base + built.resume, 1);
/** run(blockAddress): the pid that stopped, or -errno (EINTR: still running) */
export const nativeRun: NativeFunction = callable(base + built.run, 1);
/**
 * continue(blockAddress): PTRACE_CONT and wait for the next stop, whose status is in the block then; the pid,
 * or -errno
 */
export const nativeContinue: NativeFunction = callable(base + built.continue, 1);
