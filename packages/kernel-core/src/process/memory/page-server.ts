import type { Announcement, FaultServer } from '../../mm/userfault-server.js';
import type { Task } from '../task/task.js';

/** Something that happened to the memory, and the task that goes on when the program has heard of it. */
export interface MemoryEvent {
  readonly server: PageServer;
  readonly what: Announcement;
  /** Null: nobody waits. */
  readonly task: Task | null;
  done: boolean;
}

/** Whoever serves faults of a mapping, as the tasks that wait for it see it: a userfaultfd(2). */
export interface PageServer extends FaultServer {
  /**
   * `task` is to sleep until somebody wakes those who wait for the page at `addr`. `flags`:
   * UFFD_PAGEFAULT_FLAG_*.
   */
  await(task: Task, addr: number, flags: number): void;
  /** It does not wait any more. */
  forget(task: Task): void;
  /** Whoever reads is to hear of `what`; `task` is woken then. */
  tell(what: Announcement, task: Task | null): MemoryEvent;
  /** Nobody waits for it to be heard any more. */
  giveUp(event: MemoryEvent): void;
}

/** mm knows no tasks, so to it a server is less; all there are serve tasks. */
export function pageServer(server: FaultServer): PageServer {
  return server as PageServer;
}
