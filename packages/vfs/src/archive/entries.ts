import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG } from '@sandbox/abi';
import { VfsError } from '../core/errors.js';

/** One file of an archive, by whatever names. */
export interface ArchiveFile {
  /** S_IF* and permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeSec: number;
  readonly mtimeNsec: number;
  /** Content of a regular file, target (a byte string, latin1) of a symbolic link. */
  readonly content: Uint8Array;
  readonly rdev: number;
  readonly xattrs: readonly (readonly [name: string, value: Uint8Array])[];
}

/** A directory of the tree an archive describes; names are byte strings. */
export class ArchiveDirectory {
  readonly entries = new Map<string, ArchiveDirectory | ArchiveFile>();
  constructor(public self: ArchiveFile) {}
}

export const TYPES: Readonly<Record<string, number>> = {
  file: S_IFREG,
  'contiguous-file': S_IFREG,
  directory: S_IFDIR,
  symlink: S_IFLNK,
  'character-device': S_IFCHR,
  'block-device': S_IFBLK,
  fifo: S_IFIFO,
};

const NOBODYS_DIRECTORY: ArchiveFile = {
  mode: S_IFDIR | 0o755,
  uid: 0,
  gid: 0,
  mtimeSec: 0,
  mtimeNsec: 0,
  content: new Uint8Array(0),
  rdev: 0,
  xattrs: [],
};

/**
 * In front of names that are gone, and in directories that replace all of an earlier one (OCI image
 * specification, "Whiteouts").
 */
export const WHITEOUT = '.wh.';
export const OPAQUE = '.wh..wh..opq';

/** The tree that one archive, or several on top of each other (layers of an image), make. */
export class ArchiveTree {
  readonly root = new ArchiveDirectory(NOBODYS_DIRECTORY);
  count = 0;
  bytes = 0;

  /**
   * @param layered names with `.wh.` in front remove what earlier layers had (OCI image specification,
   * "Whiteouts").
   */
  constructor(
    private readonly limits: { readonly bytes: number; readonly files: number },
    private readonly layered: boolean,
  ) {}

  /** A further name, with `bytes` of content. */
  charge(bytes: number): void {
    this.bytes += bytes;
    this.count++;
    this.mayHold(0);
  }
  /** Before room is made for `bytes`: an image says what it likes of sizes. */
  mayHold(bytes: number): void {
    if (this.count > this.limits.files || this.bytes + bytes > this.limits.bytes) {
      throw new VfsError('ERR_VFS_SOURCE', 'the archive holds more than the limits allow');
    }
  }

  /** The names of a path in an archive. '..' leads nowhere good: such an archive is refused. */
  private parts(path: string): string[] {
    const parts = path.split('/').filter((p) => p !== '' && p !== '.');
    if (parts.includes('..')) throw new VfsError('ERR_VFS_SOURCE', `an archive with '..' in a name: ${path}`);
    if (parts.some((p) => p.length > 255))
      throw new VfsError('ERR_VFS_SOURCE', 'an archive with a name of over 255 bytes');
    return parts;
  }

  private directory(parts: readonly string[]): ArchiveDirectory {
    let dir = this.root;
    for (const name of parts) {
      let next = dir.entries.get(name);
      if (!(next instanceof ArchiveDirectory)) {
        next = new ArchiveDirectory(NOBODYS_DIRECTORY);
        dir.entries.set(name, next);
      }
      dir = next;
    }
    return dir;
  }

  private find(parts: readonly string[]): ArchiveDirectory | ArchiveFile | undefined {
    let at: ArchiveDirectory | ArchiveFile | undefined = this.root;
    for (const name of parts) at = at instanceof ArchiveDirectory ? at.entries.get(name) : undefined;
    return at;
  }

  /** A file at `path`; what was there goes. `lower`: what earlier layers had, which whiteouts are about. */
  add(path: string, file: ArchiveFile, inLayer: Set<ArchiveDirectory | ArchiveFile>): void {
    const parts = this.parts(path);
    const name = parts.pop();
    const isDirectory = (file.mode & 0o170000) === S_IFDIR;
    if (name === undefined) {
      if (isDirectory) this.root.self = file;
      return;
    }
    const dir = this.directory(parts);
    if (this.layered && name.startsWith(WHITEOUT)) {
      this.hide(dir, name, inLayer);
      return;
    }
    this.charge(file.content.length);
    const old = dir.entries.get(name);
    if (isDirectory && old instanceof ArchiveDirectory) {
      old.self = file;
      inLayer.add(old);
      return;
    }
    const made = isDirectory ? new ArchiveDirectory(file) : file;
    dir.entries.set(name, made);
    inLayer.add(made);
  }

  private hide(dir: ArchiveDirectory, name: string, inLayer: Set<ArchiveDirectory | ArchiveFile>): void {
    if (name !== OPAQUE) {
      const hidden = name.slice(WHITEOUT.length);
      const old = dir.entries.get(hidden);
      if (old !== undefined && !inLayer.has(old)) dir.entries.delete(hidden);
      return;
    }
    // Only what earlier layers put there: the order within a layer is no promise.
    for (const [k, v] of dir.entries) if (!inLayer.has(v)) dir.entries.delete(k);
  }

  /** A further name of what lies at `target`. */
  link(path: string, target: string, inLayer: Set<ArchiveDirectory | ArchiveFile>): void {
    const to = this.find(this.parts(target));
    if (to === undefined || to instanceof ArchiveDirectory) {
      throw new VfsError('ERR_VFS_SOURCE', `a hard link to what is not in the archive: ${target}`);
    }
    const parts = this.parts(path);
    const name = parts.pop();
    if (name === undefined) return;
    this.charge(0);
    this.directory(parts).entries.set(name, to);
    inLayer.add(to);
  }
}
