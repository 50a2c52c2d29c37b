import {
  EEXIST,
  EINVAL,
  ENOENT,
  ENOSPC,
  EPOLLERR,
  EPOLLET,
  EPOLLEXCLUSIVE,
  EPOLLHUP,
  EPOLLONESHOT,
  O_RDWR,
  POLLIN,
  POLLRDNORM,
} from '@sandbox/abi';
import {
  addReleaseListener,
  type File,
  type Inode,
  type IoctlCaller,
  removeReleaseListener,
  WaitQueue,
} from '@sandbox/vfs';
import { EpollInstance, EpollItem, PRIVATE_BITS } from './epoll-item.js';
import { loopCheck, pathCheck } from './epoll-nesting.js';

/** Entries of all interest lists of a kernel (Linux: max_user_watches, per user). */
const MAX_WATCHES = 262144;

/** Counts interest list entries; one per kernel. */
export class EpollWatches {
  count = 0;
}

/** Receives the events `collect` finds; false: it could not be stored (the caller's memory faulted). */
export interface EventSink {
  event(events: number, dataLo: number, dataHi: number): boolean;
}

/**
 * An epoll instance (epoll(7)): an interest list, and of it those entries that may be ready, so that a wait
 * costs what there is to report, not what is watched. An entry gets onto the ready list when its description
 * announces something, and is asked again when events are collected; level-triggered ones stay on the list as
 * long as they answer.
 */
export class EpollFile extends EpollInstance {
  protected readonly kind = 'eventpoll';
  /** Where epoll_wait sleeps; those who poll this instance itself wait in `queue`. */
  readonly waiters = new WaitQueue();
  private readonly queue = new WaitQueue();
  private readonly items = new Map<number, EpollItem>();
  private head: EpollItem | null = null;
  private tail: EpollItem | null = null;
  private readyCount = 0;

  constructor(
    inode: Inode,
    private readonly watches: EpollWatches,
  ) {
    super(inode, O_RDWR);
  }

  override get waitQueue(): WaitQueue {
    return this.queue;
  }

  /** Epoll instances watch each other too; all entries, for the nesting checks and /proc. */
  override *entries(): Generator<EpollItem> {
    for (const first of this.items.values()) {
      for (let item: EpollItem | null = first; item !== null; item = item.sibling) yield item;
    }
  }

  /** What it watches by descriptor `fd`, the `nth` of those that were added as that; null: nothing. */
  watchedAs(fd: number, nth: number): File | null {
    let item = this.items.get(fd) ?? null;
    for (; item !== null && nth > 0; nth--) item = item.sibling;
    return item === null ? null : item.file;
  }

  // Interest list -------------------------------------------------------------------------------------------

  private find(fd: number, file: File): EpollItem | null {
    let item = this.items.get(fd) ?? null;
    while (item !== null && item.file !== file) item = item.sibling;
    return item;
  }

  /**
   * EPOLL_CTL_ADD. 0, -EEXIST, -ENOSPC, -ELOOP (instances would watch each other in a circle, or too deep),
   * -EINVAL (too many ways for one event).
   */
  add(fd: number, file: File, events: number, dataLo: number, dataHi: number): number {
    if (file instanceof EpollFile) {
      const r = loopCheck(this, file);
      if (r < 0) return r;
    }
    if (this.find(fd, file) !== null) return -EEXIST;
    if (this.watches.count >= MAX_WATCHES) return -ENOSPC;
    const nested = file instanceof EpollFile || this.watched;
    const item = new EpollItem(this, file, fd, (events | EPOLLERR | EPOLLHUP) >>> 0, dataLo, dataHi);
    item.sibling = this.items.get(fd) ?? null;
    this.items.set(fd, item);
    addReleaseListener(file, item);
    if (nested && pathCheck(file) < 0) {
      removeReleaseListener(file, item);
      this.unlist(item);
      return -EINVAL;
    }
    this.watches.count++;
    // The mask is applied when the event comes: it may change while the entry stays in the queue. The last to
    // come hears first, except for exclusive ones, which take turns behind the others (add_wait_queue,
    // add_wait_queue_exclusive).
    const exclusive = (events & EPOLLEXCLUSIVE) !== 0;
    if (exclusive) file.waitQueue?.add(item.entry, 0x7fffffff, true);
    else file.waitQueue?.addFirst(item.entry, 0x7fffffff);
    if (item.poll() !== 0) this.itemReady(item);
    return 0;
  }

  /** EPOLL_CTL_MOD. 0, -ENOENT, -EINVAL (an exclusive entry cannot be changed). */
  modify(fd: number, file: File, events: number, dataLo: number, dataHi: number): number {
    const item = this.find(fd, file);
    if (item === null) return -ENOENT;
    if ((item.events & EPOLLEXCLUSIVE) !== 0) return -EINVAL;
    item.events = (events | EPOLLERR | EPOLLHUP) >>> 0;
    item.dataLo = dataLo;
    item.dataHi = dataHi;
    if (item.poll() !== 0) this.itemReady(item);
    return 0;
  }

  /** EPOLL_CTL_DEL. 0 or -ENOENT. */
  remove(fd: number, file: File): number {
    const item = this.find(fd, file);
    if (item === null) return -ENOENT;
    removeReleaseListener(file, item);
    this.forget(item);
    return 0;
  }

  override forget(item: EpollItem): void {
    item.entry.remove();
    this.unlist(item);
    this.unready(item);
    this.watches.count--;
  }

  private unlist(item: EpollItem): void {
    const first = this.items.get(item.fd)!;
    if (first === item) {
      if (item.sibling === null) this.items.delete(item.fd);
      else this.items.set(item.fd, item.sibling);
    } else {
      let at = first;
      while (at.sibling !== item) at = at.sibling!;
      at.sibling = item.sibling;
    }
    item.sibling = null;
  }

  /** Some other epoll instance watches this one. */
  private get watched(): boolean {
    for (let l = this.releaseListeners; l !== null; l = l.nextListener)
      if (l instanceof EpollItem) return true;
    return false;
  }

  // Ready list ----------------------------------------------------------------------------------------------

  override itemReady(item: EpollItem): boolean {
    if (!item.ready) this.append(item);
    const waiting = !this.waiters.empty;
    if (waiting) this.waiters.wake(POLLIN);
    this.queue.wake(POLLIN | POLLRDNORM);
    return waiting;
  }

  private append(item: EpollItem): void {
    item.ready = true;
    item.prev = this.tail;
    item.next = null;
    if (this.tail) this.tail.next = item;
    else this.head = item;
    this.tail = item;
    this.readyCount++;
  }

  private unready(item: EpollItem): void {
    if (!item.ready) return;
    item.ready = false;
    if (item.prev) item.prev.next = item.next;
    else this.head = item.next;
    if (item.next) item.next.prev = item.prev;
    else this.tail = item.prev;
    item.next = item.prev = null;
    this.readyCount--;
  }

  /** Something may be ready: `collect` is worth a try. */
  get hasReady(): boolean {
    return this.readyCount > 0;
  }

  /**
   * Hand up to `max` events to `sink`. Their number; -1 when the sink refused the first one. Level-triggered
   * entries go to the end of the list again, so that all get their turn when there are more than `max`.
   */
  collect(max: number, sink: EventSink): number {
    let found = 0;
    // Entries that stay ready are appended behind those there now.
    for (let left = this.readyCount; left > 0 && found < max; left--) {
      const item = this.head!;
      const events = item.poll();
      if (events !== 0 && !sink.event(events, item.dataLo, item.dataHi)) return found > 0 ? found : -1;
      // Asking or telling may have changed the list; the entry is where it was, or gone.
      this.unready(item);
      if (events === 0) continue;
      found++;
      if ((item.events & EPOLLONESHOT) !== 0) item.events = (item.events & PRIVATE_BITS) >>> 0;
      else if ((item.events & EPOLLET) === 0) this.append(item);
    }
    // One waiter at a time is woken: what it leaves is the next one's.
    if (this.readyCount > 0) this.waiters.wake(POLLIN);
    return found;
  }

  /**
   * Readable while an entry has something to report; entries that turn out to have nothing leave the ready
   * list.
   */
  override poll(): number {
    for (let left = this.readyCount; left > 0; left--) {
      const item = this.head;
      if (item === null) break;
      if (item.poll() !== 0) return POLLIN | POLLRDNORM;
      this.unready(item);
    }
    return 0;
  }

  override ioctl(_cmd: number, _arg: number, _caller: IoctlCaller): number {
    return -EINVAL;
  }

  override release(): void {
    for (const item of [...this.entries()]) {
      removeReleaseListener(item.file, item);
      this.forget(item);
    }
  }

  override get fdinfo(): string {
    let s = '';
    for (const i of this.entries()) {
      const data =
        i.dataHi > 0 ? i.dataHi.toString(16) + i.dataLo.toString(16).padStart(8, '0') : i.dataLo.toString(16);
      s += `tfd: ${String(i.fd).padStart(8)} events: ${i.events.toString(16).padStart(8)} data: ${data.padStart(16)} `;
      s += ` pos:${i.file.pos} ino:${i.file.inode.ino.toString(16)} sdev:${i.file.inode.fs.dev.toString(16)}\n`;
    }
    return s;
  }
}
