import { DT_DIR, EINVAL, EISDIR, SEEK_CUR, SEEK_END, SEEK_SET } from '@sandbox/abi';
import { File } from './file.js';
import type { DirEmitter } from './inode.js';
import type { IoBuf } from './io.js';

/** An open directory: adds '.' and '..' to what its inode lists. */
export class DirectoryFile extends File {
  override get seekable(): boolean {
    return true;
  }
  override get splices(): boolean {
    return false;
  }
  override read(_io: IoBuf, _offset: number): number {
    return -EISDIR;
  }
  override readdir(pos: number, emit: DirEmitter): number {
    if (pos === 0) {
      if (!emit('.', this.inode.ino, DT_DIR, 1)) return 0;
      pos = 1;
    }
    if (pos === 1) {
      if (!emit('..', this.parentIno(), DT_DIR, 2)) return 0;
      pos = 2;
    }
    this.path!.mount.accessed(this.inode);
    return this.list(pos, emit);
  }
  /**
   * The entries proper, from position 2 on. A file system whose listing needs state of its own per open
   * directory overrides this.
   */
  protected list(pos: number, emit: DirEmitter): number {
    return this.inode.readdir(pos, emit);
  }
  private parentIno(): number {
    let { mount, dentry } = this.path!;
    while (dentry === mount.root && mount.parent !== null) {
      dentry = mount.mountpoint!;
      mount = mount.parent;
    }
    return (dentry.parent ?? dentry).inode?.ino ?? this.inode.ino;
  }
  override seek(offset: number, whence: number): number {
    let to = offset;
    if (whence === SEEK_CUR) to += this.pos;
    else if (whence === SEEK_END) to += this.inode.size;
    else if (whence !== SEEK_SET) return -EINVAL;
    if (to < 0) return -EINVAL;
    this.pos = to;
    return to;
  }
  override fsync(_dataOnly: boolean): number {
    return 0;
  }
}
