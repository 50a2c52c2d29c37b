import { EFAULT, UFFD_PAGEFAULT_FLAG_WRITE } from '@sandbox/abi';
import { BLOCKED } from '../../call/result.js';
import type { MemoryManager } from '../../mm/memory-manager.js';
import { isStillAsked } from '../../mm/userfault-consult.js';
import type { Task } from '../task/task.js';
import { pageServer } from './page-server.js';

/**
 * An access was refused with FAULT_ASK, at `mm.missing`: `task` is to sleep, and to try again when it wakes
 * up. False: nobody is asked for it any more, so it may try at once.
 */
export function awaitMissing(task: Task, write: boolean): boolean {
  const { mm } = task;
  const addr = mm.missing;
  mm.missing = -1;
  const uffd = mm.vmas.find(addr)?.uffd ?? null;
  if (uffd === null || task.interrupted) return false;
  const server = pageServer(uffd);
  server.await(task, addr, mm.missingReason | (write || mm.missingWrite ? UFFD_PAGEFAULT_FLAG_WRITE : 0));
  task.faulting = server;
  return true;
}

/**
 * A call failed with EFAULT, and `mm.missing` (of its own memory or another process's it looks into) says
 * that a page was to be asked for: BLOCKED, and its handler will run again; or -EFAULT, where only the
 * program's own accesses are served.
 */
export function awaitMissingForCall(task: Task, mm: MemoryManager = task.mm): number {
  const addr = mm.missing;
  mm.missing = -1;
  const uffd = mm.vmas.find(addr)?.uffd ?? null;
  if (uffd === null || uffd.userOnly || !isStillAsked(mm, addr)) return -EFAULT;
  const server = pageServer(uffd);
  if (task.signals.exiting) {
    server.forget(task);
    return -EFAULT;
  }
  server.await(task, addr, mm.missingReason | (mm.missingWrite ? UFFD_PAGEFAULT_FLAG_WRITE : 0));
  return BLOCKED;
}
