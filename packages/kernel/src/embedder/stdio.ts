import { O_CLOEXEC, O_RDONLY, O_RDWR, O_WRONLY } from '@sandbox/abi';
import { type File, KERNEL_CREDENTIALS } from '@sandbox/vfs';
import { FdTable } from '../fs/fd-table.js';
import type { BootedKernel } from '../kernel/boot.js';
import { InvalidOptionError, SpawnError } from './errors.js';
import { GuestReadable, GuestWritable } from './guest-streams.js';
import type { HostFds } from './host-fds.host.js';

/** What a descriptor of a new program is connected to: a stream of ours, nothing, or the embedder's own descriptor. */
export type StdioKind = 'pipe' | 'ignore' | 'inherit';

export interface Stdio {
  readonly files: FdTable;
  readonly stdin: GuestWritable | null;
  readonly stdout: GuestReadable | null;
  readonly stderr: GuestReadable | null;
}

/** RLIMIT_NOFILE does not count for what the embedder hands in. */
const NO_LIMIT = Number.POSITIVE_INFINITY;

/** Build descriptors 0, 1 and 2. */
export function makeStdio(booted: BootedKernel, hostFds: HostFds, kinds: readonly StdioKind[]): Stdio {
  const { core } = booted;
  const files = new FdTable();
  const ours: (GuestReadable | GuestWritable | null)[] = [null, null, null];
  try {
    for (let fd = 0; fd < 3; fd++) {
      const kind = kinds[fd] ?? 'pipe';
      if (kind === 'pipe') {
        const ends: File[] = [];
        const r = core.io.makePipe(KERNEL_CREDENTIALS, O_CLOEXEC, ends);
        if (r < 0) throw new SpawnError(-r, '', 'stdio', '', 'its pipes cannot be made');
        const [reader, writer] = ends;
        ours[fd] = fd === 0 ? new GuestWritable(core, writer) : new GuestReadable(core, reader);
        files.install(fd === 0 ? reader : writer, false, NO_LIMIT);
      } else if (kind === 'ignore') {
        const flags = fd === 0 ? O_RDONLY : O_WRONLY;
        const file = core.vfs.open(booted.fs, KERNEL_CREDENTIALS, null, '/dev/null', flags | O_RDWR, 0);
        if (typeof file === 'number')
          throw new SpawnError(-file, '', 'stdio', '/dev/null', '/dev/null cannot be opened');
        files.install(file, false, NO_LIMIT);
      } else if (kind === 'inherit') {
        files.install(fd === 0 ? hostFds.input(0) : hostFds.output(fd), false, NO_LIMIT);
      } else {
        throw new InvalidOptionError(`stdio[${fd}]`, `'${String(kind)}' is none of pipe, ignore, inherit`);
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
