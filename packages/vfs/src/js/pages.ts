import { EAGAIN, EIO, EROFS } from '@sandbox/abi';
import { PageCache } from '../cache/page-cache.js';
import { BLOCK_SIZE, PAGES_PER_BLOCK } from '../cache/segment.js';
import { errnoOf } from '../core/error-codes.js';
import { CHUNK_SIZE, PAGE_SIZE } from '../core/page-store.js';
import { WaitQueue } from '../core/wait-queue.js';
import { bytesOf, Call, countOf, isPromise, thrown } from './call.js';
import type { JsInode } from './inode.js';

/** The most one call asks a handler for. */
const MAX_PIECE = 16 * BLOCK_SIZE;

/**
 * What is known of a file's content: pages that handlers filled, in the page store, where mappings show them
 * and reads are served from. Handlers that answer later are asked by `prefetch`, before anybody needs the
 * pages: a page fault cannot wait.
 */
export class JsPages extends PageCache {
  /** Announces answers. */
  readonly queue = new WaitQueue();
  /** The call under way, and for which pages; one at a time. */
  private call: Call | null = null;
  /** What calls ask for, from where on, and what came of it. */
  private wanted = -1;
  private length = 0;
  private gathered: Uint8Array[] = [];
  /** Content on its way to the store. */
  private arrived: Uint8Array | null = null;
  private arrivedAt = 0;
  private failed = 0;

  constructor(readonly inode: JsInode) {
    super(inode.fs.env.pages, inode.jsfs.budget, false);
  }

  protected override get fileSize(): number {
    return this.inode.size;
  }

  /**
   * Make [offset, offset + length) present, as far as the file reaches. 0, -EAGAIN (`queue` tells when to ask
   * again) or -errno.
   */
  prefetch(offset: number, length: number): number {
    const end = Math.min(offset + length, this.inode.size);
    let at = Math.floor(offset / BLOCK_SIZE) * BLOCK_SIZE;
    for (; at < end; at += BLOCK_SIZE) {
      if (this.locate(at) >= 0) continue;
      const r = this.bring(at, end);
      if (r < 0) return r;
    }
    return 0;
  }

  /** Ask for what is missing from the block at `at` on. */
  private bring(at: number, end: number): number {
    if (this.call !== null) {
      const { answer } = this.call;
      if (answer === null) return -EAGAIN;
      this.call = null;
      if (typeof answer !== 'number') this.gathered.push(answer);
      // The failure of another question says nothing to this one.
      else if (this.wanted === at) return this.giveUp(answer);
      else this.giveUp(0);
    }
    if (this.wanted !== at) {
      let to = at + BLOCK_SIZE;
      const limit = Math.min(at + MAX_PIECE, end);
      while (to < limit && this.locate(to) < 0) to += BLOCK_SIZE;
      this.giveUp(0);
      this.wanted = at;
      this.length = Math.min(to, this.inode.size) - at;
    }
    return this.gather();
  }

  /** Handlers may give less than was asked for: go on until all of `wanted` is there. */
  private gather(): number {
    for (;;) {
      let have = 0;
      for (const piece of this.gathered) have += piece.length;
      // It ended before the size it told.
      if (this.gathered.at(-1)?.length === 0) return this.giveUp(-EIO);
      if (have >= this.length) {
        const { wanted: at, length } = this;
        const all = this.gathered.length === 1 ? this.gathered[0]! : Buffer.concat(this.gathered);
        this.giveUp(0);
        return this.keep(at, all.subarray(0, length));
      }
      const answer = this.ask(this.wanted + have, this.length - have);
      if (typeof answer === 'number') return answer === -EAGAIN ? answer : this.giveUp(answer);
      this.gathered.push(answer);
    }
  }

  private giveUp(result: number): number {
    this.wanted = -1;
    this.gathered = [];
    return result;
  }

  private keep(at: number, bytes: Uint8Array): number {
    this.arrived = bytes;
    this.arrivedAt = at;
    let r = 0;
    for (let block = at; block < at + bytes.length && r >= 0; block += BLOCK_SIZE) {
      if (this.locate(block) < 0) r = this.translate(block / PAGE_SIZE, PAGES_PER_BLOCK, false);
    }
    this.arrived = null;
    return Math.min(r, 0);
  }

  private ask(at: number, length: number): Uint8Array | number {
    const { handlers } = this.inode;
    const give = handlers.mmap ?? handlers.read;
    if (give === undefined) return -EIO;
    const abort = new AbortController();
    let made: unknown;
    try {
      made = give.call(handlers, { offset: at, length, signal: abort.signal });
    } catch (error) {
      return thrown(error, handlers);
    }
    if (!isPromise(made)) return bytesOf(made);
    const call = new Call('read', at, length, abort);
    this.call = call;
    call.follow(made, handlers.timeout, this.inode.fs.env, bytesOf, () => this.queue.wake(-1));
    return -EAGAIN;
  }

  protected override fillable(fileOffset: number): number {
    return this.arrived === null
      ? Number.POSITIVE_INFINITY
      : this.arrivedAt + this.arrived.length - fileOffset;
  }

  protected override fillFrom(storeOffset: number, fileOffset: number, length: number): number {
    if (this.arrived !== null) {
      const from = fileOffset - this.arrivedAt;
      return this.put(storeOffset, this.arrived.subarray(from, from + length));
    }
    let done = 0;
    while (done < length) {
      const answer = this.ask(fileOffset + done, length - done);
      // Nobody prefetched: a page fault cannot wait for the answer.
      if (typeof answer === 'number') return answer === -EAGAIN ? -EIO : answer;
      if (answer.length === 0) return -EIO;
      done += this.put(storeOffset + done, answer.subarray(0, length - done));
    }
    return done;
  }

  private put(storeOffset: number, bytes: Uint8Array): number {
    this.store.chunk(storeOffset).set(bytes, storeOffset % CHUNK_SIZE);
    return bytes.length;
  }

  protected override writeTo(storeOffset: number, fileOffset: number, length: number): number {
    const { handlers } = this.inode;
    const at = storeOffset % CHUNK_SIZE;
    const data = this.store.chunk(storeOffset).slice(at, at + length);
    const signal = new AbortController().signal;
    try {
      const made = handlers.write?.(data, { offset: fileOffset, length, signal });
      if (!isPromise(made)) return Math.min(countOf(made, length), 0);
      made.then(undefined, (error: unknown) => {
        this.failed = errnoOf(error);
      });
      return 0;
    } catch (error) {
      return errnoOf(error);
    }
  }

  /** The failure of what was written back, told once (errseq_t). */
  takeFailure(): number {
    const { failed } = this;
    this.failed = 0;
    return failed;
  }

  protected override beforeMappedWrite(): number {
    return this.inode.handlers.write === undefined ? -EROFS : 0;
  }

  /** Mapped pages cannot be had again by a fault, so they stay. */
  override reclaim(_mapped: boolean): boolean {
    return super.reclaim(false);
  }

  /** Nobody has the file open: nobody waits. */
  abandon(): void {
    this.call?.drop();
    this.call = null;
    this.giveUp(0);
  }
}
