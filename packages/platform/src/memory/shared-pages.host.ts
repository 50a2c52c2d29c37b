import { hostClose, hostOpenat, hostPunchHole } from '@sandbox/native';
import { createMemoryFd } from './memory-fd.host.js';
import { PageAllocator } from './page-allocator.js';
import { CHUNK, openWindow, PAGE, type Window } from './window.host.js';

/**
 * The first places of every memory file belong to pages all sandboxes of this thread share: 16 GiB, sparse.
 */
export const SHARED_SPACE = 16 * CHUNK;
/** Kept of what no sandbox uses, for those to come: bytes, and how long after the last use of any (ms). */
const KEEP_BYTES = 64 * 1024 * 1024;
const KEEP_TIME = 5000;

const AT_FDCWD = -100;
const O_RDONLY_CLOEXEC = 0o2000000;

/** A stretch of some file's content, at the same place in the memory of every sandbox that has taken it. */
export class SharedExtent {
  /** Sandboxes that have it. */
  users = 0;
  /** Which blocks of it hold content, one byte each; the unit is the user's. */
  readonly present: Uint8Array;
  /** How many bytes that are. */
  filled = 0;

  constructor(
    readonly key: string,
    readonly offset: number,
    readonly bytes: number,
    blocks: number,
  ) {
    this.present = new Uint8Array(blocks);
  }
}

/**
 * Content of host files that do not change, had in memory once for all sandboxes of this thread: programs and
 * libraries, above all. Guests see it through a descriptor that cannot write, and the kernel never gives them
 * more than reading, so that what one sandbox does cannot be seen by another.
 *
 * An extent is filled by whoever needs a part of it first. One that nobody uses any more stays for a while,
 * within bounds.
 */
export class SharedPages {
  private static instance: SharedPages | null | undefined;

  /** Those of this thread; null where the host does not let a read-only descriptor be had. */
  static forThisThread(): SharedPages | null {
    if (SharedPages.instance === undefined) SharedPages.instance = SharedPages.create();
    return SharedPages.instance;
  }

  private static create(): SharedPages | null {
    const fd = createMemoryFd('shared-files', SHARED_SPACE);
    const readFd = hostOpenat(AT_FDCWD, `/proc/self/fd/${fd}`, O_RDONLY_CLOEXEC, 0);
    if (readFd >= 0) return new SharedPages(fd, readFd);
    hostClose(fd);
    return null;
  }

  private readonly allocator = new PageAllocator(SHARED_SPACE / PAGE);
  private readonly windows: (Window | undefined)[] = [];
  private readonly extents = new Map<string, SharedExtent>();
  /** Extents without users, the longest unused first. */
  private readonly idle = new Set<SharedExtent>();
  private idleBytes = 0;
  private timer: NodeJS.Timeout | null = null;

  private constructor(
    /** To fill it by. */
    readonly fd: number,
    /** What stubs are given. */
    readonly readFd: number,
  ) {}

  window(index: number): Window {
    const known = this.windows[index];
    if (known) return known;
    const made = openWindow(this.fd, index * CHUNK);
    this.windows[index] = made;
    return made;
  }

  /**
   * The extent of that key, which must tell all that its content depends on; a new one, empty, of `blocks`
   * blocks when there is none. Null: no room.
   */
  take(key: string, bytes: number, blocks: number): SharedExtent | null {
    const known = this.extents.get(key);
    if (known) {
      if (known.users++ === 0) this.unidle(known);
      return known;
    }
    const start = this.allocator.allocate(Math.ceil(bytes / PAGE));
    if (start < 0) return null;
    const made = new SharedExtent(key, start * PAGE, Math.ceil(bytes / PAGE) * PAGE, blocks);
    // It lies in one window.
    this.window(Math.floor(made.offset / CHUNK)).cover((made.offset % CHUNK) + made.bytes);
    made.users = 1;
    this.extents.set(key, made);
    return made;
  }

  /** A sandbox has no use for `extent` any more. */
  drop(extent: SharedExtent): void {
    if (--extent.users > 0) return;
    this.idle.add(extent);
    this.idleBytes += extent.filled;
    for (const oldest of this.idle) {
      if (this.idleBytes <= KEEP_BYTES) break;
      this.end(oldest);
    }
    if (this.timer) this.timer.refresh();
    else this.timer = setTimeout(() => this.endIdle(), KEEP_TIME).unref();
  }

  private unidle(extent: SharedExtent): void {
    this.idle.delete(extent);
    this.idleBytes -= extent.filled;
  }

  private endIdle(): void {
    this.timer = null;
    for (const extent of this.idle) this.end(extent);
  }

  private end(extent: SharedExtent): void {
    this.unidle(extent);
    this.extents.delete(extent.key);
    hostPunchHole(this.fd, extent.offset, extent.bytes);
    this.allocator.free(extent.offset / PAGE, extent.bytes / PAGE);
  }

  /** Bytes of host memory held, and how much of it by nobody. */
  stats(): { bytes: number; idle: number } {
    let bytes = 0;
    for (const extent of this.extents.values()) bytes += extent.filled;
    return { bytes, idle: this.idleBytes };
  }
}
