import { type Credentials, KERNEL_CREDENTIALS } from '../core/credentials.js';
import type { FileSystemSpec, FsClock, MountEnvironment } from '../core/filesystem.js';
import { FsContext } from '../core/fs-context.js';
import { HeapPageStore } from '../core/heap-page-store.js';
import { Vfs } from '../core/ops/vfs.js';
import type { PageStore } from '../core/page-store.js';
import { SystemClock } from './clock.js';
import { systemRandom } from './random.js';
import { VfsPromises } from './vfs-promises.js';

export interface TreeOptions {
  /** Where file content is kept; default: the heap. */
  pages?: PageStore;
  clock?: FsClock;
  /** Uniform random 32-bit numbers. */
  random?: () => number;
  /** Who works on it; default: full rights. */
  credentials?: Credentials;
  umask?: number;
}

/** A Unix file tree of its own: `createTree(tmpfs())`. Its methods have the shape of node:fs/promises. */
export function createTree(root: FileSystemSpec, options: TreeOptions = {}): VfsPromises {
  let dev = 1;
  const env: MountEnvironment = {
    pages: options.pages ?? new HeapPageStore(),
    clock: options.clock ?? new SystemClock(),
    random: options.random ?? systemRandom,
    nextDev: () => dev++,
  };
  const vfs = new Vfs(env);
  const namespace = vfs.createNamespace(root.create(env));
  const context = FsContext.atRoot(namespace, options.umask ?? 0o022);
  return new VfsPromises(vfs, context, options.credentials ?? KERNEL_CREDENTIALS);
}
