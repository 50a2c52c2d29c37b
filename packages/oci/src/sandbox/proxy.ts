import type { Socket } from 'node:net';
import { Assembler, mem } from '@sandbox/native';
import { descriptorOf } from '../control/descriptor.js';
import { startSmallProgram } from './small-program.js';

const SYS_read = 0;
const SYS_write = 1;
const SYS_poll = 7;
const SYS_rt_sigprocmask = 14;
const SYS_ioctl = 16;
const SYS_exit_group = 231;
const SYS_signalfd4 = 289;
const TIOCSCTTY = 0x540e;
const POLLIN = 1;
/** Exit status of a program whose supervisor has gone, as if it had been killed. */
const LOST = 137;
/** Most the command that started it may take to end, ms. */
const PARENT_MS = 10_000;

/**
 * A process of the host that stands for one of a guest's: engines wait for its end and send it signals. It
 * passes each signal it gets on to the socket that is its descriptor 0, as a byte, and ends with the status
 * that comes from there, but not before the command that started it has ended, as descriptor 2 tells: that
 * would take note of the status in the engine's place. On a terminal (descriptor 1) it leads the session, and
 * so hears of a new size. A whole node for this would take a hundred times the memory.
 */
function program(): Uint8Array {
  const a = new Assembler();
  const call = (nr: number): void => {
    a.mov('eax', nr).syscall();
  };
  // The stack below rsp: 128 bytes of buffer, two struct pollfds, a set of all signals.
  a.mov('rbp', 'rsp').sub('rsp', 256).and('rsp', -16);
  a.movq(mem('rsp', 160), -1);
  a.mov('edi', 1).mov('esi', TIOCSCTTY).xor('edx', 'edx');
  call(SYS_ioctl);
  a.xor('edi', 'edi').lea('rsi', mem('rsp', 160)).xor('edx', 'edx').mov('r10', 8);
  call(SYS_rt_sigprocmask);
  a.mov('rdi', -1).lea('rsi', mem('rsp', 160)).mov('edx', 8).xor('r10', 'r10');
  call(SYS_signalfd4);
  a.mov('rbx', 'rax');
  a.label('loop');
  a.movd(mem('rsp', 128), 0).movd(mem('rsp', 132), POLLIN);
  a.mov(mem('rsp', 136), 'ebx').movd(mem('rsp', 140), POLLIN);
  a.lea('rdi', mem('rsp', 128)).mov('esi', 2).mov('rdx', -1);
  call(SYS_poll);
  a.mov('eax', mem('rsp', 132)).shr('eax', 16).test('eax', 'eax').jcc('ne', 'told');
  a.mov('rdi', 'rbx').mov('rsi', 'rsp').mov('edx', 128);
  call(SYS_read);
  a.xor('edi', 'edi').mov('rsi', 'rsp').mov('edx', 1);
  call(SYS_write);
  a.jmp('loop');
  a.label('told');
  a.movd(mem('rsp', 0), LOST);
  a.xor('edi', 'edi').mov('rsi', 'rsp').mov('edx', 1);
  call(SYS_read);
  a.movd(mem('rsp', 128), 2).movd(mem('rsp', 132), 0);
  a.lea('rdi', mem('rsp', 128)).mov('esi', 1).mov('edx', PARENT_MS);
  call(SYS_poll);
  a.mov('edi', mem('rsp', 0)).and('edi', 0xff);
  call(SYS_exit_group);
  return a.assemble();
}

/** A process that waits to stand for a guest's. */
export interface Proxy {
  readonly pid: number;
  /** The other end of its socket, for the supervisor. */
  readonly fd: number;
  /** The supervisor has it; this process goes. */
  release(): void;
  kill(): void;
}

/** Start one. `terminal`: the descriptor of the terminal it is to lead, -1: none. Throws Failure. */
export function startProxy(terminal: number): Proxy {
  const child = startSmallProgram(program(), 'sandbox-oci-exec', [
    'pipe',
    terminal < 0 ? 'ignore' : terminal,
    'pipe',
  ]);
  // Open as long as this process is there.
  const life = child.stderr as unknown as Socket;
  life.on('error', () => {}).unref();
  const socket = child.stdin as unknown as Socket;
  return {
    pid: child.pid!,
    fd: descriptorOf(socket),
    release: () => socket.destroy(),
    kill: () => child.kill('SIGKILL'),
  };
}
