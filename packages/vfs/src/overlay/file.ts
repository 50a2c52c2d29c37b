import { EINVAL } from '@sandbox/abi';
import type { Credentials } from '../core/credentials.js';
import { File, type IoctlCaller, releaseFile } from '../core/file.js';
import type { IoBuf } from '../core/io.js';
import type { Mappable } from '../core/mappable.js';
import type { WaitQueue } from '../core/wait-queue.js';
import type { OverlayInode } from './inode.js';

/**
 * An open regular file of an overlay. One opened for reading before the file was copied up reads the copy
 * from then on (as Linux does); what was mapped before stays what it was.
 */
export class OverlayFile extends File {
  constructor(
    override readonly inode: OverlayInode,
    private file: File,
    flags: number,
    private readonly opener: Credentials,
  ) {
    super(inode, flags);
    this.hold();
  }

  /** A layer others see too: the file stays while it is open here, whoever removes it there. */
  private hold(): void {
    if (this.inode.fs.shared !== null) this.file.inode.pins++;
  }
  private letGo(): void {
    const { inode } = this.file;
    releaseFile(this.file);
    if (this.inode.fs.shared !== null && --inode.pins === 0 && inode.nlink === 0) inode.evict();
  }

  /** The description in the layer that has the content now. */
  private real(): File {
    const { inode } = this;
    if (this.file.inode === inode.content) return this.file;
    const fresh = inode.content.open(this.flags, this.opener);
    // The old one still answers with what the file was.
    if (typeof fresh === 'number') return this.file;
    this.letGo();
    this.file = fresh;
    this.hold();
    return fresh;
  }

  override get seekable(): boolean {
    return true;
  }
  override read(io: IoBuf, offset: number): number {
    const n = this.real().read(io, offset);
    if (n >= 0) this.accessed();
    return n;
  }
  override write(io: IoBuf, offset: number): number {
    const file = this.real();
    file.flags = this.flags;
    file.cred = this.cred;
    const n = file.write(io, offset);
    this.inode.sync();
    return n;
  }
  protected override seekHole(offset: number, whence: number): number {
    const to = this.real().seek(offset, whence);
    if (to >= 0) this.pos = to;
    return to;
  }
  override ioctl(cmd: number, arg: number, caller: IoctlCaller): number {
    return this.real().ioctl(cmd, arg, caller);
  }
  override get ioctlWaits(): boolean {
    return this.file.ioctlWaits;
  }
  override get mappable(): Mappable | null {
    return this.real().mappable;
  }
  override prefetch(offset: number, length: number): number {
    return this.real().prefetch(offset, length);
  }
  override get waitQueue(): WaitQueue | null {
    return this.real().waitQueue;
  }
  override get canPoll(): boolean {
    return this.real().canPoll;
  }
  override poll(): number {
    return this.real().poll();
  }
  override fsync(dataOnly: boolean): number {
    return this.inode.fs.keepsNothing ? 0 : this.real().fsync(dataOnly);
  }
  override truncate(size: number): number {
    if (!this.writable) return -EINVAL;
    const r = this.real().truncate(size);
    this.inode.sync();
    return r;
  }
  override flush(): number {
    return this.file.flush();
  }
  override release(): void {
    this.letGo();
  }
}
