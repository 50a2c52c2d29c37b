import {
  EAGAIN,
  EIO,
  ENOENT,
  ENXIO,
  EOPNOTSUPP,
  EOVERFLOW,
  EPERM,
  O_RDONLY,
  O_WRONLY,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_ISGID,
  S_ISUID,
  SEEK_DATA,
  SEEK_HOLE,
} from '@sandbox/abi';
import { KERNEL_CREDENTIALS } from '../core/credentials.js';
import { type File, releaseFile } from '../core/file.js';
import { awaitFile } from '../core/filesystem.js';
import { ATTR_ATIME, ATTR_MTIME, ATTR_SIZE, type Inode, type NewInode, newSetAttr } from '../core/inode.js';
import { BytesIo } from '../core/io.js';
import type { OverlayInode } from './inode.js';
import { METACOPY, ORIGIN } from './marks.js';
import type { OverlayFileSystem } from './overlay.js';

const COPY_SIZE = 262144;
const init: NewInode = { mode: 0, uid: 0, gid: 0, rdev: 0 };
const attr = newSetAttr();

/**
 * Put `inode` (of a lower layer) and the directories above it into the upper layer; `bare`: a regular file
 * without its content. 0 or -errno.
 */
export function copyUp(inode: OverlayInode, size: number, bare: boolean): number {
  const chain: OverlayInode[] = [];
  for (let i: OverlayInode | null = inode; i !== null && i.upper === null; i = i.parent) {
    if (i.isDirectory && i.nlink === 0) return -ENOENT;
    chain.push(i);
    if (isApart(i)) break;
  }
  for (let i = chain.length - 1; i >= 0; i--) {
    const r = copyOne(
      chain[i]!,
      chain[i] === inode ? size : 0,
      bare && inode.isRegular && chain[i] === inode,
    );
    if (r < 0) return r;
  }
  return 0;
}

/**
 * A file that has several names below, or none any more, is copied apart from the tree of names: which of its
 * names it was seen under last says nothing, and no directory is needed.
 */
function isApart(inode: OverlayInode): boolean {
  return !inode.isDirectory && ((inode.fs.index.used && inode.lower!.nlink > 1) || inode.nlink <= 0);
}

function copyOne(inode: OverlayInode, size: number, bare: boolean): number {
  const { fs } = inode;
  const ns = fs.upperLayer!.fs.userNs;
  if (ns !== null && (ns.uids.fromKernel(inode.uid) < 0 || ns.gids.fromKernel(inode.gid) < 0))
    return -EOVERFLOW;
  const apart = isApart(inode);
  const dir = apart ? fs.index.directory() : (inode.parent?.upper ?? null);
  if (dir === null) return -EIO;
  if (typeof dir === 'number') return dir;
  const name = apart ? fs.index.nameFor(inode) : inode.name;
  const parentTimes = apart ? null : timesOf(dir);
  const made = create(dir, name, inode.real);
  if (typeof made === 'number') return made;
  const r = (bare ? stretch(fs, made, size) : 0) || fill(fs, made, inode, bare ? 0 : size);
  if (r < 0) {
    if (made.isDirectory) dir.rmdir(name, made);
    else dir.unlink(name, made);
    made.evict();
    return r;
  }
  if (parentTimes !== null) setTimes(dir, parentTimes);
  inode.data = bare ? inode.content : null;
  adopt(inode, made, apart, dir, name);
  if (!apart) fs.copiedUp(inode.parent!, name);
  return 0;
}

/** `made` is the file from now on. */
function adopt(inode: OverlayInode, made: Inode, apart: boolean, dir: Inode, name: string): void {
  const { nlink } = inode;
  inode.upper = made;
  inode.fs.shows(made, inode);
  if (apart && nlink <= 0) {
    dir.unlink(name, made);
    inode.linkDelta = 0;
  } else if (apart) {
    inode.linkDelta = nlink - made.nlink;
    inode.fs.index.add(inode);
  } else if (!inode.isDirectory) inode.linkDelta = 0;
  // Where the mark cannot be kept, the object is.
  if (!inode.isDirectory && inode.fs.marks.setNumber(made, ORIGIN, inode.ino) < 0) inode.fs.keep(inode);
  inode.sync();
}

function create(dir: Inode, name: string, from: Inode): Inode | number {
  init.uid = from.uid;
  init.gid = from.gid;
  init.rdev = from.rdev;
  init.mode = from.mode;
  if ((from.mode & S_IFMT) !== S_IFLNK) {
    const made = dir.mknod(name, init);
    if (made !== -EPERM || (init.mode & (S_ISUID | S_ISGID)) === 0) return made;
    // A host directory takes no set-id programs: the copy is an ordinary one.
    init.mode &= ~(S_ISUID | S_ISGID);
    return dir.mknod(name, init);
  }
  const target = from.readlink();
  return typeof target === 'number' ? target : dir.symlink(name, target, init);
}

/** Marked as having no content, a new file gets its size. */
function stretch(fs: OverlayFileSystem, made: Inode, size: number): number {
  const r = fs.marks.set(made, METACOPY, new Uint8Array(0));
  return r < 0 ? r : setSize(made, size);
}

/** The content of a file in the upper layer that has attributes alone comes there too. 0 or -errno. */
export function copyContentUp(inode: OverlayInode, size: number): number {
  const upper = inode.upper!;
  const r = (size > 0 ? copyContent(upper, inode.data!, size) : 0) || inode.fs.marks.remove(upper, METACOPY);
  if (r < 0) return r;
  inode.data = null;
  inode.sync();
  return 0;
}

function fill(fs: OverlayFileSystem, made: Inode, inode: OverlayInode, size: number): number {
  const from = inode.real;
  if ((from.mode & S_IFMT) === S_IFREG && size > 0) {
    const r = copyContent(made, inode.content, size);
    if (r < 0) return r;
  }
  const r = copyXattrs(fs, made, from);
  if (r < 0) return r;
  return setTimes(made, timesOf(from));
}

function copyContent(made: Inode, from: Inode, size: number): number {
  const source = from.open(O_RDONLY, KERNEL_CREDENTIALS);
  if (typeof source === 'number') return source;
  const there = source.prefetch(0, size);
  if (there < 0) {
    if (there === -EAGAIN) awaitFile(from.fs.env, source);
    releaseFile(source);
    return there;
  }
  const sink = made.open(O_WRONLY, KERNEL_CREDENTIALS);
  if (typeof sink === 'number') {
    releaseFile(source);
    return sink;
  }
  sink.cred = KERNEL_CREDENTIALS;
  const r = pump(source, sink, size);
  releaseFile(source);
  releaseFile(sink);
  return r;
}

/** Copy what lies between holes, then give the copy its size. */
function pump(source: File, sink: File, size: number): number {
  const buffer = new Uint8Array(Math.min(COPY_SIZE, size));
  let at = 0;
  while (at < size) {
    const data = source.seek(at, SEEK_DATA);
    // -ENXIO: nothing but a hole up to the end. Other errors: the layer knows no holes.
    if (data === -ENXIO) break;
    const from = data < 0 ? at : data;
    const hole = data < 0 ? size : source.seek(from, SEEK_HOLE);
    const end = hole < 0 ? size : Math.min(size, hole);
    const r = copyRange(source, sink, buffer, from, end);
    if (r < 0) return r;
    if (r < end - from) return 0;
    at = end;
  }
  return sink.inode.size < size ? sink.truncate(size) : 0;
}

/** Bytes copied, fewer only when the source ended early; or -errno. */
function copyRange(source: File, sink: File, buffer: Uint8Array, from: number, end: number): number {
  const io = new BytesIo();
  let at = from;
  while (at < end) {
    const n = source.read(io.reset(buffer, 0, Math.min(buffer.length, end - at)), at);
    if (n < 0) return n;
    if (n === 0) break;
    for (let done = 0; done < n; ) {
      const w = sink.write(io.reset(buffer, done, n - done), at + done);
      if (w < 0) return w;
      if (w === 0) return -EIO;
      done += w;
    }
    at += n;
  }
  return at - from;
}

function copyXattrs(fs: OverlayFileSystem, made: Inode, from: Inode): number {
  const names = from.listxattr();
  if (typeof names === 'number') return 0;
  for (const name of names) {
    if (fs.marks.isPrivate(name)) continue;
    const value = from.getxattr(name);
    if (typeof value === 'number') continue;
    const r = made.setxattr(name, value, 0);
    // A layer that keeps no such attributes loses them, as Linux allows (ovl_copy_xattr, EOPNOTSUPP).
    if (r < 0 && r !== -EOPNOTSUPP && r !== -EPERM) return r;
  }
  return 0;
}

function setSize(inode: Inode, size: number): number {
  attr.valid = ATTR_SIZE;
  attr.size = size;
  return inode.setattr(attr);
}

/** Access and modification time: [sec, nsec, sec, nsec]. */
type Times = readonly [number, number, number, number];

export function timesOf(inode: Inode): Times {
  return [inode.atimeSec, inode.atimeNsec, inode.mtimeSec, inode.mtimeNsec];
}

export function setTimes(inode: Inode, times: Times): number {
  attr.valid = ATTR_ATIME | ATTR_MTIME;
  attr.atimeSec = times[0];
  attr.atimeNsec = times[1];
  attr.mtimeSec = times[2];
  attr.mtimeNsec = times[3];
  return inode.setattr(attr);
}
