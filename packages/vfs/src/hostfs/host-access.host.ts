import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  EACCES,
  ELOOP,
  ENAMETOOLONG,
  ENOENT,
  ENOSYS,
  ENOTDIR,
  EPERM,
  ESTALE,
  O_CLOEXEC,
  O_DIRECTORY,
  O_NOCTTY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  PROC_SUPER_MAGIC,
  RESOLVE_BENEATH,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
  S_IFMT,
  S_IFREG,
} from '@sandbox/abi';
import {
  hostClose,
  hostFstatfs,
  hostOpenat,
  hostOpenat2,
  hostStatx,
  statfsWords,
  statxWords,
} from '@sandbox/native';
import { type HostFd, HostFds } from './host-fds.host.js';
import { STATX_MODE_WORD, sameHostFile } from './statx.host.js';

const RESOLVE = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
const DIR_FLAGS = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
/** Longest relative path given to the host at once. */
const MAX_PATH = 3800;

/** What `HostAccess` needs to know of a file to find it again on the host. */
export interface HostNode {
  readonly hostDev: number;
  readonly inoLo: number;
  readonly inoHi: number;
  /** A directory that holds it under `name`; null for the root and for files without a known name. */
  readonly parent: HostDirNode | null;
  readonly name: string;
}
export interface HostDirNode extends HostNode {
  readonly parent: HostDirNode | null;
  dirFd: HostFd | null;
}

/**
 * The only way to host files of one tree. Everything starts at one descriptor of the root directory and goes
 * down by names; the host never follows a symbolic link, a magic link or '..' for us, so nothing outside the
 * tree can be reached, whatever the tree contains and whoever changes it meanwhile.
 */
export class HostAccess {
  readonly fds: HostFds;
  private canOpenat2 = true;

  constructor(
    readonly rootFd: number,
    /** /proc/self/fd, to reopen and change what a descriptor refers to; -1 without /proc. */
    readonly procFd: number,
    maxFds: number,
    /** Nobody else changes the tree: what a name led to once need not be verified. */
    private readonly trusting: boolean,
  ) {
    this.fds = new HostFds(maxFds);
  }

  /** Open the root and /proc/self/fd. An instance, or -errno. */
  static open(directory: string, maxFds: number, trusting: boolean): HostAccess | number {
    const rootFd = hostOpenat(AT_FDCWD, directory, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    if (rootFd < 0) return rootFd;
    return new HostAccess(rootFd, openProcFd(), maxFds, trusting);
  }

  /**
   * A descriptor of directory `node`, valid until the next call here; or -errno. Opened for reading where the
   * host permits.
   */
  dirFd(node: HostDirNode): number {
    const known = node.dirFd;
    if (known !== null && known.open) {
      this.fds.touch(known);
      return known.fd;
    }
    if (node.parent === null) return this.openRoot(node);
    let fd = this.openDir(node);
    if (fd < 0 && this.fds.relieve(fd)) fd = this.openDir(node);
    if (fd < 0) return fd;
    if (!this.trusting && !this.isSame(fd, node)) {
      hostClose(fd);
      return -ESTALE;
    }
    node.dirFd = this.fds.add(fd);
    return fd;
  }

  private openRoot(node: HostDirNode): number {
    // A node without parent that is not the root has lost its name.
    if (node.name !== '') return -ESTALE;
    const fd = hostOpenat(this.rootFd, '.', O_RDONLY | DIR_FLAGS, 0);
    if (fd < 0) return fd === -EACCES ? this.rootFd : fd;
    node.dirFd = this.fds.add(fd);
    return fd;
  }

  /** Go down to `node` from the nearest ancestor that is open. */
  private openDir(node: HostDirNode): number {
    const names: string[] = [];
    let from = this.rootFd;
    for (let d: HostDirNode = node; ; ) {
      names.push(d.name);
      const parent = d.parent;
      if (parent === null) return -ESTALE;
      if (parent.parent === null) {
        if (parent.name !== '') return -ESTALE;
        break;
      }
      if (parent.dirFd !== null && parent.dirFd.open) {
        this.fds.touch(parent.dirFd);
        from = parent.dirFd.fd;
        break;
      }
      d = parent;
    }
    return this.descend(from, names.reverse());
  }

  /** Open the directory `names` below `from`, in pieces a path can hold. */
  private descend(from: number, names: readonly string[]): number {
    let at = from;
    let i = 0;
    while (i < names.length) {
      let path = names[i++]!;
      while (i < names.length && path.length + names[i]!.length < MAX_PATH) path += `/${names[i++]}`;
      const last = i === names.length;
      let fd = this.openBelow(at, path, (last ? O_RDONLY : O_PATH) | DIR_FLAGS);
      if (fd === -EACCES && last) fd = this.openBelow(at, path, O_PATH | DIR_FLAGS);
      if (at !== from) hostClose(at);
      if (fd < 0) return fd === -ELOOP ? -ENOTDIR : fd;
      at = fd;
    }
    return at;
  }

  private openBelow(at: number, path: string, flags: number): number {
    if (this.canOpenat2) {
      const fd = hostOpenat2(at, path, flags, RESOLVE);
      if (fd !== -ENOSYS && fd !== -EPERM) return fd;
      this.canOpenat2 = false;
    }
    return stepwise(at, path, flags);
  }

  /**
   * Open the regular file `node` for reading (and writing). A new descriptor, or -errno; -ESTALE when it is
   * no longer there.
   */
  openFile(node: HostNode, access: number): number {
    if (node.parent === null) return -ESTALE;
    const dir = this.dirFd(node.parent);
    if (dir < 0) return dir;
    const flags = access | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    let fd = this.openVerified(dir, node, flags);
    if (fd < 0 && this.fds.relieve(fd)) fd = this.openVerified(this.dirFd(node.parent), node, flags);
    return fd;
  }

  private openVerified(dir: number, node: HostNode, flags: number): number {
    if (dir < 0) return dir;
    if (this.trusting || this.procFd < 0) return this.checked(hostOpenat(dir, node.name, flags, 0), node);
    // Look before opening: had the name become a device or a FIFO meanwhile, opening would have effects.
    const handle = this.checked(hostOpenat(dir, node.name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0), node);
    if (handle < 0) return handle;
    const fd = hostOpenat(this.procFd, String(handle), flags & ~O_NOFOLLOW, 0);
    hostClose(handle);
    return fd;
  }

  /** `fd` if it is the regular file `node`; closes it and answers -ESTALE if not. */
  private checked(fd: number, node: HostNode): number {
    if (fd < 0) return fd === -ELOOP || fd === -ENOENT ? -ESTALE : fd;
    if (this.isSame(fd, node) && (statxWords[STATX_MODE_WORD] & S_IFMT) === S_IFREG) return fd;
    hostClose(fd);
    return -ESTALE;
  }

  private isSame(fd: number, node: HostNode): boolean {
    return hostStatx(fd, '', AT_EMPTY_PATH) === 0 && sameHostFile(node);
  }

  /** An O_PATH descriptor of a file of any type, to change its attributes; the caller closes it. */
  openHandle(node: HostNode): number {
    if (node.parent === null)
      return node.name === '' ? hostOpenat(this.rootFd, '.', O_PATH | O_CLOEXEC, 0) : -ESTALE;
    const dir = this.dirFd(node.parent);
    if (dir < 0) return dir;
    const fd = hostOpenat(dir, node.name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd < 0) return fd === -ENOENT ? -ESTALE : fd;
    if (this.isSame(fd, node)) return fd;
    hostClose(fd);
    return -ESTALE;
  }

  close(): void {
    this.fds.closeAll();
    hostClose(this.rootFd);
    if (this.procFd >= 0) hostClose(this.procFd);
  }
}

/** The host has no openat2(2): one component at a time, none of them a link. */
function stepwise(from: number, path: string, flags: number): number {
  const names = path.split('/');
  let at = from;
  for (let i = 0; i < names.length; i++) {
    const fd = hostOpenat(at, names[i]!, i === names.length - 1 ? flags : O_PATH | DIR_FLAGS, 0);
    if (at !== from) hostClose(at);
    if (fd < 0) return fd;
    at = fd;
  }
  return at;
}

function openProcFd(): number {
  const fd = hostOpenat(AT_FDCWD, '/proc/self/fd', O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  if (fd < 0) return -1;
  if (hostFstatfs(fd) === 0 && statfsWords[0] === PROC_SUPER_MAGIC) return fd;
  hostClose(fd);
  return -1;
}

/** A single file name as the host will take it: no path syntax, no unit that is not a byte. */
export function badName(name: string): number {
  const n = name.length;
  if (n > 255) return -ENAMETOOLONG;
  for (let i = 0; i < n; i++) {
    const c = name.charCodeAt(i);
    if (c === 47 || c === 0 || c > 255) return -ENOENT;
  }
  return n === 0 || name === '.' || name === '..' ? -ENOENT : 0;
}
