import {
  EEXIST,
  EINVAL,
  ENODEV,
  ENOENT,
  MEM_MAJOR,
  MS_RDONLY,
  makedev,
  NULL_MINOR,
  S_IFBLK,
  S_IFCHR,
  S_IFIFO,
  S_IFREG,
} from '@sandbox/abi';
import type { ContainerCore, KernelCore } from '@sandbox/kernel-core/process';
import { IdMap } from '@sandbox/kernel-core/process';
import { procfs } from '@sandbox/kernel-core/views';
import {
  claimReadOnly,
  type FileSystem,
  type FileSystemSpec,
  FsContext,
  KERNEL_CREDENTIALS,
  type Mount,
  MountIds,
  mountFlags,
  Path,
  TmpfsFileSystem,
} from '@sandbox/vfs';
import { makeDirectories } from '../boot.js';
import { checkCount, checkList, checkObject, checkPath, checkRecord, checkText } from '../check.js';
import { InvalidOptionError, MountError } from '../errors.js';
import { checkSpec } from '../options.js';
import { toBytes } from '../text.js';
import { parseMountOptions, propagationOf } from './mount-options.js';
import { type IdMapOption, type IdMapsOption, idRanges } from './namespaces.js';

/**
 * What is mounted: by the kernel's name for it, as mount(2) takes it; something of the embedder's; or a place
 * of the container's tree.
 */
export type MountSource =
  | { readonly type: string; readonly source?: string }
  | { readonly fs: FileSystemSpec; readonly inner?: string; readonly source?: string }
  | { readonly bind: string; readonly recursive?: boolean };

export interface ContainerMount {
  /** Absolute path in the container. */
  path: string;
  /**
   * With `inner` only this file or directory of `fs` is shown. `source` is the first column of /proc/mounts.
   */
  what: MountSource;
  /**
   * As mount(8) takes them with -o: 'ro', 'nosuid', 'rslave'; others are the file system's own ('size=1m').
   */
  options?: readonly string[];
  /**
   * An ID-mapped mount: whose files are of the id `inside` are shown as those of `outside`
   * (mount_setattr(2)).
   */
  ids?: IdMapsOption;
}

export interface DeviceNode {
  path: string;
  kind: 'char' | 'block' | 'fifo';
  major?: number;
  minor?: number;
  /** Permission bits; default 0o666. */
  mode?: number;
  uid?: number;
  gid?: number;
}

const MOUNT_OPTIONS: Record<keyof ContainerMount, true> = {
  path: true,
  what: true,
  options: true,
  ids: true,
};
const NODE_OPTIONS: Record<keyof DeviceNode, true> = {
  path: true,
  kind: true,
  major: true,
  minor: true,
  mode: true,
  uid: true,
  gid: true,
};

function checkSource(what: MountSource): void {
  checkRecord('what', what);
  if ('bind' in what) checkPath('what.bind', what.bind);
  else if ('fs' in what) {
    checkSpec('what.fs', what.fs);
    if (what.inner !== undefined) checkPath('what.inner', what.inner);
  } else checkText('what.type', what.type);
  if ('source' in what && what.source !== undefined) checkText('what.source', what.source);
}

function checkNode(node: DeviceNode): DeviceNode {
  const { path, kind, ...numbers } = checkObject('', node, NODE_OPTIONS);
  checkPath('path', path);
  if (!Object.hasOwn(KIND_BITS, kind))
    throw new InvalidOptionError('kind', `'${String(kind)}' is none of ${Object.keys(KIND_BITS).join(', ')}`);
  for (const [name, value] of Object.entries(numbers))
    if (value !== undefined) checkCount(name, value, 0, 0xffffffff);
  return node;
}

const KIND_BITS = { char: S_IFCHR, block: S_IFBLK, fifo: S_IFIFO } as const;

/** Builds the tree of a container. Methods are called within the kernel. */
export class MountTable {
  constructor(
    private readonly core: KernelCore,
    private readonly container: ContainerCore,
    private readonly context: FsContext,
  ) {}

  mount(mount: ContainerMount): void {
    const { path, what, options = [], ids } = checkObject('', mount, MOUNT_OPTIONS);
    const { vfs } = this.core;
    const bytes = toBytes(checkPath('path', path));
    checkSource(what);
    const { flags, propagation, data } = parseMountOptions(
      checkList('options', options).map((option, i) => checkText(`options[${i}]`, option)),
    );
    const kind = 'type' in what ? what.type : 'fs' in what ? what.fs.kind : 'bind';
    const tree = this.treeOf(what, flags, data);
    if (typeof tree === 'number') throw new MountError(path, kind, -tree);
    if (ids !== undefined) this.mapIds(tree, path, kind, ids);
    let r: number;
    try {
      const at = this.mountPoint(bytes, tree.root.inode!.isDirectory);
      r = typeof at === 'number' ? at : vfs.moveMount(this.context, new Path(tree, tree.root), at);
    } finally {
      if (tree.namespace?.anonymous) tree.namespace.detach(tree);
    }
    if (r === 0 && propagation !== 0)
      r = this.at(bytes, (p) => vfs.changePropagation(this.context, p, propagation));
    if (r === 0 && bytes === '/') this.context.root = FsContext.atRoot(this.context.namespace).root;
    if (r < 0) throw new MountError(path, kind, -r);
  }

  private mapIds(tree: Mount, path: string, kind: string, ids: IdMapsOption): void {
    try {
      // A tree that was mapped before stays as it is, and so do file systems that tell ids otherwise.
      if (tree.ids !== null || !tree.fs.allowsIdMap) throw new MountError(path, kind, EINVAL);
      const ranges = (option: string, list: readonly IdMapOption[]) => new IdMap(idRanges(option, list));
      tree.ids = new MountIds(ranges('ids.uids', ids.uids), ranges('ids.gids', ids.gids));
    } catch (error) {
      tree.namespace?.detach(tree);
      throw error;
    }
  }

  /** What is to be mounted, in no tree yet: a mount, or -errno. */
  private treeOf(what: MountSource, flags: number, data: string): Mount | number {
    const { vfs } = this.core;
    if ('bind' in what) {
      const from = vfs.resolve(this.context, KERNEL_CREDENTIALS, null, toBytes(what.bind));
      if (typeof from === 'number') return from;
      const tree = vfs.cloneTree(this.context, from, what.recursive ?? false);
      if (typeof tree !== 'number') tree.flags |= mountFlags(flags);
      return tree;
    }
    if ('fs' in what) {
      const tree = vfs.createDetached(what.fs.create(this.core.mountEnv), flags);
      if (what.source !== undefined) tree.source = toBytes(what.source);
      return what.inner === undefined ? tree : this.part(tree, toBytes(what.inner));
    }
    const fs = this.kernelFs(what.type, toBytes(what.source ?? what.type), data);
    if (typeof fs === 'number') return fs;
    return vfs.createDetached(fs, claimReadOnly(fs, flags));
  }

  private kernelFs(type: string, source: string, data: string): FileSystem | number {
    const { core } = this;
    if (type === 'proc') {
      const fs = procfs(core, this.container.pids);
      fs.source = source;
      return fs;
    }
    const factory = core.vfs.fsTypes.get(type);
    return factory === undefined ? -ENODEV : factory(source, toBytes(data), core.vfs.env);
  }

  /** The mount of one file or directory of the detached `tree`, which goes. */
  private part(tree: Mount, inner: string): Mount | number {
    const { vfs } = this.core;
    const inside = FsContext.atRoot(tree.namespace!);
    try {
      const at = vfs.resolve(inside, KERNEL_CREDENTIALS, null, inner);
      if (typeof at === 'number') return at;
      const part = vfs.cloneTree(inside, at, false);
      if (typeof part !== 'number') part.source = tree.source;
      return part;
    } finally {
      inside.release();
    }
  }

  private at(path: string, fn: (path: Path) => number): number {
    const at = this.core.vfs.resolve(this.context, KERNEL_CREDENTIALS, null, path);
    return typeof at === 'number' ? at : fn(at);
  }

  /** The place `path`, made when it is missing. */
  private mountPoint(path: string, directory: boolean): Path | number {
    const { vfs } = this.core;
    const at = vfs.resolve(this.context, KERNEL_CREDENTIALS, null, path);
    if (at !== -ENOENT) return at;
    if (directory) makeDirectories(this.core, this.context, path);
    else {
      const parent = path.slice(0, path.lastIndexOf('/'));
      if (parent !== '') makeDirectories(this.core, this.context, parent);
      const r = vfs.mknod(this.context, KERNEL_CREDENTIALS, null, path, S_IFREG | 0o755, 0);
      if (r < 0 && r !== -EEXIST) return r;
    }
    return vfs.resolve(this.context, KERNEL_CREDENTIALS, null, path);
  }

  makeReadOnly(path: string): boolean {
    const { vfs } = this.core;
    const bytes = toBytes(checkPath('path', path));
    const at = vfs.resolve(this.context, KERNEL_CREDENTIALS, null, bytes);
    if (at === -ENOENT) return false;
    if (typeof at === 'number') throw new MountError(path, 'bind', -at);
    if (at.dentry === at.mount.root) {
      const r = vfs.remount(this.context, at, at.mount.flags | MS_RDONLY, false);
      if (r < 0) throw new MountError(path, 'bind', -r);
    } else {
      const flags = at.mount.flags | MS_RDONLY;
      const r = vfs.bind(this.context, at, at, true);
      if (r < 0) throw new MountError(path, 'bind', -r);
      this.at(bytes, (p) => vfs.remount(this.context, p, flags, false));
    }
    return true;
  }

  propagate(path: string, how: string): void {
    const flags = propagationOf(how);
    if (flags === 0) throw new InvalidOptionError('how', `'${how}' is no propagation of mounts`);
    const bytes = toBytes(checkPath('path', path));
    const r = this.at(bytes, (at) => this.core.vfs.changePropagation(this.context, at, flags));
    if (r < 0) throw new MountError(path, how, -r);
  }

  hide(path: string): boolean {
    const { vfs } = this.core;
    const bytes = toBytes(checkPath('path', path));
    const at = vfs.resolve(this.context, KERNEL_CREDENTIALS, null, bytes);
    if (at === -ENOENT) return false;
    let r: number;
    if (typeof at === 'number') r = at;
    else if (at.dentry.inode!.isDirectory) {
      const fs = new TmpfsFileSystem(this.core.mountEnv, { mode: 0o755, size: 0 });
      fs.readOnly = true;
      const mount = vfs.mountAt(this.context, at, fs, 0);
      r = typeof mount === 'number' ? mount : 0;
    } else r = this.coverFile(at);
    if (r < 0) throw new MountError(path, 'bind', -r);
    return true;
  }

  /** A /dev/null of its own lies over the file. */
  private coverFile(at: Path): number {
    const { core } = this;
    const fs = new TmpfsFileSystem(core.mountEnv, { mode: 0o755 });
    const rdev = makedev(MEM_MAJOR, NULL_MINOR);
    fs.root.mknod('null', { mode: S_IFCHR | 0o666, uid: 0, gid: 0, rdev });
    const part = this.part(core.vfs.createDetached(fs, 0), '/null');
    if (typeof part === 'number') return part;
    const r = core.vfs.moveMount(this.context, new Path(part, part.root), at);
    if (r < 0) part.namespace?.detach(part);
    return r;
  }

  makeNode(node: DeviceNode): void {
    const { path, kind, major = 0, minor = 0, mode = 0o666, uid = 0, gid = 0 } = checkNode(node);
    const { vfs } = this.core;
    const bytes = toBytes(path);
    const bits = KIND_BITS[kind];
    const parent = bytes.slice(0, bytes.lastIndexOf('/'));
    if (parent !== '') makeDirectories(this.core, this.context, parent);
    vfs.unlink(this.context, KERNEL_CREDENTIALS, null, bytes);
    const r = vfs.mknod(
      this.context,
      KERNEL_CREDENTIALS,
      null,
      bytes,
      bits | (mode & 0o777),
      makedev(major, minor),
    );
    if (r < 0) throw new MountError(path, 'device', -r);
    this.at(bytes, (p) => {
      vfs.chmod(p, KERNEL_CREDENTIALS, mode & 0o7777);
      return uid === 0 && gid === 0 ? 0 : vfs.chown(p, KERNEL_CREDENTIALS, uid, gid);
    });
  }
}
