import { EILSEQ, EIO, EOPNOTSUPP, EPERM, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '@sandbox/abi';
import { errnoOf } from '../core/error-codes.js';

/**
 * What a `node:fs`-shaped object must offer: the synchronous calls of node:fs that are not marked optional.
 * memfs' `Volume` and its `fs` do, and so does node:fs itself. What optional calls are missing, guests cannot
 * do.
 */
export interface NodeFs {
  lstatSync(path: string): unknown;
  readdirSync(path: string): unknown;
  openSync(path: string, flags: number, mode?: number): unknown;
  closeSync(fd: number): unknown;
  readSync(fd: number, buffer: Uint8Array, offset: number, length: number, position: number): unknown;
  writeSync?(fd: number, buffer: Uint8Array, offset: number, length: number, position: number): unknown;
  ftruncateSync?(fd: number, length: number): unknown;
  fsyncSync?(fd: number): unknown;
  mkdirSync?(path: string, mode: number): unknown;
  rmdirSync?(path: string): unknown;
  unlinkSync?(path: string): unknown;
  renameSync?(from: string, to: string): unknown;
  linkSync?(existing: string, path: string): unknown;
  symlinkSync?(target: string, path: string): unknown;
  readlinkSync?(path: string): unknown;
  chmodSync?(path: string, mode: number): unknown;
  utimesSync?(path: string, atime: number, mtime: number): unknown;
  lutimesSync?(path: string, atime: number, mtime: number): unknown;
}

/** Bytes moved by one call of a source. */
export const PIECE = 65536;

/** The calls without which nothing can be shown. */
export const REQUIRED_CALLS = ['lstatSync', 'readdirSync', 'openSync', 'closeSync', 'readSync'] as const;

/** The attributes of one `lstatSync`, checked. Reused: read it before the next call. */
export interface SourceStat {
  ino: number;
  mode: number;
  nlink: number;
  uid: number;
  gid: number;
  size: number;
  atimeMs: number;
  mtimeMs: number;
  ctimeMs: number;
  birthtimeMs: number;
}

/** UTF-8 bytes (as a byte string) of a JavaScript name, or null when they do not lead back to it. */
export function toBytes(name: string): string | null {
  const bytes = Buffer.from(name, 'utf8');
  return bytes.toString('utf8') === name ? bytes.toString('latin1') : null;
}

/** The JavaScript name of a byte string, or -EILSEQ when it is not UTF-8. */
export function fromBytes(name: string): string | number {
  const text = Buffer.from(name, 'latin1').toString('utf8');
  return Buffer.from(text, 'utf8').toString('latin1') === name ? text : -EILSEQ;
}

/**
 * Calls on somebody else's file system object. It may throw, return nonsense or promises, and it may do so
 * because of what a guest asked: whatever happens becomes a value or a negative errno here.
 */
export class Source {
  readonly stat: SourceStat = {
    ino: 0,
    mode: 0,
    nlink: 1,
    uid: 0,
    gid: 0,
    size: 0,
    atimeMs: 0,
    mtimeMs: 0,
    ctimeMs: 0,
    birthtimeMs: 0,
  };

  constructor(private readonly fs: NodeFs) {}

  /** Fills `stat`. 0 or -errno. */
  lstat(path: string): number {
    try {
      const s: unknown = this.fs.lstatSync(path);
      if (typeof s !== 'object' || s === null) return -EIO;
      return fillStat(this.stat, s as Record<string, unknown>);
    } catch (error) {
      return errnoOf(error);
    }
  }

  /** Names as byte strings; those that cannot be named by bytes are left out. */
  readdir(path: string): string[] | number {
    try {
      const list: unknown = this.fs.readdirSync(path);
      if (!Array.isArray(list)) return -EIO;
      const names: string[] = [];
      for (const name of list as unknown[]) {
        const bytes = typeof name === 'string' ? toBytes(name) : null;
        if (bytes !== null && bytes !== '' && bytes !== '.' && bytes !== '..' && !bytes.includes('/'))
          names.push(bytes);
      }
      return names;
    } catch (error) {
      return errnoOf(error);
    }
  }

  /** Target as a byte string. */
  readlink(path: string): string | number {
    const { fs } = this;
    if (fs.readlinkSync === undefined) return -EOPNOTSUPP;
    try {
      const target = fs.readlinkSync(path);
      return typeof target === 'string' ? (toBytes(target) ?? -EIO) : -EIO;
    } catch (error) {
      return errnoOf(error);
    }
  }

  /** A descriptor of the source's own, or -errno. */
  open(path: string, flags: number, mode: number): number {
    try {
      const fd = this.fs.openSync(path, flags, mode);
      return typeof fd === 'number' && Number.isSafeInteger(fd) && fd >= 0 ? fd : -EIO;
    } catch (error) {
      return errnoOf(error);
    }
  }

  close(fd: number): void {
    try {
      this.fs.closeSync(fd);
    } catch {
      // There is nobody to tell, and nothing is left to do.
    }
  }

  read(fd: number, buffer: Uint8Array, length: number, position: number): number {
    try {
      return count(this.fs.readSync(fd, buffer, 0, length, position), length);
    } catch (error) {
      return errnoOf(error);
    }
  }

  write(fd: number, buffer: Uint8Array, length: number, position: number): number {
    const { fs } = this;
    if (fs.writeSync === undefined) return -EOPNOTSUPP;
    try {
      return count(fs.writeSync(fd, buffer, 0, length, position), length);
    } catch (error) {
      return errnoOf(error);
    }
  }

  truncate(fd: number, size: number): number {
    return this.fs.ftruncateSync === undefined
      ? -EOPNOTSUPP
      : this.attempt(() => this.fs.ftruncateSync!(fd, size));
  }
  fsync(fd: number): number {
    return this.fs.fsyncSync === undefined ? 0 : this.attempt(() => this.fs.fsyncSync!(fd));
  }
  mkdir(path: string, mode: number): number {
    return this.fs.mkdirSync === undefined ? -EPERM : this.attempt(() => void this.fs.mkdirSync!(path, mode));
  }
  rmdir(path: string): number {
    return this.fs.rmdirSync === undefined ? -EPERM : this.attempt(() => this.fs.rmdirSync!(path));
  }
  unlink(path: string): number {
    return this.fs.unlinkSync === undefined ? -EPERM : this.attempt(() => this.fs.unlinkSync!(path));
  }
  rename(from: string, to: string): number {
    return this.fs.renameSync === undefined ? -EPERM : this.attempt(() => this.fs.renameSync!(from, to));
  }
  link(existing: string, path: string): number {
    return this.fs.linkSync === undefined ? -EPERM : this.attempt(() => this.fs.linkSync!(existing, path));
  }
  symlink(target: string, path: string): number {
    return this.fs.symlinkSync === undefined
      ? -EPERM
      : this.attempt(() => this.fs.symlinkSync!(target, path));
  }
  chmod(path: string, mode: number): number {
    return this.fs.chmodSync === undefined ? -EPERM : this.attempt(() => this.fs.chmodSync!(path, mode));
  }
  /** Times in seconds. */
  utimes(path: string, atime: number, mtime: number, isLink: boolean): number {
    const call = isLink ? this.fs.lutimesSync : this.fs.utimesSync;
    return call === undefined ? -EPERM : this.attempt(() => call.call(this.fs, path, atime, mtime));
  }

  private attempt(call: () => unknown): number {
    try {
      const result = call();
      return isThenable(result) ? -EIO : 0;
    } catch (error) {
      return errnoOf(error);
    }
  }
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value;
}

/** A byte count as the source said it, or -EIO when it cannot be. */
function count(n: unknown, most: number): number {
  return typeof n === 'number' && Number.isInteger(n) && n >= 0 && n <= most ? n : -EIO;
}

function fillStat(out: SourceStat, s: Record<string, unknown>): number {
  const mode = modeOf(s);
  if (mode < 0) return -EIO;
  out.mode = mode;
  out.ino = number(s['ino'], 0);
  out.nlink = number(s['nlink'], 1);
  out.uid = number(s['uid'], 0);
  out.gid = number(s['gid'], 0);
  out.size = number(s['size'], 0);
  out.mtimeMs = time(s['mtimeMs'] ?? s['mtime']);
  out.atimeMs = time(s['atimeMs'] ?? s['atime']);
  out.ctimeMs = time(s['ctimeMs'] ?? s['ctime']);
  out.birthtimeMs = time(s['birthtimeMs'] ?? s['birthtime']);
  return 0;
}

function number(value: unknown, otherwise: number): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : otherwise;
}

function time(value: unknown): number {
  const ms = typeof value === 'number' ? value : value instanceof Date ? value.getTime() : 0;
  return Number.isFinite(ms) && Math.abs(ms) < 1e15 ? ms : 0;
}

/**
 * Type and permission bits, from `mode` or, where that has no type, from the methods of `fs.Stats`. -1:
 * neither.
 */
function modeOf(s: Record<string, unknown>): number {
  const mode = number(s['mode'], 0) & 0xffff;
  if ((mode & S_IFMT) !== 0) return mode;
  const is = (method: string): boolean =>
    typeof s[method] === 'function' && (s[method] as () => unknown).call(s) === true;
  if (is('isDirectory')) return S_IFDIR | (mode || 0o755);
  if (is('isSymbolicLink')) return S_IFLNK | 0o777;
  return is('isFile') ? S_IFREG | (mode || 0o644) : -1;
}
