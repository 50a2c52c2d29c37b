import { posix } from 'node:path';
import {
  EEXIST,
  EINVAL,
  EISDIR,
  ENOENT,
  ENOTDIR,
  O_CREAT,
  O_EXCL,
  O_LARGEFILE,
  O_RDONLY,
  O_WRONLY,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from '@sandbox/abi';
import type { Credentials } from '../core/credentials.js';
import { type File, releaseFile } from '../core/file.js';
import type { FsContext } from '../core/fs-context.js';
import { BytesIo } from '../core/io.js';
import type { Vfs } from '../core/ops/vfs.js';
import { Stat } from '../core/stat.js';
import { LOOKUP_FOLLOW } from '../core/walk.js';
import { listDirectory } from './directory-list.js';

export interface CopyRules {
  readonly recursive: boolean;
  /** Replace files that exist. */
  readonly force: boolean;
  /** With `force` false: fail on files that exist instead of leaving them. */
  readonly errorOnExist: boolean;
  /** Copy what links lead to rather than the links. */
  readonly dereference: boolean;
  readonly preserveTimestamps: boolean;
  /** Relative links stay as they are. */
  readonly verbatimSymlinks: boolean;
  /** Decides by source and destination path (byte strings) whether something is copied. */
  readonly filter: ((from: string, to: string) => boolean) | null;
}

/** Where and as whom to work. */
export interface Actor {
  readonly vfs: Vfs;
  readonly ctx: FsContext;
  readonly cred: Credentials;
}

const PIECE = 1 << 18;

/**
 * Copy the content of one regular file with its permission bits. 0 or -errno; `exclusive` fails with EEXIST.
 */
export function copyContent(w: Actor, from: string, to: string, exclusive: boolean): number {
  const source = w.vfs.open(w.ctx, w.cred, null, from, O_RDONLY | O_LARGEFILE, 0);
  if (typeof source === 'number') return source;
  let e = source.inode.isDirectory ? -EISDIR : source.inode.getattr();
  if (e === 0) {
    const flags = O_WRONLY | O_CREAT | O_LARGEFILE | (exclusive ? O_EXCL : 0);
    const target = w.vfs.open(w.ctx, w.cred, null, to, flags, source.inode.mode & 0o777);
    if (typeof target === 'number') e = target;
    else {
      // A file copied onto itself stays as it is.
      if (target.inode !== source.inode) e = w.vfs.ftruncate(target, 0) || pump(source, target);
      releaseFile(target);
    }
  }
  releaseFile(source);
  return e;
}

function pump(source: File, target: File): number {
  const piece = new Uint8Array(PIECE);
  const io = new BytesIo();
  for (let pos = 0; ; ) {
    const n = source.read(io.reset(piece), pos);
    if (n <= 0) return n;
    for (let done = 0; done < n; ) {
      const k = target.write(io.reset(piece, done, n - done), pos + done);
      if (k <= 0) return k === 0 ? -EINVAL : k;
      done += k;
    }
    pos += n;
  }
}

/** cp: copy a file, link or tree. 0 or -errno. */
export function copyTree(w: Actor, from: string, to: string, rules: CopyRules): number {
  const s = new Stat();
  const pending: [string, string][] = [[from, to]];
  for (let job = pending.pop(); job !== undefined; job = pending.pop()) {
    const [a, b] = job;
    if (rules.filter !== null && !rules.filter(a, b)) continue;
    let e = w.vfs.stat(w.ctx, w.cred, null, a, rules.dereference ? LOOKUP_FOLLOW : 0, s);
    if (e !== 0) return e;
    const { mode, atimeSec, atimeNsec, mtimeSec, mtimeNsec } = s;
    switch (mode & S_IFMT) {
      case S_IFDIR:
        if (!rules.recursive) return -EISDIR;
        if (b === a || b.startsWith(`${a}/`)) return -EINVAL;
        e = copyDirectory(w, a, b, mode, pending);
        break;
      case S_IFLNK:
        e = copyLink(w, a, b, rules);
        break;
      case S_IFREG:
        e = copyFile(w, a, b, rules);
        break;
      default:
        e = -EINVAL;
    }
    if (e !== 0) return e;
    if (rules.preserveTimestamps && (mode & S_IFMT) === S_IFREG) {
      const path = w.vfs.resolve(w.ctx, w.cred, null, b, LOOKUP_FOLLOW);
      if (typeof path === 'number') return path;
      e = w.vfs.utimens(path, w.cred, atimeSec, atimeNsec, mtimeSec, mtimeNsec);
      if (e !== 0) return e;
    }
  }
  return 0;
}

function copyDirectory(
  w: Actor,
  from: string,
  to: string,
  mode: number,
  pending: [string, string][],
): number {
  const e = w.vfs.mkdir(w.ctx, w.cred, null, to, mode & 0o7777);
  if (e === -EEXIST) {
    const s = new Stat();
    const there = w.vfs.stat(w.ctx, w.cred, null, to, LOOKUP_FOLLOW, s);
    if (there !== 0) return there;
    if ((s.mode & S_IFMT) !== S_IFDIR) return -ENOTDIR;
  } else if (e !== 0) return e;
  const listed = listDirectory(w.vfs, w.ctx, w.cred, null, from);
  if (typeof listed === 'number') return listed;
  for (let i = listed.length - 1; i >= 0; i--)
    pending.push([`${from}/${listed[i].name}`, `${to}/${listed[i].name}`]);
  return 0;
}

function copyLink(w: Actor, from: string, to: string, rules: CopyRules): number {
  const text = w.vfs.readlink(w.ctx, w.cred, null, from, 0);
  if (typeof text === 'number') return text;
  const target = rules.verbatimSymlinks ? text : absolute(w, from, text);
  if (typeof target === 'number') return target;
  let e = w.vfs.symlink(w.ctx, w.cred, target, null, to);
  if (e !== -EEXIST) return e;
  if (!rules.force) return rules.errorOnExist ? -EEXIST : 0;
  e = w.vfs.unlink(w.ctx, w.cred, null, to);
  return e !== 0 ? e : w.vfs.symlink(w.ctx, w.cred, target, null, to);
}

/** The link's text as an absolute path to the same place, as Node's cp makes of it. */
function absolute(w: Actor, link: string, target: string): string | number {
  if (target.startsWith('/')) return target;
  const dir = w.vfs.resolve(w.ctx, w.cred, null, `${link.replace(/[^/]+\/*$/, '')}.`, LOOKUP_FOLLOW);
  return typeof dir === 'number' ? dir : posix.join(w.vfs.pathText(w.ctx, dir), target);
}

function copyFile(w: Actor, from: string, to: string, rules: CopyRules): number {
  const e = copyContent(w, from, to, !rules.force);
  return e === -EEXIST && !rules.errorOnExist ? 0 : e;
}

/** mkdir -p: the first directory made (a byte string), null when all were there, or -errno. */
export function makeDirectories(w: Actor, path: string, mode: number): string | null | number {
  const e = w.vfs.mkdir(w.ctx, w.cred, null, path, mode);
  if (e === 0) return path;
  if (e === -EEXIST) return isDirectory(w, path) ? null : -EEXIST;
  if (e !== -ENOENT) return e;
  const parent = path.replace(/\/+[^/]+\/*$/, '');
  if (parent === path || parent === '') return e;
  const first = makeDirectories(w, parent, mode);
  if (typeof first === 'number') return first;
  const again = w.vfs.mkdir(w.ctx, w.cred, null, path, mode);
  return again !== 0 && again !== -EEXIST ? again : (first ?? path);
}

function isDirectory(w: Actor, path: string): boolean {
  const s = new Stat();
  return w.vfs.stat(w.ctx, w.cred, null, path, LOOKUP_FOLLOW, s) === 0 && (s.mode & S_IFMT) === S_IFDIR;
}
