import type { Readable, Writable } from 'node:stream';
import {
  EAGAIN,
  EEXIST,
  EISDIR,
  ENOENT,
  EOPNOTSUPP,
  F_OK,
  O_DIRECTORY,
  O_LARGEFILE,
  O_RDONLY,
  POLLIN,
  POLLOUT,
  R_OK,
  S_IFDIR,
  W_OK,
  X_OK,
} from '@sandbox/abi';
import { layerTar } from '../archive/layer.js';
import type { Credentials } from '../core/credentials.js';
import type { File } from '../core/file.js';
import { releaseFile } from '../core/file.js';
import type { FsStats } from '../core/filesystem.js';
import type { FsContext } from '../core/fs-context.js';
import { checkOpenFlags } from '../core/open-flags.js';
import type { Vfs } from '../core/ops/vfs.js';
import type { Path } from '../core/path.js';
import { Stat } from '../core/stat.js';
import { LOOKUP_FOLLOW } from '../core/walk.js';
import { type Change, overlayChanges } from '../overlay/diff.js';
import { type Actor, copyContent, copyTree, makeDirectories } from './copy.js';
import { Dir, type DirOptions } from './dir.js';
import { listDirectory } from './directory-list.js';
import { type AbortOptions, type Enter, type FileContent, FileHandle } from './file-handle.js';
import { FsError } from './fs-error.js';
import { exclusion, type GlobOptions, globWalk } from './glob.js';
import { type OpenMode, openFlagsOf } from './open-mode.js';
import { removeTree } from './remove.js';
import { BigIntStats, Dirent, type StatFs, Stats } from './stats.js';
import { type ReadStreamOptions, readStream, type WriteStreamOptions, writeStream } from './streams.js';
import { type PathLike, pathBytes, toByteString, toText } from './text.js';
import { type TimeLike, timeOf } from './time-like.js';
import { waitReady } from './wait-ready.js';
import { type WatchEvent, type WatchOptions, watchPlace } from './watch.js';

/** fs.constants that belong to the methods here. */
export const constants = { F_OK, R_OK, W_OK, X_OK, COPYFILE_EXCL: 1 } as const;

export interface ReadFileOptions extends AbortOptions {
  encoding?: BufferEncoding | null;
  flag?: OpenMode;
}
export interface WriteFileOptions extends AbortOptions {
  encoding?: BufferEncoding | null;
  mode?: number;
  flag?: OpenMode;
  /** fsync before closing. */
  flush?: boolean;
}
export interface ReaddirOptions {
  withFileTypes?: boolean;
  recursive?: boolean;
}
export interface CpOptions {
  recursive?: boolean;
  force?: boolean;
  errorOnExist?: boolean;
  dereference?: boolean;
  preserveTimestamps?: boolean;
  /** Copy relative links as they are; otherwise they become absolute ones to the same place. */
  verbatimSymlinks?: boolean;
  filter?: (source: string, destination: string) => boolean;
}

const NO_ENTER: Enter = (work) => work();

/**
 * A file tree in the shape of node:fs/promises. Everything a program in the tree could do with the same
 * credentials works, and fails with the same errno: errors are `FsError`s with `code`, `errno`, `syscall`,
 * `path` as Node's.
 */
export class VfsPromises {
  readonly constants = constants;
  private readonly actor: Actor;

  constructor(
    readonly vfs: Vfs,
    /** Where relative paths start, and the umask. */
    readonly context: FsContext,
    readonly credentials: Credentials,
    private readonly enter: Enter = NO_ENTER,
  ) {
    this.actor = { vfs, ctx: context, cred: credentials };
  }

  // Plumbing ------------------------------------------------------------------------------------------------

  /** Do `work` on the tree; a negative result becomes an error about `path`. */
  private do<T>(syscall: string, path: PathLike, work: (bytes: string) => T | number, dest?: PathLike): T {
    const bytes = pathBytes(path);
    const r = this.enter(() => work(bytes));
    if (typeof r === 'number' && r < 0) throw this.error(r, syscall, path, dest);
    return r as T;
  }

  private error(errno: number, syscall: string, path: PathLike, dest?: PathLike): FsError {
    const text = (p: PathLike): string => (typeof p === 'string' ? p : Buffer.from(p).toString('utf8'));
    return new FsError(errno, syscall, text(path), dest === undefined ? undefined : text(dest));
  }

  private place(bytes: string, follow: boolean): Path | number {
    return this.vfs.resolve(this.context, this.credentials, null, bytes, follow ? LOOKUP_FOLLOW : 0);
  }

  // Files ---------------------------------------------------------------------------------------------------

  /** Open a file. Waits for the other end of a FIFO, as open(2) does. */
  async open(
    path: PathLike,
    flags: OpenMode = 'r',
    mode = 0o666,
    options: AbortOptions = {},
  ): Promise<FileHandle> {
    const checked = checkOpenFlags(openFlagsOf(flags));
    if (checked < 0) throw this.error(checked, 'open', path);
    let file: File | null = null;
    while (file === null) {
      file = this.do<File | null>('open', path, (p) => {
        const r = this.vfs.open(this.context, this.credentials, null, p, checked, mode & 0o7777);
        return r === -EAGAIN && this.vfs.env.awaited ? null : r;
      });
      if (file === null) await this.contentArrives(options.signal);
    }
    try {
      while (file.openPending()) await waitReady(file, POLLIN | POLLOUT, options.signal, 'open');
    } catch (error) {
      this.enter(() => releaseFile(file));
      throw error;
    }
    return new FileHandle(this.vfs, this.credentials, this.enter, file);
  }

  /** What is opened for writing has to be copied up first, and lies elsewhere. */
  private async contentArrives(signal: AbortSignal | undefined): Promise<void> {
    const { env } = this.vfs;
    const file = env.awaited!;
    env.awaited = null;
    try {
      await waitReady(file, POLLIN | POLLOUT, signal, 'open');
    } finally {
      this.enter(() => releaseFile(file));
    }
  }

  async readFile(path: PathLike, options?: (ReadFileOptions & { encoding?: null }) | null): Promise<Buffer>;
  async readFile(
    path: PathLike,
    options: BufferEncoding | (ReadFileOptions & { encoding: BufferEncoding }),
  ): Promise<string>;
  async readFile(path: PathLike, options?: BufferEncoding | ReadFileOptions | null): Promise<Buffer | string>;
  async readFile(
    path: PathLike,
    options: BufferEncoding | ReadFileOptions | null = {},
  ): Promise<Buffer | string> {
    const o: ReadFileOptions = typeof options === 'string' ? { encoding: options } : (options ?? {});
    o.signal?.throwIfAborted();
    await using handle = await this.open(path, o.flag ?? 'r', 0o666, o);
    if (handle.description.inode.isDirectory) throw this.error(EISDIR, 'read', path);
    const data = await handle.readFile({ signal: o.signal });
    return o.encoding ? data.toString(o.encoding) : data;
  }

  /** Replace (or make) a file. `flag` as for `open`, 'w' by default. */
  async writeFile(
    path: PathLike,
    data: FileContent,
    options: BufferEncoding | WriteFileOptions | null = {},
  ): Promise<void> {
    const o: WriteFileOptions = typeof options === 'string' ? { encoding: options } : (options ?? {});
    o.signal?.throwIfAborted();
    await using handle = await this.open(path, o.flag ?? 'w', o.mode ?? 0o666, o);
    await handle.writeFile(data, { encoding: o.encoding ?? undefined, signal: o.signal });
    if (o.flush) await handle.sync();
  }

  async appendFile(
    path: PathLike,
    data: FileContent,
    options: BufferEncoding | WriteFileOptions | null = {},
  ): Promise<void> {
    const o: WriteFileOptions = typeof options === 'string' ? { encoding: options } : (options ?? {});
    await this.writeFile(path, data, { ...o, flag: o.flag ?? 'a' });
  }

  async truncate(path: PathLike, length = 0): Promise<void> {
    this.do('open', path, (p) => {
      const at = this.place(p, true);
      return typeof at === 'number' ? at : this.vfs.truncate(at, this.credentials, length);
    });
  }

  /** `mode` COPYFILE_EXCL fails when the destination exists. */
  async copyFile(source: PathLike, destination: PathLike, mode = 0): Promise<void> {
    const to = pathBytes(destination);
    this.do(
      'copyfile',
      source,
      (from) => copyContent(this.actor, from, to, (mode & constants.COPYFILE_EXCL) !== 0),
      destination,
    );
  }

  async cp(source: PathLike, destination: PathLike, options: CpOptions = {}): Promise<void> {
    const to = pathBytes(destination);
    const { filter } = options;
    this.do(
      'cp',
      source,
      (from) =>
        copyTree(this.actor, from, to, {
          recursive: options.recursive ?? false,
          force: options.force ?? true,
          errorOnExist: options.errorOnExist ?? false,
          dereference: options.dereference ?? false,
          preserveTimestamps: options.preserveTimestamps ?? false,
          verbatimSymlinks: options.verbatimSymlinks ?? false,
          filter: filter === undefined ? null : (a, b) => filter(toText(a), toText(b)),
        }),
      destination,
    );
  }

  createReadStream(path: PathLike, options: BufferEncoding | ReadStreamOptions = {}): Readable {
    const o: ReadStreamOptions = typeof options === 'string' ? { encoding: options } : options;
    return readStream(() => this.open(path, o.flags ?? 'r', o.mode ?? 0o666, o), o);
  }

  createWriteStream(path: PathLike, options: BufferEncoding | WriteStreamOptions = {}): Writable {
    const o: WriteStreamOptions = typeof options === 'string' ? { encoding: options } : options;
    return writeStream(() => this.open(path, o.flags ?? 'w', o.mode ?? 0o666, o), o);
  }

  // Directories ---------------------------------------------------------------------------------------------

  /**
   * With `recursive`: missing parents are made too, and the first directory made is answered (undefined: all
   * were there).
   */
  async mkdir(
    path: PathLike,
    options: number | { recursive?: boolean; mode?: number } = {},
  ): Promise<string | undefined> {
    const o = typeof options === 'number' ? { mode: options } : options;
    const mode = o.mode ?? 0o777;
    if (!('recursive' in o && o.recursive)) {
      this.do('mkdir', path, (p) => this.vfs.mkdir(this.context, this.credentials, null, p, mode));
      return undefined;
    }
    const first = this.do<string | null>('mkdir', path, (p) => makeDirectories(this.actor, p, mode));
    return first === null ? undefined : toText(first);
  }

  /**
   * What was changed in the overlay that holds `path` (default: the root file system): paths from its top,
   * parents first. EOPNOTSUPP: no overlay with an upper layer.
   */
  async diff(path: PathLike = '/'): Promise<Change[]> {
    return this.do('diff', path, (bytes) => {
      const place = this.place(bytes, true);
      return typeof place === 'number' ? place : (overlayChanges(place.mount.fs) ?? -EOPNOTSUPP);
    });
  }

  /**
   * What was changed in the overlay that holds `path`, as a layer of an image: a tar archive with whiteouts
   * (OCI image specification), which comes in pieces. EOPNOTSUPP: no overlay with an upper layer.
   */
  async layer(path: PathLike = '/'): Promise<AsyncIterable<Uint8Array>> {
    const at = this.do<Path>('layer', path, (bytes) => this.place(bytes, true));
    const tar = layerTar(at.mount.fs, this.enter);
    if (tar === null) throw this.error(-EOPNOTSUPP, 'layer', path);
    return tar;
  }

  /** A new directory whose name is `prefix` and six random characters. */
  async mkdtemp(prefix: string): Promise<string> {
    for (let tries = 0; tries < 100; tries++) {
      const path = prefix + this.randomSuffix();
      const e = this.enter(() =>
        this.vfs.mkdir(this.context, this.credentials, null, pathBytes(path), 0o700),
      );
      if (e === 0) return path;
      if (e !== -EEXIST) throw this.error(e, 'mkdtemp', `${prefix}XXXXXX`);
    }
    throw this.error(EEXIST, 'mkdtemp', `${prefix}XXXXXX`);
  }

  private randomSuffix(): string {
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
    let s = '';
    for (let i = 0; i < 6; i++) s += letters[this.vfs.env.random() % letters.length];
    return s;
  }

  async readdir(
    path: PathLike,
    options?: { withFileTypes?: false; recursive?: boolean } | null,
  ): Promise<string[]>;
  async readdir(path: PathLike, options: { withFileTypes: true; recursive?: boolean }): Promise<Dirent[]>;
  async readdir(path: PathLike, options?: ReaddirOptions | null): Promise<string[] | Dirent[]>;
  async readdir(path: PathLike, options: ReaddirOptions | null = {}): Promise<string[] | Dirent[]> {
    const o = options ?? {};
    const found = this.do<Dirent[]>('scandir', path, (p) =>
      this.list(p, typeof path === 'string' ? path : toText(p), o.recursive ?? false),
    );
    if (o.withFileTypes) return found;
    const root = typeof path === 'string' ? path : toText(pathBytes(path));
    return found.map((d) =>
      d.parentPath === root ? d.name : `${d.parentPath.slice(root.length).replace(/^\/+/, '')}/${d.name}`,
    );
  }

  /** Entries of a directory; with `recursive` those below too, links not followed. */
  private list(bytes: string, text: string, recursive: boolean): Dirent[] | number {
    const out: Dirent[] = [];
    const pending: [string, string][] = [[bytes, text]];
    for (let job = pending.shift(); job !== undefined; job = pending.shift()) {
      const listed = listDirectory(this.vfs, this.context, this.credentials, null, job[0]);
      if (typeof listed === 'number') return listed;
      for (const e of listed) {
        out.push(new Dirent(toText(e.name), job[1], e.type));
        const glue = job[1].endsWith('/') ? '' : '/';
        if (recursive && e.type === S_IFDIR)
          pending.push([`${job[0]}/${e.name}`, `${job[1]}${glue}${toText(e.name)}`]);
      }
    }
    return out;
  }

  private openDirectory(bytes: string): File | number {
    const flags = O_RDONLY | O_DIRECTORY | O_LARGEFILE;
    return this.vfs.open(this.context, this.credentials, null, bytes, flags, 0);
  }

  /** A directory to be read in pieces. */
  async opendir(path: PathLike, options: DirOptions = {}): Promise<Dir> {
    const bytes = pathBytes(path);
    const file = this.do<File>('opendir', path, (p) => this.openDirectory(p));
    const below = (p: string): File | null => {
      const r = this.openDirectory(p);
      return typeof r === 'number' ? null : r;
    };
    const text = typeof path === 'string' ? path : toText(bytes);
    return new Dir(text, bytes, file, this.enter, below, options);
  }

  /**
   * Paths that match a pattern (picomatch's: `*`, `**`, `?`, `[...]`, `{a,b}`), relative to `cwd` where the
   * pattern is.
   */
  glob(
    pattern: string | readonly string[],
    options?: GlobOptions & { withFileTypes?: false },
  ): AsyncGenerator<string>;
  glob(
    pattern: string | readonly string[],
    options: GlobOptions & { withFileTypes: true },
  ): AsyncGenerator<Dirent>;
  async *glob(
    pattern: string | readonly string[],
    options: GlobOptions = {},
  ): AsyncGenerator<string | Dirent> {
    const patterns = typeof pattern === 'string' ? [pattern] : pattern;
    const cwd = options.cwd ?? '.';
    const list = (dir: string): Dirent[] | null => {
      const at = dir.startsWith('/') ? dir : dir === '' ? cwd : `${cwd}/${dir}`;
      const found = this.enter(() => this.list(pathBytes(at), at, false));
      return typeof found === 'number' ? null : found;
    };
    for (const { path, entry } of globWalk(patterns, list, exclusion(options))) {
      yield options.withFileTypes ? entry : path;
    }
  }

  /**
   * What happens to a file, or in a directory, from now on: by guests, and by the embedder through this
   * object. Iterating ends with an AbortError when `signal` is aborted.
   */
  watch(path: PathLike, options: WatchOptions = {}): AsyncGenerator<WatchEvent, void, undefined> {
    options.signal?.throwIfAborted();
    const at = this.do<Path>('watch', path, (p) => this.place(p, true));
    const below = (dir: Path, name: string): Path | number =>
      this.vfs.resolve(this.context, this.credentials, dir, name, 0);
    return watchPlace(this.vfs, at, below, this.enter, options);
  }

  async rmdir(path: PathLike): Promise<void> {
    this.do('rmdir', path, (p) => this.vfs.rmdir(this.context, this.credentials, null, p));
  }

  async unlink(path: PathLike): Promise<void> {
    this.do('unlink', path, (p) => this.vfs.unlink(this.context, this.credentials, null, p));
  }

  /** `recursive` removes directories with all in them; `force` takes a missing path for success. */
  async rm(path: PathLike, options: { recursive?: boolean; force?: boolean } = {}): Promise<void> {
    const bytes = pathBytes(path);
    const e = this.enter(() =>
      options.recursive
        ? removeTree(this.vfs, this.context, this.credentials, bytes)
        : this.vfs.unlink(this.context, this.credentials, null, bytes),
    );
    if (e === 0 || (e === -ENOENT && options.force)) return;
    if (e === -EISDIR && !options.recursive) {
      throw new FsError(
        EISDIR,
        'rm',
        typeof path === 'string' ? path : toText(bytes),
        undefined,
        'ERR_FS_EISDIR',
      );
    }
    throw this.error(e, 'rm', path);
  }

  // Names ---------------------------------------------------------------------------------------------------

  async rename(from: PathLike, to: PathLike): Promise<void> {
    const dest = pathBytes(to);
    this.do(
      'rename',
      from,
      (p) => this.vfs.rename(this.context, this.credentials, null, p, null, dest, 0),
      to,
    );
  }

  /** Hard link. */
  async link(existing: PathLike, path: PathLike): Promise<void> {
    const dest = pathBytes(path);
    this.do(
      'link',
      existing,
      (p) => this.vfs.link(this.context, this.credentials, null, p, 0, null, dest),
      path,
    );
  }

  async symlink(target: PathLike, path: PathLike): Promise<void> {
    const bytes = pathBytes(target);
    const at = pathBytes(path);
    this.do('symlink', target, () => this.vfs.symlink(this.context, this.credentials, bytes, null, at), path);
  }

  async readlink(path: PathLike): Promise<string> {
    return toText(
      this.do<string>('readlink', path, (p) => this.vfs.readlink(this.context, this.credentials, null, p, 0)),
    );
  }

  /** The path without links, '.' and '..'. */
  async realpath(path: PathLike): Promise<string> {
    const at = this.do<Path>('realpath', path, (p) => this.place(p, true));
    return toText(this.vfs.pathText(this.context, at));
  }

  /** A FIFO, device node or socket (mknod(2)); `mode` holds the type. */
  async mknod(path: PathLike, mode: number, device = 0): Promise<void> {
    this.do('mknod', path, (p) => this.vfs.mknod(this.context, this.credentials, null, p, mode, device));
  }

  // Attributes ----------------------------------------------------------------------------------------------

  private statWith(path: PathLike, syscall: string, flags: number, big: boolean): Stats | BigIntStats {
    const s = new Stat();
    this.do(syscall, path, (p) => this.vfs.stat(this.context, this.credentials, null, p, flags, s));
    return big ? new BigIntStats(s) : new Stats(s);
  }

  async stat(path: PathLike, options?: { bigint?: false }): Promise<Stats>;
  async stat(path: PathLike, options: { bigint: true }): Promise<BigIntStats>;
  async stat(path: PathLike, options?: { bigint?: boolean }): Promise<Stats | BigIntStats> {
    return this.statWith(path, 'stat', LOOKUP_FOLLOW, options?.bigint ?? false);
  }

  async lstat(path: PathLike, options?: { bigint?: false }): Promise<Stats>;
  async lstat(path: PathLike, options: { bigint: true }): Promise<BigIntStats>;
  async lstat(path: PathLike, options?: { bigint?: boolean }): Promise<Stats | BigIntStats> {
    return this.statWith(path, 'lstat', 0, options?.bigint ?? false);
  }

  /** Sizes of the file system that holds `path`. */
  async statfs(path: PathLike, options?: { bigint?: false }): Promise<StatFs>;
  async statfs(path: PathLike, options: { bigint: true }): Promise<StatFs<bigint>>;
  async statfs(path: PathLike, options?: { bigint?: boolean }): Promise<StatFs<number | bigint>> {
    const s = this.do<FsStats>('statfs', path, (p) =>
      this.vfs.statfs(this.context, this.credentials, null, p, { mount: null }),
    );
    const as = options?.bigint ? BigInt : Number;
    return {
      type: as(s.type),
      bsize: as(s.bsize),
      blocks: as(s.blocks),
      bfree: as(s.bfree),
      bavail: as(s.bavail),
      files: as(s.files),
      ffree: as(s.ffree),
    };
  }

  /** Rejects unless the credentials allow `mode` (constants.R_OK...). */
  async access(path: PathLike, mode: number = F_OK): Promise<void> {
    this.do('access', path, (p) =>
      this.vfs.access(this.context, this.credentials, null, p, mode & 7, LOOKUP_FOLLOW),
    );
  }

  /** True when the path leads to something. */
  async exists(path: PathLike): Promise<boolean> {
    const bytes = pathBytes(path);
    return this.enter(() => typeof this.place(bytes, true) !== 'number');
  }

  private change(path: PathLike, syscall: string, follow: boolean, work: (at: Path) => number): void {
    this.do(syscall, path, (p) => {
      const at = this.place(p, follow);
      return typeof at === 'number' ? at : work(at);
    });
  }

  async chmod(path: PathLike, mode: number): Promise<void> {
    this.change(path, 'chmod', true, (at) => this.vfs.chmod(at, this.credentials, mode));
  }

  /** -1 leaves owner or group as it is. */
  async chown(path: PathLike, uid: number, gid: number): Promise<void> {
    this.change(path, 'chown', true, (at) => this.vfs.chown(at, this.credentials, uid, gid));
  }

  async lchown(path: PathLike, uid: number, gid: number): Promise<void> {
    this.change(path, 'lchown', false, (at) => this.vfs.chown(at, this.credentials, uid, gid));
  }

  async utimes(path: PathLike, atime: TimeLike, mtime: TimeLike): Promise<void> {
    const a = timeOf(atime);
    const m = timeOf(mtime);
    this.change(path, 'utime', true, (at) =>
      this.vfs.utimens(at, this.credentials, a.sec, a.nsec, m.sec, m.nsec),
    );
  }

  async lutimes(path: PathLike, atime: TimeLike, mtime: TimeLike): Promise<void> {
    const a = timeOf(atime);
    const m = timeOf(mtime);
    this.change(path, 'lutime', false, (at) =>
      this.vfs.utimens(at, this.credentials, a.sec, a.nsec, m.sec, m.nsec),
    );
  }

  async getxattr(path: PathLike, name: string): Promise<Buffer> {
    const value = this.do<Uint8Array>('getxattr', path, (p) => {
      const at = this.place(p, true);
      return typeof at === 'number' ? at : this.vfs.getxattr(at, this.credentials, toByteString(name));
    });
    return Buffer.from(value);
  }

  async setxattr(path: PathLike, name: string, value: Uint8Array | string): Promise<void> {
    const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
    this.change(path, 'setxattr', true, (at) =>
      this.vfs.setxattr(at, this.credentials, toByteString(name), bytes, 0),
    );
  }

  async listxattr(path: PathLike): Promise<string[]> {
    const names = this.do<readonly string[]>('listxattr', path, (p) => {
      const at = this.place(p, true);
      return typeof at === 'number' ? at : this.vfs.listxattr(at, this.credentials);
    });
    return names.map(toText);
  }

  async removexattr(path: PathLike, name: string): Promise<void> {
    this.change(path, 'removexattr', true, (at) =>
      this.vfs.removexattr(at, this.credentials, toByteString(name)),
    );
  }
}
