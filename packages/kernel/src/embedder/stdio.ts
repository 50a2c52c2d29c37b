import { MEM_MAJOR, makedev, NULL_MINOR, O_CLOEXEC, O_RDONLY, O_WRONLY } from '@sandbox/abi';
import { ioOf } from '@sandbox/kernel-core/files';
import type { KernelCore } from '@sandbox/kernel-core/process';
import { FdTable } from '@sandbox/kernel-core/process';
import { type File, type FsContext, KERNEL_CREDENTIALS, releaseFile } from '@sandbox/vfs';
import { InvalidOptionError, SpawnError } from './errors.js';
import { GuestReadable, GuestWritable } from './guest-streams.js';
import type { HostFds } from './host-fds.host.js';

/**
 * What a descriptor of a new program is connected to: a stream of ours, nothing, or the embedder's own
 * descriptor.
 */
export type StdioKind = 'pipe' | 'ignore' | 'inherit' | HostDescriptor;

/** A descriptor of the embedder's. `close`: the kernel closes it when no guest has it open any more. */
export interface HostDescriptor {
  fd: number;
  close?: boolean;
}

export interface Stdio {
  readonly files: FdTable;
  readonly stdin: GuestWritable | null;
  readonly stdout: GuestReadable | null;
  readonly stderr: GuestReadable | null;
}

/** RLIMIT_NOFILE does not count for what the embedder hands in. */
const NO_LIMIT = Number.POSITIVE_INFINITY;

/** Build descriptors 0, 1 and 2, and those that follow. */
export function makeStdio(
  core: KernelCore,
  fs: FsContext,
  hostFds: HostFds,
  kinds: readonly StdioKind[],
): Stdio {
  const files = new FdTable();
  const ours: (GuestReadable | GuestWritable | null)[] = [null, null, null];
  try {
    for (let fd = 0; fd < Math.max(3, kinds.length); fd++) {
      const kind = fd < kinds.length ? kinds[fd] : 'pipe';
      if (kind === 'pipe' && fd < 3) {
        const ends: File[] = [];
        const r = ioOf(core).makePipe(KERNEL_CREDENTIALS, O_CLOEXEC, ends);
        if (r < 0) throw new SpawnError(-r, '', 'stdio', '', 'its pipes cannot be made');
        const [reader, writer] = ends;
        ours[fd] = fd === 0 ? new GuestWritable(core, writer) : new GuestReadable(core, reader);
        files.install(fd === 0 ? reader : writer, false, NO_LIMIT);
      } else if (kind === 'ignore') {
        const flags = fd === 0 ? O_RDONLY : O_WRONLY;
        const file = openNull(core, fs, flags);
        if (typeof file === 'number')
          throw new SpawnError(-file, '', 'stdio', '/dev/null', '/dev/null cannot be opened');
        files.install(file, false, NO_LIMIT);
      } else if (kind === 'inherit') {
        files.install(fd === 0 ? hostFds.input(0) : hostFds.output(fd), false, NO_LIMIT);
      } else if (typeof kind === 'object' && Number.isInteger(kind?.fd)) {
        files.install(hostFds.open(kind, fd), false, NO_LIMIT);
      } else {
        throw new InvalidOptionError(
          `stdio[${fd}]`,
          `'${String(kind)}' is none of pipe (of 0 to 2), ignore, inherit, { fd }`,
        );
      }
    }
  } catch (error) {
    files.closeAll();
    for (const stream of ours) stream?.destroy();
    throw error;
  }
  return {
    files,
    stdin: ours[0] as GuestWritable | null,
    stdout: ours[1] as GuestReadable | null,
    stderr: ours[2] as GuestReadable | null,
  };
}

/** /dev/null, whether the tree has one or not. */
function openNull(core: KernelCore, fs: FsContext, flags: number): File | number {
  const file = core.vfs.open(fs, KERNEL_CREDENTIALS, null, '/dev/null', flags, 0);
  if (typeof file !== 'number' && file.inode.rdev === makedev(MEM_MAJOR, NULL_MINOR)) return file;
  if (typeof file !== 'number') releaseFile(file);
  return core.vfs.open(core.rootFs, KERNEL_CREDENTIALS, null, '/dev/null', flags, 0);
}
