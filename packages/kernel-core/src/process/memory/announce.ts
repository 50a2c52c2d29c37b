import {
  MADV_DONTNEED,
  MADV_DONTNEED_LOCKED,
  MADV_FREE,
  MADV_REMOVE,
  UFFD_EVENT_REMOVE,
  UFFD_FEATURE_EVENT_REMOVE,
} from '@sandbox/abi';
import { BLOCKED } from '../../call/result.js';
import { pageCeil } from '../../mm/layout.js';
import type { MemoryManager } from '../../mm/memory-manager.js';
import type { Announcement } from '../../mm/userfault-server.js';
import { VM_LOCKED } from '../../mm/vma.js';
import type { Task } from '../task/task.js';
import { type MemoryEvent, pageServer } from './page-server.js';

/** A call that did its work, but whoever serves faults of the memory has to hear of it before it ends. */
class Announcing {
  constructor(
    readonly events: readonly MemoryEvent[],
    readonly result: number,
  ) {}
}

/**
 * A call changed mappings: its `result`, or BLOCKED until programs that serve faults there have heard of it.
 */
export function announce(task: Task, result: number): number {
  const { announcements } = task.mm;
  if (announcements.length === 0) return result;
  task.mm.announcements = [];
  return tell(task, announcements, result);
}

/** The same where nobody can wait. */
export function announceOnly(mm: MemoryManager): void {
  const { announcements } = mm;
  mm.announcements = [];
  for (const a of announcements) pageServer(a.server).tell(a, null);
}

function tell(task: Task, what: readonly Announcement[], result: number): number {
  const events: MemoryEvent[] = [];
  for (const a of what) events.push(pageServer(a.server).tell(a, task));
  task.wait.data = new Announcing(events, result);
  return BLOCKED;
}

/** Is this run of a handler the continuation of one that announced something? `announced` goes on with it. */
export function isAnnouncing(task: Task): boolean {
  return task.wait.round > 0 && task.wait.data instanceof Announcing;
}

/** The call's result once all is heard, else BLOCKED. Only the end of the process lets it go earlier. */
export function announced(task: Task): number {
  const { events, result } = task.wait.data as Announcing;
  for (const e of events) {
    if (e.done) continue;
    if (!task.signals.exiting) return BLOCKED;
    e.server.giveUp(e);
  }
  return result;
}

const REMOVES: readonly number[] = [MADV_DONTNEED, MADV_DONTNEED_LOCKED, MADV_FREE, MADV_REMOVE];

/**
 * madvise(2) is about to take memory away: BLOCKED until those have heard of it who want to, 0 when there is
 * nobody.
 */
export function announceRemoval(task: Task, addr: number, length: number, advice: number): number {
  if (!REMOVES.includes(advice)) return 0;
  const end = addr + pageCeil(length);
  const what: Announcement[] = [];
  for (let vma = task.mm.vmas.lowerBound(addr); vma !== null && vma.start < end; vma = vma.next) {
    const server = vma.uffd;
    if (server === null || (server.features & UFFD_FEATURE_EVENT_REMOVE) === 0) continue;
    if ((vma.flags & VM_LOCKED) !== 0 && advice !== MADV_DONTNEED_LOCKED) break;
    const a = Math.max(vma.start, addr);
    what.push({ server, event: UFFD_EVENT_REMOVE, a, b: Math.min(vma.end, end), c: 0, child: null });
  }
  return what.length === 0 ? 0 : tell(task, what, 0);
}
