import {
  FUTEX_OWNER_DIED,
  FUTEX_TID_MASK,
  FUTEX_WAITERS,
  ROBUST_LIST_HEAD,
  ROBUST_LIST_LIMIT,
} from '@sandbox/abi';
import type { Task } from '../task/task.js';

/** Bit 0 of a list pointer marks a priority-inheriting futex. */
const PI = 1;

/**
 * The robust list of a task that dies or calls exec (get_robust_list(2)): every lock in it that the task
 * holds is marked FUTEX_OWNER_DIED and one waiter woken. The list is the guest's: it may be circular, broken
 * or nonsense, so the walk is bounded and ends at the first bad pointer.
 */
export function exitRobustList(task: Task): void {
  const head = task.robustList;
  if (head === 0) return;
  task.robustList = 0;
  const mm = task.mm;
  let entry = mm.load64(head + ROBUST_LIST_HEAD.list);
  const lo = mm.load32(head + ROBUST_LIST_HEAD.futex_offset);
  const hi = mm.load32(head + ROBUST_LIST_HEAD.futex_offset + 4);
  const pending = mm.load64(head + ROBUST_LIST_HEAD.list_op_pending);
  if (entry < 0 || lo < 0 || hi < 0 || pending < 0) return;
  const offset = (hi | 0) * 4294967296 + lo;
  for (let i = 0; i < ROBUST_LIST_LIMIT; i++) {
    const at = entry - (entry % 2);
    if (at === head) break;
    const next = mm.load64(at);
    // The pending one is dealt with below, whether or not it has been linked.
    if (at !== pending - (pending % 2) && !handleRobustDeath(task, at + offset, entry % 2 === PI, false))
      return;
    if (next < 0) return;
    entry = next;
  }
  if (pending !== 0) handleRobustDeath(task, pending - (pending % 2) + offset, pending % 2 === PI, true);
}

/**
 * One lock word of a dead owner (handle_futex_death). False when its memory is bad, which ends the walk.
 * `pending`: the task was about to lock or unlock it, so it may have left 0 there with waiters still to wake.
 */
export function handleRobustDeath(task: Task, addr: number, pi: boolean, pending: boolean): boolean {
  if (addr % 4 !== 0) return false;
  const futexes = task.kernel.futexes;
  for (let tries = 0; tries < 128; tries++) {
    const value = task.mm.load32(addr);
    if (value < 0) return false;
    const owner = value & FUTEX_TID_MASK;
    if (pending && !pi && owner === 0) {
      futexes.wakeAddress(task, addr, 1);
      return true;
    }
    if (owner !== task.ownTid) return true;
    const at = task.mm.translate(addr, true);
    if (at < 0) return false;
    const marked = ((value & FUTEX_WAITERS) | FUTEX_OWNER_DIED) >>> 0;
    if (!futexes.words.replace(at, value, marked)) continue;
    if (!pi && (value & FUTEX_WAITERS) !== 0) futexes.wakeAddress(task, addr, 1);
    return true;
  }
  return true;
}
