import { PAGE_SIZE } from '@sandbox/vfs';

/** /proc/sys/fs/pipe-max-size: the most F_SETPIPE_SZ gives to the unprivileged. */
export const PIPE_MAX_SIZE = 1048576;
/** /proc/sys/fs/pipe-user-pages-soft: above it, a user's new pipes are small ones and none may grow. */
const USER_PAGES_SOFT = 16384;
/** Pages of all pipes of a kernel, whoever asks: what a sandbox can take from its embedder. */
const TOTAL_PAGES = 65536;
/** Above it every new pipe is a small one, so that there can be many (Linux bounds the unprivileged only). */
const TOTAL_SOFT = TOTAL_PAGES / 2;
/** Buffers kept for reuse, per size. */
const POOLED = 64;

/**
 * The memory behind a kernel's pipes: accounts for it as pipe(7) says, and hands it out. A pipe gets its
 * buffer at its first write; buffers of the usual size are used again.
 */
export class PipeBuffers {
  private readonly users = new Map<number, number>();
  private readonly pool = new Map<number, Uint8Array[]>();
  private total = 0;

  /** Pages that are charged to `uid`. */
  charged(uid: number): number {
    return this.users.get(uid) ?? 0;
  }

  /**
   * Charge `pages` for a new pipe of `uid`. The number of pages it gets (fewer when the user has many pipes),
   * or 0: none (pipe(2) ENFILE).
   */
  chargeNew(uid: number, pages: number, privileged: boolean): number {
    const many = this.total + pages > TOTAL_SOFT;
    if (many || (!privileged && this.charged(uid) + pages > USER_PAGES_SOFT)) pages = Math.min(pages, 2);
    return this.charge(uid, pages) ? pages : 0;
  }

  /** Charge more pages for a growing pipe; false when that is too much. */
  chargeMore(uid: number, pages: number, privileged: boolean): boolean {
    if (!privileged && this.charged(uid) + pages > USER_PAGES_SOFT) return false;
    return this.charge(uid, pages);
  }

  private charge(uid: number, pages: number): boolean {
    if (this.total + pages > TOTAL_PAGES) return false;
    this.total += pages;
    this.users.set(uid, this.charged(uid) + pages);
    return true;
  }

  uncharge(uid: number, pages: number): void {
    this.total -= pages;
    const left = this.charged(uid) - pages;
    if (left > 0) this.users.set(uid, left);
    else this.users.delete(uid);
  }

  /** A buffer of `pages` pages; its content is arbitrary. */
  take(pages: number): Uint8Array {
    return this.pool.get(pages)?.pop() ?? new Uint8Array(pages * PAGE_SIZE);
  }

  give(buffer: Uint8Array): void {
    const pages = buffer.length / PAGE_SIZE;
    // Odd sizes are rare: only the default and the small one are worth keeping.
    if (pages !== 16 && pages !== 2) return;
    const list = this.pool.get(pages);
    if (!list) this.pool.set(pages, [buffer]);
    else if (list.length < POOLED) list.push(buffer);
  }
}
