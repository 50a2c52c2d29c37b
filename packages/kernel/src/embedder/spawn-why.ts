import {
  BINPRM_BUF_SIZE,
  E2BIG,
  EAGAIN,
  ELOOP,
  ENOENT,
  ENOEXEC,
  ENOMEM,
  MS_NOEXEC,
  O_RDONLY,
} from '@sandbox/abi';
import type { KernelCore } from '@sandbox/kernel-core/process';
import { isElf, isScript, parseElf, parseScript, readerOf, readHead } from '@sandbox/kernel-core/process';
import {
  type Credentials,
  type File,
  type FsContext,
  KERNEL_CREDENTIALS,
  LOOKUP_DIRECTORY,
  LOOKUP_FOLLOW,
  MAY_EXEC,
  openPlace,
  permission,
  releaseFile,
} from '@sandbox/vfs';
import { type SpawnCulprit, SpawnError } from './errors.js';
import { fromBytes } from './text.js';

/** What was to be started; byte strings. */
export interface FailedSpawn {
  readonly path: string;
  readonly cwd: string;
  readonly cred: Credentials;
  /** Root of the guest's tree; taken over. */
  readonly fs: FsContext;
}

const LIMITS: Readonly<Record<number, string>> = {
  [E2BIG]: 'arguments and environment are too long',
  [EAGAIN]: 'the limit of processes is reached, or its content is not there yet (Kernel.load)',
  [ENOMEM]: 'the limit of memory is reached',
};

/**
 * An errno says little about a program that does not start: look again at what was asked for and name what
 * stands in the way.
 */
export function spawnError(core: KernelCore, errno: number, failed: FailedSpawn): SpawnError {
  const { fs } = failed;
  try {
    const make = (culprit: SpawnCulprit, path: string, why: string): SpawnError =>
      new SpawnError(errno, fromBytes(failed.path), culprit, fromBytes(path), why);
    const lookup = LOOKUP_FOLLOW | LOOKUP_DIRECTORY;
    const cwd = core.vfs.resolve(fs, KERNEL_CREDENTIALS, null, failed.cwd, lookup);
    if (cwd === -errno) return make('cwd', failed.cwd, `working directory ${fromBytes(failed.cwd)}`);
    if (typeof cwd !== 'number') fs.cwd = cwd;
    const limit = LIMITS[errno];
    if (limit !== undefined) return make('limits', failed.path, limit);
    const program = reasonAt(core, failed, failed.path);
    if (program !== '') return make('program', failed.path, program);
    return throughInterpreter(core, failed, make) ?? make('program', failed.path, '');
  } finally {
    fs.release();
  }
}

/** Why `path` is nothing to execute for this user; '' when nothing speaks against it. */
function reasonAt(core: KernelCore, { fs, cred }: FailedSpawn, path: string): string {
  const place = core.vfs.resolve(fs, cred, null, path);
  if (place === -ENOENT) return 'no such file';
  if (place === -ELOOP) return 'too many symbolic links';
  if (typeof place === 'number') return 'it cannot be reached';
  const { inode } = place.dentry;
  if (inode === null || inode.isDirectory) return 'it is a directory';
  if (!inode.isRegular) return 'it is not a regular file';
  if (permission(inode, MAY_EXEC, cred) !== 0) return `it is not executable for uid ${cred.fsuid}`;
  if ((place.mount.flags & MS_NOEXEC) !== 0) return 'its mount does not allow programs';
  return inode.writers > 0 ? 'it is open for writing' : '';
}

/** The program itself may be executed: what of its contents, and of the interpreter it names? */
function throughInterpreter(
  core: KernelCore,
  failed: FailedSpawn,
  make: (culprit: SpawnCulprit, path: string, why: string) => SpawnError,
): SpawnError | null {
  const head = headOf(core, failed, failed.path);
  if (head === null) return null;
  if (typeof head === 'string') return make('program', failed.path, head);
  const { interpreter } = head;
  const why = reasonAt(core, failed, interpreter);
  if (why !== '')
    return make('interpreter', interpreter, `its interpreter ${fromBytes(interpreter)}: ${why}`);
  const inner = headOf(core, failed, interpreter);
  if (typeof inner === 'string')
    return make('interpreter', interpreter, `its interpreter ${fromBytes(interpreter)}: ${inner}`);
  return null;
}

/**
 * What a file names as its interpreter, or what is wrong with it; null when it looks right and needs none.
 */
function headOf(
  core: KernelCore,
  { fs }: FailedSpawn,
  path: string,
): { readonly interpreter: string } | string | null {
  const place = core.vfs.resolve(fs, KERNEL_CREDENTIALS, null, path);
  if (typeof place === 'number') return null;
  const file = openPlace(core.vfs, place.mount, place.dentry, O_RDONLY, KERNEL_CREDENTIALS, false);
  if (typeof file === 'number') return null;
  try {
    const head = readHead(file, BINPRM_BUF_SIZE);
    return typeof head === 'number' ? 'it cannot be read' : interpreterOf(file, head);
  } finally {
    releaseFile(file);
  }
}

/**
 * What a file that begins with `head` names as its interpreter, or what is wrong with it; null when it needs
 * none.
 */
export function interpreterOf(
  file: File,
  head: Uint8Array,
): { readonly interpreter: string } | string | null {
  if (isScript(head)) {
    const line = parseScript(head);
    return typeof line === 'number' ? 'its #! line names no interpreter' : line;
  }
  if (!isElf(head)) return 'neither an ELF program nor a script';
  const elf = parseElf(head, readerOf(file));
  if (elf === -ENOEXEC) return 'not an ELF program for x86-64, or a damaged one';
  if (typeof elf === 'number') return 'its ELF headers are cut off';
  return elf.interpreter === null ? null : { interpreter: elf.interpreter };
}
