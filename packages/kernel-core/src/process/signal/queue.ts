import { SI_USER, SIGRTMIN } from '@sandbox/abi';
import { SYNCHRONOUS } from './defaults.js';
import { type SigInfo, siginfo } from './siginfo.js';
import type { SigPending } from './signal-state.js';
import { lowestSignal, type SigSet } from './sigset.js';

/** Queued signals of all users together, whatever RLIMIT_SIGPENDING a privileged guest gave itself. */
const TOTAL_MAX = 65536;

/** Counts queued signals a user (RLIMIT_SIGPENDING, getrlimit(2)). */
export class SignalAccounts {
  private readonly byUser = new Map<number, number>();
  private total = 0;

  count(uid: number): number {
    return this.byUser.get(uid) ?? 0;
  }

  /** Count one more for `uid`; false when that passes `limit`. */
  charge(uid: number, limit: number): boolean {
    const n = this.count(uid);
    if (n >= limit || this.total >= TOTAL_MAX) return false;
    this.byUser.set(uid, n + 1);
    this.total++;
    return true;
  }

  release(uid: number): void {
    const n = this.count(uid) - 1;
    if (n > 0) this.byUser.set(uid, n);
    else this.byUser.delete(uid);
    this.total--;
  }
}

function leave(info: SigInfo, accounts: SignalAccounts, delivered: boolean): void {
  info.queued = false;
  if (info.account >= 0) {
    accounts.release(info.account);
    info.account = -1;
  }
  info.source?.dequeued(info, delivered);
}

/**
 * The pending signal that is taken first, leaving out those of `blocked`: faults, then by number. 0: none.
 */
export function nextSignal(pending: SigPending, blockedLo: number, blockedHi: number): number {
  const lo = pending.set.lo & ~blockedLo;
  const hi = pending.set.hi & ~blockedHi;
  const sync = lo & SYNCHRONOUS.lo;
  return sync !== 0 ? lowestSignal(sync, 0) : lowestSignal(lo, hi);
}

/** A queued fault of the current instruction (a positive code tells it from one that was sent), or 0. */
export function nextSynchronous(pending: SigPending, blockedLo: number): number {
  if ((pending.set.lo & SYNCHRONOUS.lo & ~blockedLo) === 0) return 0;
  for (const info of pending.queue) {
    if (info.code > SI_USER && info.signo < SIGRTMIN && SYNCHRONOUS.has(info.signo)) {
      if (((blockedLo >>> (info.signo - 1)) & 1) === 0) return info.signo;
    }
  }
  return 0;
}

/** Take the oldest `sig`, which is pending. One whose details were not queued comes as if from nobody. */
export function collect(pending: SigPending, sig: number, accounts: SignalAccounts): SigInfo {
  const queue = pending.queue;
  let found = -1;
  let more = false;
  for (let i = 0; i < queue.length; i++) {
    if (queue[i].signo !== sig) continue;
    if (found < 0) found = i;
    else {
      more = true;
      break;
    }
  }
  if (!more) pending.set.delete(sig);
  if (found < 0) return siginfo(sig, SI_USER);
  const info = queue[found];
  queue.splice(found, 1);
  leave(info, accounts, true);
  return info;
}

/** Drop one queued signal. False when it is not here. */
export function remove(pending: SigPending, info: SigInfo, accounts: SignalAccounts): boolean {
  const at = pending.queue.indexOf(info);
  if (at < 0) return false;
  pending.queue.splice(at, 1);
  if (!pending.queue.some((other) => other.signo === info.signo)) pending.set.delete(info.signo);
  leave(info, accounts, false);
  return true;
}

/** Drop all pending signals of `set`. */
export function flush(pending: SigPending, set: SigSet, accounts: SignalAccounts): void {
  if (!pending.set.meets(set)) return;
  pending.set.subtract(set);
  const queue = pending.queue;
  let kept = 0;
  for (let i = 0; i < queue.length; i++) {
    const info = queue[i];
    if (set.has(info.signo)) leave(info, accounts, false);
    else queue[kept++] = info;
  }
  queue.length = kept;
}

/** Drop everything: the owner is gone. */
export function flushAll(pending: SigPending, accounts: SignalAccounts): void {
  pending.set.clear();
  for (const info of pending.queue) leave(info, accounts, false);
  pending.queue.length = 0;
}
