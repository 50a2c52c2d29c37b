import {
  AT_EMPTY_PATH,
  BPF_FS_MAGIC,
  CGROUP_SUPER_MAGIC,
  CGROUP2_SUPER_MAGIC,
  DEBUGFS_MAGIC,
  DEVPTS_SUPER_MAGIC,
  MQUEUE_MAGIC,
  NSFS_MAGIC,
  PROC_SUPER_MAGIC,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  SECURITYFS_MAGIC,
  SELINUX_MAGIC,
  STATFS,
  SYSFS_MAGIC,
  TRACEFS_MAGIC,
} from '@sandbox/abi';
import {
  hostEffectiveGid,
  hostEffectiveUid,
  hostFstatfs,
  hostStatx,
  hostSyncfs,
  statfsWords,
} from '@sandbox/native';
import { CacheBudget } from '../cache/budget.js';
import { VfsError } from '../core/errors.js';
import { FileSystem, type FileSystemSpec, type FsStats, type MountEnvironment } from '../core/filesystem.js';
import { guestAttributes, readGuestAttributesAt } from './guest-attributes.host.js';
import { HostAccess } from './host-access.host.js';
import { HostDirectory, SharedHostDirectory } from './host-directory.host.js';
import { type HostInode, HostSpecial } from './host-inode.host.js';
import { HostRegular } from './host-regular.host.js';
import { HostSymlink } from './host-symlink.host.js';
import { InodeNumbers } from './inode-numbers.js';
import { type HostFsOptions, type HostFsSettings, hostFsSettings, toGuestId } from './options.js';
import { sameBirth, statxDev, statxInoHi, statxInoLo, statxMode } from './statx.host.js';

/** File systems that show the host's kernel or its processes, the embedder's own among them. */
const KERNEL_FILE_SYSTEMS = new Set<number>([
  PROC_SUPER_MAGIC,
  SYSFS_MAGIC,
  CGROUP_SUPER_MAGIC,
  CGROUP2_SUPER_MAGIC,
  DEBUGFS_MAGIC,
  TRACEFS_MAGIC,
  SECURITYFS_MAGIC,
  SELINUX_MAGIC,
  BPF_FS_MAGIC,
  DEVPTS_SUPER_MAGIC,
  MQUEUE_MAGIC,
  NSFS_MAGIC,
]);
const FIRST_SWEEP = 4096;
const MAX_WRITTEN = 1024;

/** A host directory as a file system. See `hostfs`. */
export class HostFileSystem extends FileSystem {
  readonly typeName: string = 'hostfs';
  readonly root: HostDirectory;
  readonly exclusive: boolean;
  private readonly euid: number;
  private readonly egid: number;
  readonly budget: CacheBudget;
  /** Files with pages written through mappings and not yet written back. */
  readonly unsynced = new Set<HostRegular>();
  /** Files written since the last sync, unless they are too many. */
  private readonly written = new Set<HostRegular>();
  private writtenMany = false;
  private readonly numbers: InodeNumbers;
  /** Every inode in use, by guest inode number. Those nobody holds disappear by themselves. */
  private readonly inodes = new Map<number, WeakRef<HostInode>>();
  private sweepAt = FIRST_SWEEP;

  constructor(
    env: MountEnvironment,
    readonly settings: HostFsSettings,
    readonly access: HostAccess,
  ) {
    super(env);
    this.source = settings.directory;
    this.readOnly = settings.readOnly;
    this.exclusive = settings.exclusive;
    this.euid = hostEffectiveUid();
    this.egid = hostEffectiveGid();
    this.budget = new CacheBudget(settings.cacheLimit);
    env.memoryUsers?.add(this.budget);
    // The caller made statx describe the root.
    this.numbers = new InodeNumbers(statxDev());
    this.root = this.makeDirectory(this.guestIno(statxDev(), statxInoLo(), statxInoHi()));
    this.root.name = '';
    this.root.fill();
    this.inodes.set(this.root.ino, new WeakRef<HostInode>(this.root));
  }

  /** The embedder may give files away. */
  get privileged(): boolean {
    return this.euid === 0;
  }

  /** How a host owner appears. Where guests keep their own, the embedder stands for root. */
  shownUid(uid: number): number {
    if (this.settings.guestMetadata && uid === this.euid) return 0;
    return toGuestId(this.settings.uidMap, uid);
  }
  shownGid(gid: number): number {
    if (this.settings.guestMetadata && gid === this.egid) return 0;
    return toGuestId(this.settings.gidMap, gid);
  }

  private turnCount = 1;
  private turnEnds = false;

  /**
   * Numbers turns of the event loop. In a shared tree, what the host said is trusted until the turn ends:
   * whoever else changes it is another process, or code of this one that runs in a later turn.
   */
  get turn(): number {
    if (!this.turnEnds && !this.exclusive) {
      this.turnEnds = true;
      queueMicrotask(this.nextTurn);
    }
    return this.turnCount;
  }
  private readonly nextTurn = (): void => {
    this.turnEnds = false;
    this.turnCount++;
  };

  guestIno(dev: number, lo: number, hi: number): number {
    return this.numbers.guest(dev, lo, hi);
  }

  /** The inode of the file the last statx described, seen in `parent` as `name`; null: it has no name. */
  fromStatx(parent: HostDirectory | null, name: string): HostInode {
    const ino = this.guestIno(statxDev(), statxInoLo(), statxInoHi());
    const known = this.inodes.get(ino)?.deref();
    if (known !== undefined && (known.hostMode & S_IFMT) === (statxMode() & S_IFMT) && sameBirth(known)) {
      if (parent !== null) known.named(parent, name);
      if (!this.exclusive || known.stale) known.fill();
      return known;
    }
    const made = this.make(ino, this.shownType(parent, name));
    if (parent !== null) made.named(parent, name);
    made.fill();
    this.inodes.set(ino, new WeakRef(made));
    if (this.inodes.size >= this.sweepAt) this.sweep();
    if (made instanceof HostDirectory && made.hostDev !== parent?.hostDev) this.examine(made);
    return made;
  }

  /** Type of the file of the last statx: a guest's device may be an ordinary file on the host. */
  private shownType(parent: HostDirectory | null, name: string): number {
    const type = statxMode() & S_IFMT;
    if (type !== S_IFREG || parent === null || !this.settings.guestMetadata) return type;
    const dir = this.access.dirFd(parent);
    if (dir < 0 || !readGuestAttributesAt(dir, name)) return type;
    const shown = guestAttributes.mode & S_IFMT;
    return shown === S_IFDIR || shown === S_IFLNK ? type : shown;
  }

  private make(ino: number, type: number): HostInode {
    switch (type) {
      case S_IFREG:
        return new HostRegular(this, ino, type);
      case S_IFDIR:
        return this.makeDirectory(ino);
      case S_IFLNK:
        return new HostSymlink(this, ino, type);
      default:
        return new HostSpecial(this, ino, type);
    }
  }

  private makeDirectory(ino: number): HostDirectory {
    return this.exclusive
      ? new HostDirectory(this, ino, S_IFDIR)
      : new SharedHostDirectory(this, ino, S_IFDIR);
  }

  /** A mount point on the host: the kernel's own file systems are none of the guest's business. */
  private examine(dir: HostDirectory): void {
    const fd = this.access.dirFd(dir);
    if (fd < 0 || hostFstatfs(fd) < 0 || !KERNEL_FILE_SYSTEMS.has(statfsWords[0])) return;
    dir.hidden = true;
    dir.evict();
    dir.mode = S_IFDIR | 0o555;
    dir.nlink = 2;
  }

  /** The file is gone from the host. */
  forget(inode: HostInode): void {
    this.inodes.delete(inode.ino);
  }

  private sweep(): void {
    for (const [ino, ref] of this.inodes) if (ref.deref() === undefined) this.inodes.delete(ino);
    this.sweepAt = Math.max(FIRST_SWEEP, this.inodes.size * 2);
  }

  override get allowsIdMap(): boolean {
    return true;
  }
  override get ownsNames(): boolean {
    return this.exclusive;
  }

  override statfs(): FsStats {
    const w = statfsWords;
    const word = (offset: number): number => w[offset / 4] + w[offset / 4 + 1] * 4294967296;
    if (hostFstatfs(this.access.rootFd) < 0) w.fill(0);
    return {
      type: w[STATFS.f_type / 4],
      bsize: word(STATFS.f_bsize),
      blocks: word(STATFS.f_blocks),
      bfree: word(STATFS.f_bfree),
      bavail: word(STATFS.f_bavail),
      files: word(STATFS.f_files),
      ffree: word(STATFS.f_ffree),
      namelen: word(STATFS.f_namelen),
    };
  }

  override get options(): string {
    return this.exclusive ? 'cache=exclusive' : 'cache=shared';
  }

  override sync(): number {
    let result = 0;
    for (const inode of [...this.unsynced]) {
      const r = inode.flushPages();
      if (r < 0) result = r;
    }
    // The host's whole file system only when there is no other way: that may take it long.
    if (this.writtenMany) {
      const fd = this.access.dirFd(this.root);
      if (fd >= 0) hostSyncfs(fd);
    } else for (const inode of [...this.written]) inode.fsync(false);
    this.written.clear();
    this.writtenMany = false;
    return result;
  }

  /** `inode` was written: sync(2) is to write it out. */
  noteWritten(inode: HostRegular): void {
    if (this.written.size < MAX_WRITTEN) this.written.add(inode);
    else if (!this.written.has(inode)) this.writtenMany = true;
  }

  forgetWritten(inode: HostRegular): void {
    this.written.delete(inode);
    this.unsynced.delete(inode);
  }

  override dispose(): void {
    for (const inode of [...this.unsynced]) inode.flushPages();
    for (const ref of this.inodes.values()) ref.deref()?.evict();
    this.inodes.clear();
    this.written.clear();
    this.env.memoryUsers?.delete(this.budget);
    this.access.close();
  }
}

function createHostFs(settings: HostFsSettings, env: MountEnvironment): HostFileSystem {
  const path = Buffer.from(settings.directory, 'utf8').toString('latin1');
  const access = HostAccess.open(path, settings.maxHostFds, settings.exclusive);
  if (typeof access === 'number') {
    throw new VfsError(
      'ERR_VFS_HOST_DIRECTORY',
      `hostfs: cannot open directory ${settings.directory}`,
      -access,
    );
  }
  const r = hostStatx(access.rootFd, '', AT_EMPTY_PATH);
  const kernelFs = hostFstatfs(access.rootFd) === 0 && KERNEL_FILE_SYSTEMS.has(statfsWords[0]);
  if (r < 0 || kernelFs) {
    access.close();
    const why = kernelFs ? 'shows the kernel of the host' : 'cannot be examined';
    throw new VfsError('ERR_VFS_HOST_DIRECTORY', `hostfs: ${settings.directory} ${why}`, r < 0 ? -r : 0);
  }
  if (!settings.readOnly && access.procFd < 0) {
    access.close();
    throw new VfsError('ERR_VFS_HOST_UNSUPPORTED', 'hostfs: writing needs /proc on the host');
  }
  return new HostFileSystem(env, settings, access);
}

/**
 * A directory of the host as a file system: `hostfs('./data', { readOnly: true })`. Nothing outside it can be
 * reached through it. See the README for what is shown how.
 *
 * @throws VfsError ERR_VFS_INVALID_OPTION at once; ERR_VFS_HOST_DIRECTORY, ERR_VFS_HOST_UNSUPPORTED when it
 * is mounted.
 */
export function hostfs(directory: string, options: HostFsOptions = {}): FileSystemSpec {
  const settings = hostFsSettings(directory, options);
  const asLayer = (writable: boolean): HostFsSettings => ({
    ...settings,
    exclusive: options.cache === undefined || settings.exclusive,
    readOnly: settings.readOnly || !writable,
  });
  return {
    kind: 'hostfs',
    create: (env) => createHostFs(settings, env),
    createLayer: (env, writable) => createHostFs(asLayer(writable), env),
  };
}
