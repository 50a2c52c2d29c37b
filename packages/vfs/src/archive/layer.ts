import {
  major,
  minor,
  O_RDONLY,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from '@sandbox/abi';
import { KERNEL_CREDENTIALS } from '../core/credentials.js';
import { VfsError } from '../core/errors.js';
import { type File, releaseFile } from '../core/file.js';
import type { FileSystem } from '../core/filesystem.js';
import type { Inode } from '../core/inode.js';
import { BytesIo } from '../core/io.js';
import { WORK_NAME } from '../overlay/index.js';
import type { OverlayInode } from '../overlay/inode.js';
import { linkedChanges } from '../overlay/linked.js';
import { HIDDEN_MARKS, isWhiteout, REDIRECT } from '../overlay/marks.js';
import { OverlayFileSystem } from '../overlay/overlay.js';
import { OPAQUE, WHITEOUT } from './entries.js';
import { TAR_TYPES, type TarEntry, type TarType, tarEnd, tarHeaders, tarPadding } from './tar-writer.js';

/** Runs a piece of work on the tree, as a kernel's entry. */
type Enter = <T>(work: () => T) => T;

const PIECE = 1 << 16;
const TYPES: Readonly<Record<number, TarType>> = {
  [S_IFREG]: TAR_TYPES.file,
  [S_IFDIR]: TAR_TYPES.directory,
  [S_IFLNK]: TAR_TYPES.symlink,
  [S_IFCHR]: TAR_TYPES.characterDevice,
  [S_IFBLK]: TAR_TYPES.blockDevice,
  [S_IFIFO]: TAR_TYPES.fifo,
};

/** One entry: a path (byte string, no slash before it), and what is there. */
interface Item {
  readonly path: string;
  readonly inode: Inode;
  /** Marks in front of it: names that are gone. */
  readonly whiteouts: readonly string[];
}

/**
 * What an overlay changed, as a layer of an image (OCI image specification, "Image Layer Filesystem
 * Changeset"): a tar archive of what is new or different, with `.wh.NAME` for what is gone and `.wh..wh..opq`
 * for directories that replace all of an earlier one. Times, owners, modes and extended attributes are kept,
 * sockets left out. Piece by piece: files that change meanwhile may come out older or newer.
 */
export function layerTar(fs: FileSystem, enter: Enter): AsyncIterable<Uint8Array> | null {
  if (!(fs instanceof OverlayFileSystem) || fs.upperLayer === null) return null;
  return archive(
    enter(() => [...itemsOf(fs)]),
    enter,
  );
}

/** Parents before what is in them. */
function* itemsOf(fs: OverlayFileSystem): Generator<Item> {
  const linked = linkedChanges(fs);
  const done = new Set<string>();
  const pending: [string, Inode][] = [['', fs.root]];
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    const [path, dir] = at;
    const upper = (dir as OverlayInode).upper;
    // A directory of a lower layer that was renamed, or is in one that was: everything in it is new here.
    const whole = path !== '' && (upper === null || HIDDEN_MARKS.get(upper, REDIRECT) !== null);
    const replaces = path !== '' && (whole || (upper !== null && HIDDEN_MARKS.isOpaque(upper)));
    const whiteouts: string[] = replaces ? [OPAQUE] : [];
    const inside: [string, Inode][] = [];
    const files: Item[] = [];
    for (const name of namesOf(whole ? dir : upper!)) {
      if (path === '' && name === WORK_NAME) continue;
      if (!whole && isWhite(upper!, name)) {
        if (!replaces) whiteouts.push(WHITEOUT + name);
        continue;
      }
      const child = dir.lookup(name);
      if (typeof child === 'number') continue;
      const below = path === '' ? name : `${path}/${name}`;
      done.add(`/${below}`);
      if (child.isDirectory) inside.push([below, child]);
      else files.push({ path: below, inode: child, whiteouts: [] });
    }
    if (path !== '' || whiteouts.length > 0) yield { path, inode: dir, whiteouts };
    yield* files;
    pending.push(...inside.reverse());
  }
  for (const path of linked) {
    const inode = done.has(path) ? null : walk(fs.root, path);
    if (inode !== null) yield { path: path.slice(1), inode, whiteouts: [] };
  }
}

function isWhite(upper: Inode, name: string): boolean {
  const inode = upper.lookup(name);
  return typeof inode !== 'number' && isWhiteout(inode);
}

function walk(root: Inode, path: string): Inode | null {
  let at = root;
  for (const name of path.slice(1).split('/')) {
    const next = at.lookup(name);
    if (typeof next === 'number') return null;
    at = next;
  }
  return at;
}

function namesOf(dir: Inode): string[] {
  const names: string[] = [];
  dir.readdir(2, (name) => {
    names.push(name);
    return true;
  });
  return names.sort();
}

async function* archive(items: readonly Item[], enter: Enter): AsyncGenerator<Uint8Array, void, undefined> {
  /** The first name of files with several. */
  const names = new Map<Inode, string>();
  for (const { path, inode, whiteouts } of items) {
    const dir = path === '' ? '' : `${path}/`;
    if (path !== '') yield* entry(path, inode, names, enter);
    for (const name of whiteouts) yield tarHeaders({ ...MARK, path: dir + name });
  }
  yield tarEnd();
}

const MARK = {
  type: TAR_TYPES.file,
  linkpath: '',
  mode: 0o600,
  uid: 0,
  gid: 0,
  mtimeSec: 0,
  mtimeNsec: 0,
  size: 0,
  devmajor: 0,
  devminor: 0,
  xattrs: [],
};

function* entry(
  path: string,
  inode: Inode,
  names: Map<Inode, string>,
  enter: Enter,
): Generator<Uint8Array, void, undefined> {
  const type = TYPES[inode.mode & S_IFMT];
  // Sockets mean nothing without who listens.
  if (type === undefined) return;
  const first = names.get(inode);
  if (first !== undefined) {
    yield tarHeaders(enter(() => entryOf(path, inode, TAR_TYPES.link, first)));
    return;
  }
  if (!inode.isDirectory && inode.nlink > 1) names.set(inode, path);
  const target = type === TAR_TYPES.symlink ? enter(() => inode.readlink()) : '';
  const made = enter(() => entryOf(path, inode, type, typeof target === 'string' ? target : ''));
  if (type !== TAR_TYPES.file) {
    yield tarHeaders(made);
    return;
  }
  const file = enter(() => inode.open(O_RDONLY, KERNEL_CREDENTIALS));
  if (typeof file === 'number') throw unreadable(path, file);
  try {
    yield tarHeaders(made);
    yield* pieces(file, made.size, path, enter);
    yield tarPadding(made.size);
  } finally {
    enter(() => releaseFile(file));
  }
}

function entryOf(path: string, inode: Inode, type: TarType, linkpath: string): TarEntry {
  inode.getattr();
  const { uid, gid, mtimeSec, mtimeNsec } = inode;
  const names = type === TAR_TYPES.link ? [] : inode.listxattr();
  const xattrs: [string, Uint8Array][] = [];
  for (const name of typeof names === 'number' ? [] : names) {
    const value = HIDDEN_MARKS.isPrivate(name) ? 0 : inode.getxattr(name);
    if (typeof value !== 'number') xattrs.push([name, value]);
  }
  return {
    path: type === TAR_TYPES.directory ? `${path}/` : path,
    type,
    linkpath,
    mode: inode.mode & 0o7777,
    uid,
    gid,
    mtimeSec,
    mtimeNsec,
    size: type === TAR_TYPES.file ? inode.size : 0,
    devmajor: major(inode.rdev),
    devminor: minor(inode.rdev),
    xattrs,
  };
}

function unreadable(path: string, errno: number): VfsError {
  const name = Buffer.from(path, 'latin1').toString('utf8');
  return new VfsError('ERR_VFS_SOURCE', `${name} cannot be read`, -errno);
}

/** Exactly `size` bytes: what a file lost meanwhile is zeros. */
function* pieces(
  file: File,
  size: number,
  path: string,
  enter: Enter,
): Generator<Uint8Array, void, undefined> {
  for (let at = 0; at < size; ) {
    const piece = new Uint8Array(Math.min(PIECE, size - at));
    const n = enter(() => file.read(new BytesIo(piece), at));
    if (n < 0) throw unreadable(path, n);
    at += piece.length;
    yield piece;
  }
}
