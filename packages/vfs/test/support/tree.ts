import { O_CREAT, O_DIRECTORY, O_RDONLY, O_TRUNC, O_WRONLY } from '@sandbox/abi';
import { MemoryFile } from '@sandbox/platform';
import {
  BytesIo,
  type Credentials,
  type File,
  type FileSystem,
  type FileSystemSpec,
  FsContext,
  HeapPageStore,
  KERNEL_CREDENTIALS,
  type MountEnvironment,
  type PageStore,
  type Path,
  releaseFile,
  Stat,
  Vfs,
} from '@sandbox/vfs';

/** Byte string of a text. */
export const bytes = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

export function memoryStore(): PageStore & { dispose(): void } {
  return MemoryFile.create('test');
}

/** One file system mounted as the whole tree, driven as root through the VFS: results, or negative errnos. */
export class Tree {
  readonly vfs: Vfs;
  readonly fs: FileSystem;
  readonly ctx: FsContext;
  readonly env: MountEnvironment;
  time = 1_700_000_000;
  cred: Credentials = KERNEL_CREDENTIALS;

  constructor(
    spec: FileSystemSpec,
    readonly pages: PageStore = new HeapPageStore(),
  ) {
    let dev = 10;
    const clock = { now: () => this.time, nsec: 123_456_789 };
    this.env = { pages, clock, random: () => 4, nextDev: () => dev++, memoryUsers: new Set() };
    this.vfs = new Vfs(this.env);
    this.fs = spec.create(this.env);
    this.ctx = FsContext.atRoot(this.vfs.createNamespace(this.fs), 0o022);
  }

  open(path: string, flags: number = O_RDONLY, mode = 0o644): File | number {
    return this.vfs.open(this.ctx, this.cred, null, path, flags, mode);
  }
  /** The open file; fails the test otherwise. */
  opened(path: string, flags: number = O_RDONLY, mode = 0o644): File {
    const f = this.open(path, flags, mode);
    if (typeof f === 'number') throw new Error(`open ${path}: ${f}`);
    return f;
  }
  close(file: File): void {
    file.flush();
    releaseFile(file);
  }

  readFrom(file: File, offset = 0, length = 1 << 20): string | number {
    const buffer = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const n = file.read(new BytesIo(buffer, done, length - done), offset + done);
      if (n < 0) return n;
      if (n === 0) break;
      done += n;
    }
    return Buffer.from(buffer.buffer, 0, done).toString('latin1');
  }
  writeTo(file: File, text: string, offset: number): number {
    return file.write(new BytesIo(Buffer.from(text, 'latin1')), offset);
  }

  read(path: string): string | number {
    const f = this.open(path);
    if (typeof f === 'number') return f;
    const r = this.readFrom(f);
    this.close(f);
    return r;
  }
  write(path: string, text: string, flags: number = O_CREAT | O_TRUNC, mode = 0o644): number {
    const f = this.open(path, O_WRONLY | flags, mode);
    if (typeof f === 'number') return f;
    const r = this.writeTo(f, text, 0);
    this.close(f);
    return r;
  }

  list(path: string): string[] | number {
    const f = this.open(path, O_DIRECTORY);
    if (typeof f === 'number') return f;
    const names: string[] = [];
    const r = f.readdir(2, (name) => names.push(name) > 0);
    this.close(f);
    return r < 0 ? r : names.sort();
  }

  private statFlags(path: string, flags: number): Stat | number {
    const out = new Stat();
    const r = this.vfs.stat(this.ctx, this.cred, null, path, flags, out);
    return r < 0 ? r : out;
  }
  lstat(path: string): Stat | number {
    return this.statFlags(path, 0);
  }
  /** lstat that must succeed. */
  attributes(path: string): Stat {
    const st = this.lstat(path);
    if (typeof st === 'number') throw new Error(`lstat ${path}: ${st}`);
    return st;
  }

  /** The place itself, symbolic links not followed. */
  place(path: string): Path {
    const p = this.vfs.resolve(this.ctx, this.cred, null, path, 0);
    if (typeof p === 'number') throw new Error(`resolve ${path}: ${p}`);
    return p;
  }

  mkdir(path: string, mode = 0o755): number {
    return this.vfs.mkdir(this.ctx, this.cred, null, path, mode);
  }
  mknod(path: string, mode: number, rdev = 0): number {
    return this.vfs.mknod(this.ctx, this.cred, null, path, mode, rdev);
  }
  symlink(target: string, path: string): number {
    return this.vfs.symlink(this.ctx, this.cred, target, null, path);
  }
  readlink(path: string): string | number {
    return this.vfs.readlink(this.ctx, this.cred, null, path, 0);
  }
  link(from: string, to: string): number {
    return this.vfs.link(this.ctx, this.cred, null, from, 0, null, to);
  }
  unlink(path: string): number {
    return this.vfs.unlink(this.ctx, this.cred, null, path);
  }
  rmdir(path: string): number {
    return this.vfs.rmdir(this.ctx, this.cred, null, path);
  }
  rename(from: string, to: string, flags = 0): number {
    return this.vfs.rename(this.ctx, this.cred, null, from, null, to, flags);
  }
  chmod(path: string, mode: number): number {
    return this.vfs.chmod(this.place(path), this.cred, mode);
  }
  chown(path: string, uid: number, gid: number): number {
    return this.vfs.chown(this.place(path), this.cred, uid, gid);
  }
  truncate(path: string, size: number): number {
    const f = this.open(path, O_WRONLY);
    if (typeof f === 'number') return f;
    const r = f.truncate(size);
    this.close(f);
    return r;
  }
}
