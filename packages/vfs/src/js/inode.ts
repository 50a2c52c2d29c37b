import { EIO, S_IFCHR, S_IFREG } from '@sandbox/abi';
import { errnoOf } from '../core/error-codes.js';
import type { File } from '../core/file.js';
import type { Mappable } from '../core/mappable.js';
import { SyntheticInode } from '../synthetic/inode.js';
import { JsOpenFile } from './file.js';
import type { JsFileSystem } from './jsfs.js';
import type { JsEntry, JsFileHandlers } from './ops.js';
import { JsPages } from './pages.js';

export class JsInode extends SyntheticInode {
  readonly handlers: JsFileHandlers;
  readonly device: boolean;
  /** Content that is kept; null: this file keeps none. */
  readonly pages: JsPages | null;
  private opens = 0;

  constructor(
    readonly jsfs: JsFileSystem,
    readonly entry: JsEntry,
  ) {
    const { handlers, device } = entry;
    const writes = handlers.write !== undefined && !handlers.cache;
    const wanted = (handlers.read ? 0o444 : 0) | (writes ? 0o222 : 0);
    super(jsfs, (device ? S_IFCHR : S_IFREG) | ((handlers.mode ?? wanted) & 0o7777));
    this.handlers = handlers;
    this.device = device;
    this.uid = handlers.uid ?? 0;
    this.gid = handlers.gid ?? 0;
    if (handlers.mtime !== undefined) {
      const ms = handlers.mtime.getTime();
      this.mtimeSec = Math.floor(ms / 1000);
      this.mtimeNsec = Math.round((ms - this.mtimeSec * 1000) * 1e6);
    }
    // A lower layer of an overlay is not asked again.
    this.getattr();
    this.pages = handlers.cache || handlers.mmap ? new JsPages(this) : null;
  }

  override getattr(): number {
    const { size } = this.handlers;
    if (size === undefined) return 0;
    try {
      const now = typeof size === 'number' ? size : size();
      if (!Number.isSafeInteger(now) || now < 0) return -EIO;
      this.size = now;
      return 0;
    } catch (error) {
      return errnoOf(error);
    }
  }

  override get mappable(): Mappable | null {
    return this.pages;
  }

  override open(flags: number): File | number {
    const e = this.getattr();
    if (e < 0) return e;
    this.opens++;
    return new JsOpenFile(this, flags);
  }

  closed(): void {
    if (--this.opens === 0) this.pages?.abandon();
  }
}
