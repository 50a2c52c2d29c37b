import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '@sandbox/abi';
import { VfsError } from '../core/errors.js';
import type { MountEnvironment } from '../core/filesystem.js';
import {
  ATTR_ATIME,
  ATTR_GID,
  ATTR_MODE,
  ATTR_MTIME,
  ATTR_UID,
  type Inode,
  type NewInode,
} from '../core/inode.js';
import { BytesIo } from '../core/io.js';
import { TmpfsRegular } from '../tmpfs/regular.js';
import { TmpfsFileSystem } from '../tmpfs/tmpfs.js';
import { ArchiveDirectory, type ArchiveFile } from './entries.js';

/** A read-only file system of an archive's tree: its content lies in the page store, mappable. */
export class ArchiveFileSystem extends TmpfsFileSystem {
  constructor(
    env: MountEnvironment,
    tree: ArchiveDirectory,
    source: string,
    override readonly typeName: string = 'tarfs',
  ) {
    super(env, { inodes: Number.MAX_SAFE_INTEGER, mode: tree.self.mode & 0o7777 });
    this.source = source;
    this.fill(tree);
    this.readOnly = true;
  }

  override get options(): string {
    return '';
  }

  private fill(tree: ArchiveDirectory): void {
    const made = new Map<ArchiveFile, Inode>();
    /** Directories get their times when nothing is put into them any more. */
    const late: [Inode, ArchiveFile][] = [[this.root, tree.self]];
    const pending: [Inode, ArchiveDirectory][] = [[this.root, tree]];
    for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
      const [dir, entries] = at;
      for (const [name, entry] of entries.entries) {
        if (entry instanceof ArchiveDirectory) {
          const inode = this.make(dir, name, entry.self);
          late.push([inode, entry.self]);
          pending.push([inode, entry]);
          continue;
        }
        const known = made.get(entry);
        if (known !== undefined) {
          check(dir.link(name, known), name);
          continue;
        }
        const inode = this.make(dir, name, entry);
        made.set(entry, inode);
        late.push([inode, entry]);
      }
    }
    for (const [inode, file] of late) dress(inode, file);
  }

  private make(dir: Inode, name: string, file: ArchiveFile): Inode {
    const init: NewInode = { mode: file.mode, uid: file.uid, gid: file.gid, rdev: file.rdev };
    const inode =
      (file.mode & S_IFMT) === S_IFLNK
        ? dir.symlink(name, Buffer.from(file.content).toString('latin1'), init)
        : dir.mknod(name, init);
    if (typeof inode === 'number') throw failed(name, inode);
    if ((file.mode & S_IFMT) === S_IFREG && file.content.length > 0) {
      const n = (inode as TmpfsRegular).writeAt(new BytesIo(file.content), 0);
      if (n !== file.content.length) throw failed(name, n);
      if (inode instanceof TmpfsRegular) inode.trim();
    }
    return inode;
  }
}

function failed(name: string, errno: number): VfsError {
  return new VfsError('ERR_VFS_SOURCE', `cannot unpack ${name}`, errno < 0 ? -errno : 0);
}

function check(r: number, name: string): void {
  if (r !== 0) throw failed(name, r);
}

function dress(inode: Inode, file: ArchiveFile): void {
  for (const [name, value] of file.xattrs) inode.setxattr(name, value, 0);
  inode.setattr({
    valid: ATTR_MODE | ATTR_UID | ATTR_GID | ATTR_ATIME | ATTR_MTIME,
    mode:
      (inode.mode & S_IFMT & S_IFDIR) === S_IFDIR || inode.isRegular
        ? (inode.mode & S_IFMT) | (file.mode & 0o7777)
        : inode.mode,
    uid: file.uid,
    gid: file.gid,
    size: 0,
    atimeSec: file.mtimeSec,
    atimeNsec: file.mtimeNsec,
    mtimeSec: file.mtimeSec,
    mtimeNsec: file.mtimeNsec,
  });
}
