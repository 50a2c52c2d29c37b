import { O_CREAT, O_LARGEFILE, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } from '@sandbox/abi';
import {
  BytesIo,
  type Credentials,
  checkOpenFlags,
  type File,
  type FileSystemSpec,
  FsContext,
  HeapPageStore,
  KERNEL_CREDENTIALS,
  LOOKUP_FOLLOW,
  type MountEnvironment,
  ObjectBudget,
  type Path,
  releaseFile,
  Stat,
  tmpfs,
  Vfs,
} from '@sandbox/vfs';

/** Credentials of an ordinary user. */
export function user(uid: number, gid = uid, groups: number[] = [], caps: number[] = []): Credentials {
  return { fsuid: uid, fsgid: gid, groups, capable: (c) => caps.includes(c) };
}

export const ROOT = KERNEL_CREDENTIALS;

/** A tree under test with a clock that ticks one second a reading, and errno results as they come. */
export class World {
  readonly env: MountEnvironment;
  readonly vfs: Vfs;
  readonly ctx: FsContext;
  readonly pages = new HeapPageStore();
  now = 1_000_000;

  constructor(spec: FileSystemSpec = tmpfs({ mode: 0o755 }), dentries?: number, objects = 1_000_000) {
    let dev = 1;
    const world = this;
    this.env = {
      pages: this.pages,
      objects: new ObjectBudget(objects),
      clock: {
        nsec: 7,
        now() {
          return ++world.now;
        },
      },
      random: () => 0x12345678,
      nextDev: () => dev++,
    };
    this.vfs = new Vfs(this.env, { dentries });
    this.ctx = FsContext.atRoot(this.vfs.createNamespace(spec.create(this.env)), 0);
  }

  mkdir(path: string, mode = 0o755, cred = ROOT): number {
    return this.vfs.mkdir(this.ctx, cred, null, path, mode);
  }
  symlink(target: string, path: string, cred = ROOT): number {
    return this.vfs.symlink(this.ctx, cred, target, null, path);
  }
  unlink(path: string, cred = ROOT): number {
    return this.vfs.unlink(this.ctx, cred, null, path);
  }
  rmdir(path: string, cred = ROOT): number {
    return this.vfs.rmdir(this.ctx, cred, null, path);
  }
  rename(from: string, to: string, flags = 0, cred = ROOT): number {
    return this.vfs.rename(this.ctx, cred, null, from, null, to, flags);
  }
  link(from: string, to: string, cred = ROOT): number {
    return this.vfs.link(this.ctx, cred, null, from, 0, null, to);
  }
  open(path: string, flags = O_RDONLY, mode = 0o644, cred = ROOT, resolve = 0): File | number {
    const checked = checkOpenFlags(flags | O_LARGEFILE);
    return checked < 0 ? checked : this.vfs.open(this.ctx, cred, null, path, checked, mode, resolve);
  }
  /** Open, or fail the test. */
  file(path: string, flags = O_RDWR | O_CREAT, mode = 0o644, cred = ROOT): File {
    const f = this.open(path, flags, mode, cred);
    if (typeof f === 'number') throw new Error(`open ${path}: ${f}`);
    return f;
  }
  /** Open and close: 0 or -errno. */
  tryOpen(path: string, flags = O_RDONLY, cred = ROOT, resolve = 0): number {
    const f = this.open(path, flags, 0o644, cred, resolve);
    if (typeof f === 'number') return f;
    releaseFile(f);
    return 0;
  }
  write(path: string, text: string, cred = ROOT): number {
    const f = this.open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644, cred);
    if (typeof f === 'number') return f;
    const n = f.write(new BytesIo(Buffer.from(text, 'latin1')), 0);
    releaseFile(f);
    return n;
  }
  read(path: string): string | number {
    const f = this.open(path);
    if (typeof f === 'number') return f;
    const buffer = Buffer.alloc(f.inode.size);
    const n = f.read(new BytesIo(buffer), 0);
    releaseFile(f);
    return n < 0 ? n : buffer.toString('latin1', 0, n);
  }
  stat(path: string, flags = LOOKUP_FOLLOW, cred = ROOT): Stat | number {
    const s = new Stat();
    return this.vfs.stat(this.ctx, cred, null, path, flags, s) || s;
  }
  /** Stat, or fail the test. */
  at(path: string, flags = LOOKUP_FOLLOW): Stat {
    const s = this.stat(path, flags);
    if (typeof s === 'number') throw new Error(`stat ${path}: ${s}`);
    return s;
  }
  resolve(path: string, flags = LOOKUP_FOLLOW, cred = ROOT): Path {
    const p = this.vfs.resolve(this.ctx, cred, null, path, flags);
    if (typeof p === 'number') throw new Error(`resolve ${path}: ${p}`);
    return p;
  }
  tryResolve(path: string, flags = LOOKUP_FOLLOW, at: Path | null = null, cred = ROOT): number {
    const p = this.vfs.resolve(this.ctx, cred, at, path, flags);
    return typeof p === 'number' ? p : 0;
  }
  text(path: Path): string {
    return this.vfs.pathText(this.ctx, path);
  }
  list(path: string): string[] | number {
    const f = this.open(path);
    if (typeof f === 'number') return f;
    const names: string[] = [];
    const e = f.readdir(0, (name) => names.push(name) > 0);
    releaseFile(f);
    return e < 0 ? e : names;
  }
}
