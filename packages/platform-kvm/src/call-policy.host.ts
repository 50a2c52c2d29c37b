/**
 * Whether guests publish their calls in call pages and wait there, with a processor for each side, or leave
 * the virtual machine.
 */
import { availableParallelism } from 'node:os';
import { SpinPolicy } from '@sandbox/platform';

/**
 * What a call in shared memory costs beyond that of entering its stub, and the gain worth another processor,
 * in nanoseconds.
 */
const LOOKING = 1000;
const WORTH_IT = 2000;
/**
 * Calls in a slice that show that a guest does little else: at most that many, or what takes a part of the
 * slice's time.
 */
const BEGIN_CALLS = 24;
const BEGIN_TIME = 600_000;

/** `ns`: what leaving the virtual machine for a call costs more than not doing so. */
export function callPolicy(ns: number): SpinPolicy {
  const hit = (ns - LOOKING) / 1000;
  // What leaves after all has another thread to be woken, and then that one again: as much as two exits, and
  // more.
  const leaving = -10 - 2 * hit;
  const possible = availableParallelism() > 1 && ns >= WORTH_IT;
  return new SpinPolicy(possible, {
    hit,
    miss: -30 - hit,
    slowStop: leaving,
    list: -8,
    park: leaving,
    beginCalls: Math.min(BEGIN_CALLS, Math.max(2, Math.floor(BEGIN_TIME / ns))),
  });
}
