/**
 * Threads without libc and without JS: bare clones that run a few instructions of ours. They end with the
 * process, or themselves.
 */
import { Assembler, allocatePages, callable, codePage, mem, viewOf } from '@sandbox/native';
import { HostCallError } from '../errors.js';

const SYS_rt_sigprocmask = 14;
const SYS_clone = 56;
const SIG_SETMASK = 2;
/** CLONE_VM | FS | FILES | SIGHAND | THREAD | SYSVSEM */
const FLAGS = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000 | 0x40000;
const STACK_ROOM = 64;

function build(): Uint8Array {
  const a = new Assembler();
  // long start(flags, stack, entry, block, masks): clone with the signal mask at masks; the child jumps to
  // entry with rbx = block.
  a.push('rbx').push('r12').push('r13').push('r14').push('r15');
  a.mov('rbx', 'rcx').mov('r12', 'r8').mov('r13', 'rdi').mov('r14', 'rsi').mov('r15', 'rdx');
  a.mov('eax', SYS_rt_sigprocmask).mov('edi', SIG_SETMASK).mov('rsi', 'r12').lea('rdx', mem('r12', 8));
  a.mov('r10', 8).syscall();
  a.mov('eax', SYS_clone).mov('rdi', 'r13').mov('rsi', 'r14').xor('edx', 'edx').xor('r10d', 'r10d');
  a.xor('r8d', 'r8d').syscall();
  a.test('rax', 'rax').jcc('ne', 'parent').jmpIndirect('r15');
  a.label('parent').mov('r13', 'rax');
  a.mov('eax', SYS_rt_sigprocmask).mov('edi', SIG_SETMASK).lea('rsi', mem('r12', 8)).xor('edx', 'edx');
  a.mov('r10', 8).syscall();
  a.mov('rax', 'r13').pop('r15').pop('r14').pop('r13').pop('r12').pop('rbx').ret();
  return a.assemble();
}

let start: ReturnType<typeof callable> | null = null;
/** The mask of the thread to be, and room for that of this one. */
let masks = 0;
let words: Uint32Array;

/**
 * A new thread: at host address `entry`, with rbx = `block`, a stack of `stackBytes`, and all signals blocked
 * but `signal`. Its id. Throws HostCallError.
 */
export function startThread(entry: number, block: number, stackBytes: number, signal = 0): number {
  if (!start) {
    start = callable(codePage(build()), 5);
    masks = allocatePages(4096);
    words = new Uint32Array(viewOf(masks, 16));
  }
  words.fill(0xffffffff, 0, 2);
  if (signal > 0) words[(signal - 1) >> 5] &= ~(1 << ((signal - 1) & 31));
  const stack = allocatePages(stackBytes) + stackBytes - STACK_ROOM;
  const tid = start(FLAGS, stack, entry, block, masks);
  if (tid < 0) throw new HostCallError('clone', -tid);
  return tid;
}
