import { BINPRM_BUF_SIZE, EAGAIN, O_RDONLY } from '@sandbox/abi';
import type { KernelCore } from '@sandbox/kernel-core/process';
import { MAX_DEPTH, readHead } from '@sandbox/kernel-core/process';
import {
  type File,
  type FsContext,
  KERNEL_CREDENTIALS,
  LOOKUP_DIRECTORY,
  LOOKUP_FOLLOW,
  openPlace,
  releaseFile,
  waitReady,
} from '@sandbox/vfs';
import { interpreterOf } from './spawn-why.js';

/**
 * Have the content of a program there, and that of the interpreters and the loader it names, where it comes
 * later than it is asked for (`jsfs`, `lazyTree`). What cannot be had is left for the start of the program to
 * find. Rejects with the signal's reason. `fs` is taken over.
 */
export async function loadProgram(
  core: KernelCore,
  fs: FsContext,
  cwd: string,
  path: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    core.run(() => enter(core, fs, cwd));
    let next: string | null = path;
    for (let depth = 0; next !== null && depth <= MAX_DEPTH; depth++) {
      next = await bringIn(core, fs, next, signal);
    }
  } finally {
    core.run(() => fs.release());
  }
}

function enter(core: KernelCore, fs: FsContext, cwd: string): void {
  const place = core.vfs.resolve(fs, KERNEL_CREDENTIALS, null, cwd, LOOKUP_FOLLOW | LOOKUP_DIRECTORY);
  if (typeof place !== 'number') fs.cwd = place;
}

/** What the file names as its interpreter, once it is there; null: none, or it cannot be had. */
async function bringIn(
  core: KernelCore,
  fs: FsContext,
  path: string,
  signal: AbortSignal | undefined,
): Promise<string | null> {
  const file = core.run(() => open(core, fs, path));
  if (file === null) return null;
  try {
    while (core.run(() => file.prefetch(0, file.inode.size)) === -EAGAIN)
      await waitReady(file, -1, signal, 'open');
    return core.run(() => {
      const head = readHead(file, BINPRM_BUF_SIZE);
      const named = typeof head === 'number' ? null : interpreterOf(file, head);
      return named !== null && typeof named === 'object' ? named.interpreter : null;
    });
  } finally {
    core.run(() => releaseFile(file));
  }
}

function open(core: KernelCore, fs: FsContext, path: string): File | null {
  const place = core.vfs.resolve(fs, KERNEL_CREDENTIALS, null, path);
  if (typeof place === 'number' || !place.dentry.inode?.isRegular) return null;
  const file = openPlace(core.vfs, place.mount, place.dentry, O_RDONLY, KERNEL_CREDENTIALS, false);
  return typeof file === 'number' ? null : file;
}
