import { EINVAL, SEEK_END } from '@sandbox/abi';
import { File } from '../core/file.js';
import { ATTR_MODE, ATTR_SIZE, newSetAttr } from '../core/inode.js';
import type { IoBuf } from '../core/io.js';
import { modeAfterWrite } from '../core/permission.js';
import type { HostRegular } from './host-regular.host.js';

const attr = newSetAttr();

/** An open regular host file. */
export class HostFile extends File {
  declare readonly inode: HostRegular;

  override get seekable(): boolean {
    return true;
  }
  override read(io: IoBuf, offset: number): number {
    return this.inode.readAt(io, offset);
  }
  override write(io: IoBuf, offset: number): number {
    const { inode } = this;
    const n = inode.writeAt(io, offset, this.flags);
    if (n > 0 && (inode.mode & 0o6000) !== 0) this.dropPrivileges();
    return n;
  }
  /** Set-id bits do not survive a write (the host keeps them for a privileged embedder). */
  private dropPrivileges(): void {
    const mode = modeAfterWrite(this.inode, this.cred);
    if (mode === this.inode.mode) return;
    attr.valid = ATTR_MODE;
    attr.mode = mode;
    this.inode.setattr(attr);
  }
  override seek(offset: number, whence: number): number {
    if (whence === SEEK_END) this.inode.getattr();
    return super.seek(offset, whence);
  }
  protected override seekHole(offset: number, whence: number): number {
    const to = this.inode.seekHole(offset, whence);
    if (to >= 0) this.pos = to;
    return to;
  }
  override fsync(dataOnly: boolean): number {
    return this.inode.fsync(dataOnly);
  }
  override truncate(size: number): number {
    if (!this.writable) return -EINVAL;
    attr.valid = ATTR_SIZE;
    attr.size = size;
    return this.inode.setattr(attr);
  }
}
