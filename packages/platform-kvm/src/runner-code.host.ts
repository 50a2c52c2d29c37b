/**
 * Threads that run virtual CPUs: bare ones (see `startThread`). One is given a virtual CPU, runs it once,
 * says that it is done, and wakes the thread of the event loop from whatever that waits in.
 */
import { Assembler, codePage, mem } from '@sandbox/native';
import { KVM_RUN, RUN_IMMEDIATE_EXIT, SYS_ioctl } from './abi.js';

const SYS_write = 1;
const SYS_exit = 60;
const SYS_futex = 202;
const SYS_tgkill = 234;
const FUTEX_WAIT = 0;
const FUTEX_WAKE = 1;

// What all runners of a JS thread share, byte offsets.
/** What the thread of the event loop does, see below. */
export const SHARED_STATE = 0;
/** Runs that ended so far. */
export const SHARED_DONE = 4;
/** Descriptor that wakes the event loop. */
export const SHARED_PIPE = 8;
export const SHARED_PID = 16;
export const SHARED_TID = 24;
export const SHARED_SIGNAL = 32;
/** Shared state of the virtual CPU the loop's thread runs itself. */
export const SHARED_RUN = 40;
/** How many runners there are. */
export const SHARED_COUNT = 48;
/** Where the first runner's block is. */
export const SHARED_BYTES = 128;

/** It looks for itself. */
export const LOOP_AWAKE = 0;
export const LOOP_WAITS = 1;
export const LOOP_RUNS = 2;
export const LOOP_AWAY = 3;

// One runner.
export const RUNNER_STATE = 0;
export const RUNNER_DONE = 4;
export const RUNNER_FD = 8;
export const RUNNER_RESULT = 16;
export const RUNNER_SHARED = 24;
export const RUNNER_TID = 32;
/** Shared state of the virtual CPU it was given last. */
export const RUNNER_RUN = 40;
export const RUNNER_BYTES = 64;

export const RUNNER_IDLE = 0;
export const RUNNER_GO = 1;
export const RUNNER_EXIT = 2;

function build() {
  const a = new Assembler();
  // rbx = block
  a.mov('r12', mem('rbx', RUNNER_SHARED));
  a.label('next').mov('eax', mem('rbx', RUNNER_STATE)).cmp('eax', RUNNER_GO).jcc('e', 'go');
  a.cmp('eax', RUNNER_EXIT).jcc('e', 'exit');
  a.mov('eax', SYS_futex)
    .lea('rdi', mem('rbx', RUNNER_STATE))
    .mov('esi', FUTEX_WAIT)
    .mov('edx', RUNNER_IDLE)
    .xor('r10d', 'r10d')
    .syscall();
  a.jmp('next');
  a.label('exit').mov('eax', SYS_exit).xor('edi', 'edi').syscall();

  a.label('go')
    .mov('eax', SYS_ioctl)
    .mov('rdi', mem('rbx', RUNNER_FD))
    .mov('esi', KVM_RUN)
    .xor('edx', 'edx')
    .syscall();
  // Idle now, unless it is to exit.
  a.mov(mem('rbx', RUNNER_RESULT), 'rax')
    .mov('eax', RUNNER_GO)
    .mov('ecx', RUNNER_IDLE)
    .lockCmpxchg(mem('rbx', RUNNER_STATE), 'ecx');
  a.movd(mem('rbx', RUNNER_DONE), 1);
  // lock inc dword [r12 + SHARED_DONE]
  a.db(0xf0, 0x41, 0xff, 0x44, 0x24, SHARED_DONE);
  a.mov('ecx', LOOP_AWAKE).xchg(mem('r12', SHARED_STATE), 'ecx');
  a.cmp('ecx', LOOP_WAITS)
    .jcc('e', 'wake')
    .cmp('ecx', LOOP_RUNS)
    .jcc('e', 'kick')
    .cmp('ecx', LOOP_AWAY)
    .jcc('e', 'pipe');
  a.jmp('next');
  a.label('wake')
    .mov('eax', SYS_futex)
    .lea('rdi', mem('r12', SHARED_STATE))
    .mov('esi', FUTEX_WAKE)
    .mov('edx', 1)
    .syscall();
  a.jmp('next');
  // mov byte [rax + RUN_IMMEDIATE_EXIT], 1
  a.label('kick').mov('rax', mem('r12', SHARED_RUN)).db(0xc6, 0x40, RUN_IMMEDIATE_EXIT, 1);
  a.mov('eax', SYS_tgkill)
    .mov('rdi', mem('r12', SHARED_PID))
    .mov('rsi', mem('r12', SHARED_TID))
    .mov('rdx', mem('r12', SHARED_SIGNAL))
    .syscall();
  a.jmp('next');
  a.label('pipe')
    .mov('eax', SYS_write)
    .mov('rdi', mem('r12', SHARED_PIPE))
    .lea('rsi', mem('r12', SHARED_PIPE))
    .mov('edx', 1)
    .syscall();
  a.jmp('next');

  // void end(shared): all runners are to exit, now.
  a.align(16).label('end').push('rbx').push('r12').push('r13');
  a.mov('rbx', 'rdi').mov('r12d', mem('rbx', SHARED_COUNT)).lea('r13', mem('rbx', SHARED_BYTES));
  a.label('each').cmp('r12d', 0).jcc('e', 'all');
  a.mov('ecx', RUNNER_EXIT).xchg(mem('r13', RUNNER_STATE), 'ecx');
  a.mov('rax', mem('r13', RUNNER_RUN)).test('rax', 'rax').jcc('e', 'idle');
  a.db(0xc6, 0x40, RUN_IMMEDIATE_EXIT, 1);
  a.mov('eax', SYS_tgkill)
    .mov('rdi', mem('rbx', SHARED_PID))
    .mov('rsi', mem('r13', RUNNER_TID))
    .mov('rdx', mem('rbx', SHARED_SIGNAL))
    .syscall();
  a.label('idle')
    .mov('eax', SYS_futex)
    .lea('rdi', mem('r13', RUNNER_STATE))
    .mov('esi', FUTEX_WAKE)
    .mov('edx', 1)
    .syscall();
  a.add('r13', RUNNER_BYTES).add('r12d', -1).jmp('each');
  a.label('all').pop('r13').pop('r12').pop('rbx').ret();
  return { code: a.assemble(), end: a.labelOffset('end') };
}

const { code, end } = build();
/** Where a runner's thread begins, with rbx = its block. */
export const runnerEntry = codePage(code);
/** For `onThreadExit`: without the thread of the event loop nobody would ever stop what they run. */
export const endRunners = runnerEntry + end;
