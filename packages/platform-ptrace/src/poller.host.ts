/** The tracer's side of the fast path: look for calls in the pages, and now and then for a stop. */
import { Assembler, mem, type NativeFunction } from '@sandbox/native';
import { emitPoll, PagePoller, POLL_OWN, pollFunction } from '@sandbox/platform';
import type { HostThread } from './host-thread.host.js';
import { WALL, WNOHANG } from './layout.js';

const SYS_wait4 = 61;
/** Looks before the tracer goes to sleep: some 30 us. */
const ROUNDS = 1500;
/** Rounds between looks at wait4: 2^9. */
const WAIT_EVERY_BITS = 9;
const POLL_PID = POLL_OWN;
const POLL_STATUS = POLL_OWN + 8;
/** What is found otherwise: a pid above this, whose status is in `Poller.status`. */
export const POLLED_PID = 0x10000;

function buildPoll(): NativeFunction {
  const a = new Assembler();
  a.label('also').mov('eax', SYS_wait4).mov('rdi', mem('rbx', POLL_PID)).lea('rsi', mem('rbx', POLL_STATUS));
  a.mov('edx', WALL | WNOHANG)
    .xor('r10d', 'r10d')
    .syscall();
  a.test('rax', 'rax').jcc('le', 'none-stopped').add('rax', POLLED_PID).label('none-stopped').ret();
  emitPoll(a, WAIT_EVERY_BITS);
  return pollFunction(a);
}

const poll = buildPoll();
/** Looks at the pages of guest threads. */
export class Poller extends PagePoller<HostThread> {
  constructor() {
    super(poll);
  }

  /**
   * Index of a thread in `watched` with a call; POLLED_PID + pid of one of process group `pgid` that stopped;
   * POLLED_NOTHING.
   */
  poll(pgid: number): number {
    this.words[POLL_PID / 4] = -pgid;
    this.words[POLL_PID / 4 + 1] = -1;
    return this.look(ROUNDS);
  }

  get status(): number {
    return this.words[POLL_STATUS / 4];
  }
}
