import { EMFILE, ENFILE } from '@sandbox/abi';
import { hostClose } from '@sandbox/native';

/** An open host descriptor of one inode, closed when others need its place. */
export class HostFd {
  next: HostFd | null = null;
  prev: HostFd | null = null;
  /** False once closed; its inode then opens anew. */
  open = true;
  /** Never closed for room: the file has no name any more by which it could be opened again. */
  pinned = false;

  constructor(readonly fd: number) {}
}

/** The host descriptors of a file system: a bounded set, least recently used closed first. */
export class HostFds {
  private head: HostFd | null = null;
  private tail: HostFd | null = null;
  private count = 0;
  /** Descriptors of deleted files still in use, which cannot be closed for room. */
  private pinnedCount = 0;

  constructor(readonly limit: number) {}

  /** Keep `fd`. May close others, but never the few used last. */
  add(fd: number): HostFd {
    const made = new HostFd(fd);
    this.append(made);
    if (++this.count > this.limit) this.close(this.head!);
    return made;
  }

  /** It is being used. */
  touch(h: HostFd): void {
    if (h.pinned || this.tail === h) return;
    this.detach(h);
    this.append(h);
  }

  /** Keep it open until `close`. -ENFILE when too many are kept so. */
  pin(h: HostFd): number {
    if (h.pinned) return 0;
    if (this.pinnedCount >= this.limit * 4) return -ENFILE;
    this.detach(h);
    this.count--;
    this.pinnedCount++;
    h.pinned = true;
    return 0;
  }

  /** It may be closed for room again. */
  unpin(h: HostFd): void {
    if (!h.pinned || !h.open) return;
    h.pinned = false;
    this.pinnedCount--;
    this.append(h);
    if (++this.count > this.limit) this.close(this.head!);
  }

  close(h: HostFd): void {
    if (!h.open) return;
    h.open = false;
    if (h.pinned) this.pinnedCount--;
    else {
      this.detach(h);
      this.count--;
    }
    hostClose(h.fd);
  }

  /** The process ran out of descriptors (`error`): true when closing ours may help. */
  relieve(error: number): boolean {
    if ((error !== -EMFILE && error !== -ENFILE) || this.head === null) return false;
    for (let i = 0; i < 8 && this.head !== null && this.head !== this.tail; i++) this.close(this.head);
    return true;
  }

  closeAll(): void {
    while (this.head !== null) this.close(this.head);
  }

  private append(h: HostFd): void {
    h.prev = this.tail;
    h.next = null;
    if (this.tail) this.tail.next = h;
    else this.head = h;
    this.tail = h;
  }

  private detach(h: HostFd): void {
    if (h.prev) h.prev.next = h.next;
    else this.head = h.next;
    if (h.next) h.next.prev = h.prev;
    else this.tail = h.prev;
    h.next = null;
    h.prev = null;
  }
}
