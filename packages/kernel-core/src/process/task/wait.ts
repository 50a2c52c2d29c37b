import { type File, releaseFile, WaitEntry, type Waiter, type WaitQueue } from '@sandbox/vfs';

/** What a call had to ask before it may touch files (fanotify(7)), and the answers so far. */
export interface AskedPermissions {
  /** Nobody has answered yet. */
  readonly waiting: boolean;
  /** Where the call waits for the answer. */
  readonly queue: WaitQueue;
  /** The call ends while nobody has answered. */
  cancel(): void;
}

/**
 * The sleeping half of a blocked system call: where it waits, until when, and how far it got.
 *
 * A handler that must wait calls `task.sleep...` and returns what that returned. When the task is woken, its
 * deadline passes or a signal arrives, **the same handler runs again from its start** with the same
 * arguments: it looks at its condition afresh, and at `timedOut`. So a blocked call is described by its
 * arguments and this object: it can be abandoned and restarted.
 */
export class Wait {
  /** Absolute CLOCK_MONOTONIC deadline in ns; Infinity = none. Set on the first run, kept over re-runs. */
  deadline = Number.POSITIVE_INFINITY;
  /** The deadline passed. */
  timedOut = false;
  /** Runs of the handler for this call so far, minus one: 0 on the first run. */
  round = 0;
  /** Run by restart_syscall(2): `deadline` is that of the interrupted call and stays. */
  resumed = false;
  /**
   * The deadline stands for a CLOCK_REALTIME instant: when that clock is set, the handler runs again to look
   * anew.
   */
  realtime = false;
  /** The handler's own: bytes moved so far, and any state it keeps between runs. Cleared at each new call. */
  progress = 0;
  data: unknown = null;
  /**
   * The description the blocked call works on, held: the call goes on with it although its descriptor is
   * closed or replaced meanwhile, as in Linux. Handlers look here before they look at the descriptor.
   */
  file: File | null = null;
  /** Null: it had to ask nobody. */
  asked: AskedPermissions | null = null;
  /**
   * A file whose content has to come before the call can go on, held open so long; the call does not concern
   * it otherwise.
   */
  content: File | null = null;
  private readonly entries: WaitEntry[] = [];
  private used = 0;

  constructor(private readonly waiter: Waiter) {}

  /** Start of a new system call. */
  reset(): void {
    this.deadline = Number.POSITIVE_INFINITY;
    this.timedOut = false;
    this.round = 0;
    this.resumed = false;
    this.realtime = false;
    this.progress = 0;
    this.data = null;
    this.asked = null;
  }

  /** Keep `file` for the following runs; dropped when the call ends. */
  holdFile(file: File): void {
    if (this.file !== null) return;
    file.refs++;
    this.file = file;
  }
  dropFile(): void {
    const file = this.file;
    if (file === null) return;
    this.file = null;
    releaseFile(file);
  }

  /** Takes over the reference. */
  holdContent(file: File): void {
    this.dropContent();
    this.content = file;
  }
  dropContent(): void {
    const file = this.content;
    if (file === null) return;
    this.content = null;
    releaseFile(file);
  }

  /** Wait for `mask` on `queue` as well. */
  on(queue: WaitQueue, mask: number, exclusive = false): void {
    queue.add(this.nextEntry(), mask, exclusive);
  }
  /** Likewise, but before all others and exclusively (epoll_wait). */
  onFirst(queue: WaitQueue, mask: number): void {
    queue.addFirst(this.nextEntry(), mask, true);
  }

  private nextEntry(): WaitEntry {
    let entry = this.entries[this.used];
    if (!entry) {
      entry = new WaitEntry(this.waiter);
      this.entries.push(entry);
    }
    this.used++;
    return entry;
  }

  /** Leave all queues. */
  clear(): void {
    for (let i = 0; i < this.used; i++) this.entries[i]!.remove();
    this.used = 0;
  }
}
