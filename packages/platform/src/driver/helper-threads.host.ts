/**
 * Two native helper threads per JS thread that let a platform sleep without polling: one waits for a stopped
 * child, one for a point in time; both wake Node's event loop through a pipe. They end with the process, or
 * when `stop` is called.
 */
import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';
import { Assembler, allocatePages, codePage, hostSyscall, mem, viewOf } from '@sandbox/native';
import { HostCallError } from '../errors.js';
import { startThread } from './native-thread.host.js';

const SYS_write = 1;
const SYS_close = 3;
const SYS_exit = 60;
const SYS_futex = 202;
const SYS_waitid = 247;
const SYS_pipe2 = 293;
const O_NONBLOCK_CLOEXEC = 0o2004000;
const P_PGID = 2;
/** WEXITED | WSTOPPED | WNOWAIT | __WALL */
const WAIT_OPTIONS = 0x4 | 0x2 | 0x01000000 | 0x40000000;
const FUTEX_WAIT = 0;
const FUTEX_WAKE = 1;
/** Absolute CLOCK_MONOTONIC timeout. */
const FUTEX_WAIT_BITSET = 9;
const ETIMEDOUT = 110;

// Control block layout (bytes).
const STATE = 0;
const PGID = 8;
const PIPE = 16;
const SEQUENCE = 64;
const ALARMED = 68;
const DEADLINE = 72;

const STACK_BYTES = 8192;

const IDLE = 0;
const ARMED = 1;
const EXIT = 2;

interface HelperCode {
  readonly code: Uint8Array;
  readonly waiter: number;
  readonly alarm: number;
}

function buildCode(): HelperCode {
  const a = new Assembler();
  a.label('wake')
    .mov('eax', SYS_write)
    .mov('edi', mem('rbx', PIPE))
    .lea('rsi', mem('rbx', PIPE))
    .mov('edx', 1);
  a.syscall().ret();

  a.align(16)
    .label('waiter')
    .mov('eax', mem('rbx', STATE))
    .cmp('eax', ARMED)
    .jcc('e', 'armed')
    .cmp('eax', EXIT)
    .jcc('e', 'exit');
  a.mov('eax', SYS_futex)
    .lea('rdi', mem('rbx', STATE))
    .mov('esi', FUTEX_WAIT)
    .mov('edx', IDLE)
    .xor('r10d', 'r10d')
    .syscall();
  a.jmp('waiter');
  a.label('armed').mov('eax', SYS_waitid).mov('edi', P_PGID).mov('rsi', mem('rbx', PGID)).xor('edx', 'edx');
  a.mov('r10', WAIT_OPTIONS).xor('r8d', 'r8d').syscall();
  a.mov('eax', ARMED).xor('ecx', 'ecx').lockCmpxchg(mem('rbx', STATE), 'ecx');
  a.call('wake').jmp('waiter');
  a.label('exit').mov('eax', SYS_exit).xor('edi', 'edi').syscall();

  a.align(16).label('alarm').mov('r12d', mem('rbx', SEQUENCE)).cmpd(mem('rbx', STATE), EXIT).jcc('e', 'exit');
  a.xor('r10d', 'r10d').cmpd(mem('rbx', ALARMED), 0).jcc('e', 'sleep').lea('r10', mem('rbx', DEADLINE));
  a.label('sleep')
    .mov('eax', SYS_futex)
    .lea('rdi', mem('rbx', SEQUENCE))
    .mov('esi', FUTEX_WAIT_BITSET)
    .mov('edx', 'r12d');
  a.xor('r8d', 'r8d').mov('r9', -1).syscall();
  a.cmp('rax', -ETIMEDOUT).jcc('ne', 'alarm').movd(mem('rbx', ALARMED), 0).call('wake').jmp('alarm');
  return {
    code: a.assemble(),
    waiter: a.labelOffset('waiter'),
    alarm: a.labelOffset('alarm'),
  };
}

let codeBase = 0;
const built = buildCode();

/** The pair of helper threads and the pipe by which they wake this JS thread. */
export class HelperThreads {
  private readonly control = allocatePages(4096);
  private readonly words = new Int32Array(viewOf(this.control, 4096));
  private readonly socket: Socket;
  private alarmAt = Number.POSITIVE_INFINITY;
  /** A byte written to it wakes the loop, from whatever thread. */
  readonly writeFd: number;

  constructor(onWake: () => void) {
    const words = this.words;
    const r = hostSyscall(SYS_pipe2, this.control + PIPE, O_NONBLOCK_CLOEXEC);
    if (r < 0) throw new HostCallError('pipe2', -r);
    const readFd = words[PIPE / 4];
    this.writeFd = words[PIPE / 4 + 1];
    words[PIPE / 4] = this.writeFd;
    const buffer = new Uint8Array(64);
    const options: SocketConstructorOpts & { onread: OnReadOpts } = {
      fd: readFd,
      readable: true,
      writable: false,
      onread: {
        buffer,
        callback: () => {
          onWake();
          return true;
        },
      },
    };
    this.socket = new Socket(options);
    this.socket.unref();
    if (codeBase === 0) codeBase = codePage(built.code);
    startThread(codeBase + built.waiter, this.control, STACK_BYTES);
    startThread(codeBase + built.alarm, this.control, STACK_BYTES);
  }

  /** Keep Node's loop alive, or not. */
  setReferenced(on: boolean): void {
    if (on) this.socket.ref();
    else this.socket.unref();
  }

  /** Wake the loop when any child of process group `pgid` can be waited for. One wake-up an arming. */
  armWaiter(pgid: number): void {
    this.words[PGID / 4] = pgid;
    if (Atomics.compareExchange(this.words, STATE / 4, IDLE, ARMED) === IDLE) {
      hostSyscall(SYS_futex, this.control + STATE, FUTEX_WAKE, 1);
    }
  }

  /**
   * Wake the loop at `when` (CLOCK_MONOTONIC ns) at the latest. An earlier alarm that is already set stays.
   */
  setAlarm(when: number): void {
    if (Atomics.load(this.words, ALARMED / 4) !== 0 && when >= this.alarmAt) return;
    this.alarmAt = when;
    const seconds = Math.floor(when / 1e9);
    this.words[DEADLINE / 4] = seconds;
    this.words[DEADLINE / 4 + 1] = 0;
    this.words[DEADLINE / 4 + 2] = Math.floor(when - seconds * 1e9);
    this.words[DEADLINE / 4 + 3] = 0;
    Atomics.store(this.words, ALARMED / 4, 1);
    Atomics.add(this.words, SEQUENCE / 4, 1);
    hostSyscall(SYS_futex, this.control + SEQUENCE, FUTEX_WAKE, 1);
  }

  /** End both threads and close the pipe. The waiter leaves when its children are gone or change. */
  stop(): void {
    Atomics.store(this.words, STATE / 4, EXIT);
    Atomics.add(this.words, SEQUENCE / 4, 1);
    hostSyscall(SYS_futex, this.control + STATE, FUTEX_WAKE, 1);
    hostSyscall(SYS_futex, this.control + SEQUENCE, FUTEX_WAKE, 1);
    this.socket.destroy();
    hostSyscall(SYS_close, this.writeFd);
  }
}
