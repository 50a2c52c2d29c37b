/** Looks for calls in call pages, and for runs that have ended. */
import { Assembler, mem, type NativeFunction } from '@sandbox/native';
import { emitPoll, PagePoller, POLL_OWN, pollFunction } from '@sandbox/platform';
import type { KvmContext } from './context.host.js';

const POLL_DONE = POLL_OWN;
const POLL_SEEN = POLL_OWN + 8;
/** A run has ended. */
export const POLLED_DONE = 0x10000;

function buildPoll(): NativeFunction {
  const a = new Assembler();
  a.label('also').mov('rdx', mem('rbx', POLL_DONE)).mov('ecx', mem('rdx')).xor('eax', 'eax');
  a.cmp('ecx', mem('rbx', POLL_SEEN)).jcc('e', 'same').mov('eax', POLLED_DONE).label('same').ret();
  emitPoll(a, 0);
  return pollFunction(a);
}

const poll = buildPoll();

export class CallPoller extends PagePoller<KvmContext> {
  /** `done`: host address of a count of runs that ended. */
  constructor(done: number) {
    super(poll);
    this.words[POLL_DONE / 4] = done | 0;
    this.words[POLL_DONE / 4 + 1] = Math.floor(done / 4294967296);
  }

  /**
   * Index of a context in `watched` with a call; POLLED_DONE when the count is no longer `seen`;
   * POLLED_NOTHING.
   */
  poll(seen: number, rounds: number): number {
    this.words[POLL_SEEN / 4] = seen;
    return this.look(rounds);
  }
}
