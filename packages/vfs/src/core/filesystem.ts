import { MS_RDONLY } from '@sandbox/abi';
import type { Dentry } from './dentry.js';
import { type File, releaseFile } from './file.js';
import type { FileHandles } from './handles.js';
import type { Inode } from './inode.js';

import type { Mount } from './mount.js';
import type { IdTable } from './mount-ids.js';
import type { PageStore } from './page-store.js';
import type { Quotas } from './quota.js';

/** The present, for timestamps: what file systems need of a clock. */
export interface FsClock {
  /**
   * Seconds since the epoch of the current instant; `nsec` then holds the rest. One call, two reads: no
   * allocation.
   */
  now(): number;
  readonly nsec: number;
}

/** Holds memory of the page store that it can do without. */
export interface MemoryUser {
  /** Give back about `bytes`, as far as possible. Bytes given back. */
  reclaim(bytes: number): number;
}

/**
 * Bounds what all file systems together keep on the heap: one unit an inode, or a KiB of names and values.
 */
export class ObjectBudget {
  used = 0;
  constructor(public limit: number) {}
  /** Take `n`; false when the limit is reached. */
  charge(n: number): boolean {
    if (this.used + n > this.limit) return false;
    this.used += n;
    return true;
  }
  uncharge(n: number): void {
    this.used -= n;
  }
}

/** What a file system gets from whoever mounts it. */
export interface MountEnvironment {
  readonly pages: PageStore;
  readonly clock: FsClock;
  /** Uniform random 32-bit number (for inode generation and the like). */
  random(): number;
  /** Whom to ask for memory when it is short: file systems enter their caches here. */
  readonly memoryUsers?: Set<MemoryUser>;
  /**
   * Wake guests from outside: files whose answers come later (a promise) call it around what they do then.
   * Absent: just do it.
   */
  enter?(fn: () => void): void;
  /**
   * An operation answered -EAGAIN because content of this file has to come first: whoever asked takes it,
   * waits on it and asks again.
   */
  awaited?: File | null;
  /** May whoever acts now use more than quotas allow (CAP_SYS_RESOURCE)? Absent: everybody may. */
  ignoresQuotas?(): boolean;
  /** A fresh anonymous device number (st_dev) for a new file system. */
  nextDev(): number;
  /** Shared by the file systems whose inodes live in memory only; without it each has its own limit alone. */
  readonly objects?: ObjectBudget;
}

/** The operation under way answers -EAGAIN until `file`, kept open so long, has what it was asked for. */
export function awaitFile(env: MountEnvironment, file: File): void {
  file.refs++;
  if (env.awaited) releaseFile(env.awaited);
  env.awaited = file;
}

/** statfs(2) figures; bytes count in units of `bsize`. */
export interface FsStats {
  type: number;
  bsize: number;
  blocks: number;
  bfree: number;
  bavail: number;
  files: number;
  ffree: number;
  namelen: number;
}

/** What a file system without figures of its own says (Linux: simple_statfs). */
export function simpleStats(magic: number): FsStats {
  return {
    type: magic,
    bsize: 4096,
    blocks: 0,
    bfree: 0,
    bavail: 0,
    files: 0,
    ffree: 0,
    namelen: 255,
  };
}

/** A mounted file system instance (Linux: super_block). */
export abstract class FileSystem {
  /** st_dev of its inodes. */
  dev = 0;
  /** Name in /proc/filesystems and the type column of /proc/mounts. */
  abstract readonly typeName: string;
  /** The first column of /proc/mounts. */
  source = 'none';
  readOnly = false;
  /** Mounts showing it, detached ones in use included. Maintained by `Mount`. */
  mounts = 0;
  /** Descriptions of its files open for writing, over all mounts. Maintained by the VFS. */
  writers = 0;
  /** Its root in the dentry cache, once mounted. */
  rootDentry: Dentry | null = null;
  /**
   * The user namespace it was mounted in (Linux: s_user_ns): ids without a place there are not kept. Null:
   * all are.
   */
  userNs: { readonly uids: IdTable; readonly gids: IdTable } | null = null;
  /** Overlays below each other that it is the topmost of. */
  stackDepth = 0;
  /** It can be made writable (MS_REMOUNT without MS_RDONLY); false: -EROFS. */
  get canWrite(): boolean {
    return true;
  }
  /** Its files may be bound into the tree, although their own mount is in none (nsfs). */
  get bindable(): boolean {
    return false;
  }

  /** What users and groups may use of it; null: there are no quotas. */
  readonly quotas: Quotas | null = null;

  /** One instance for all its mounts: whether they are read-only is for each of them to say. */
  get single(): boolean {
    return false;
  }
  /** Where a mount made now begins: names from its root down (cgroup2: the root of a cgroup namespace). */
  get entrance(): readonly string[] {
    return [];
  }
  /** What a mount with this root shows, for mountinfo; null: the path from the file system's root. */
  rootText(_root: Dentry): string | null {
    return null;
  }

  /**
   * Names in it change through its inodes alone: nobody else, an embedder or the host, adds or removes any.
   */
  get ownsNames(): boolean {
    return false;
  }

  /** Its mounts may show other owners than it keeps (FS_ALLOW_IDMAP). */
  get allowsIdMap(): boolean {
    return false;
  }

  /** A mount of it was made, or is neither in a tree nor in use any more. */
  mountMade(_mount: Mount): void {}
  mountEnded(_mount: Mount): void {}

  /** Called when the last mount of it is gone. Set by the VFS, which then calls `dispose`. */
  onUnmounted: ((fs: FileSystem) => void) | null = null;

  /** Handles of its files (open_by_handle_at(2)); null: it cannot find files by handles. */
  get handles(): FileHandles | null {
    return null;
  }

  constructor(readonly env: MountEnvironment) {
    this.dev = env.nextDev();
  }

  abstract get root(): Inode;
  abstract statfs(): FsStats;
  /** Options shown in /proc/mounts after rw/ro, without a leading comma. */
  get options(): string {
    return '';
  }
  /**
   * mount(2) MS_REMOUNT: change options, given as to mount(2). 0 or -EINVAL; what it does not know it
   * ignores.
   */
  reconfigure(_data: string): number {
    return 0;
  }
  /** Write everything back (syncfs(2)); 0 or -errno. */
  sync(): number {
    return 0;
  }
  /** The last mount of it is gone. */
  dispose(): void {}
}

/**
 * MS_RDONLY of a new mount belongs to the file system, if that is the mount's alone. The flags that are left
 * for the mount.
 */
export function claimReadOnly(fs: FileSystem, flags: number): number {
  if ((flags & MS_RDONLY) === 0 || fs.single) return flags;
  fs.readOnly = true;
  return flags & ~MS_RDONLY;
}

/**
 * A recipe for a file system that an embedder writes down before any kernel exists: `hostfs('/')`, `tmpfs({
 * size })`.
 */
export interface FileSystemSpec {
  /** For messages. */
  readonly kind: string;
  /** Build it. Throws a typed `VfsError` when its options cannot be met (a missing host directory). */
  create(env: MountEnvironment): FileSystem;
  /**
   * Build it as a layer of an overlay, which nobody changes behind its back, nor the overlay either but for
   * the `writable` one; absent: the same as `create`.
   */
  createLayer?(env: MountEnvironment, writable: boolean): FileSystem;
}
