import { closeSync } from 'node:fs';
import { EBADF, O_ACCMODE, O_RDONLY, SYS_fcntl } from '@sandbox/abi';
import type { KernelCore } from '@sandbox/kernel-core/process';
import { hostSyscall3 } from '@sandbox/native';
import type { File } from '@sandbox/vfs';
import { InvalidOptionError } from './errors.js';
import { HostUsers } from './host-inode.host.js';
import { type HostSource, hostInput, hostSource } from './host-input.host.js';
import { HostSink, hostOutput } from './host-output.host.js';
import type { HostDescriptor } from './stdio.js';

const F_GETFL = 3;

/** O_RDONLY, O_WRONLY or O_RDWR; -EBADF when it is not open. */
function accessOf(fd: number): number {
  const flags = hostSyscall3(SYS_fcntl, fd, F_GETFL, 0);
  return flags < 0 ? flags : flags & O_ACCMODE;
}

function closeQuietly(fd: number): void {
  try {
    closeSync(fd);
  } catch {
    // A stream had it and has closed it.
  }
}

/**
 * The embedder's descriptors that guests of one kernel were given (`stdio: 'inherit'`): one source or sink
 * each, whoever has it open.
 */
export class HostFds {
  private readonly sources = new Map<number, HostSource>();
  private readonly sinks = new Map<number, HostSink>();

  /** Those of descriptors that are closed after their last use. */
  private readonly lent = new Set<HostSource | HostSink>();

  constructor(private readonly kernel: KernelCore) {}

  /** A file for a guest to read the embedder's `fd`. */
  input(fd: number): File {
    let source = this.sources.get(fd);
    if (source === undefined) this.sources.set(fd, (source = hostSource(this.kernel, fd)));
    return hostInput(this.kernel, source);
  }

  /** A file for a guest to write to the embedder's `fd`. */
  output(fd: number): File {
    let sink = this.sinks.get(fd);
    if (sink === undefined) this.sinks.set(fd, (sink = new HostSink(this.kernel, fd)));
    return hostOutput(this.kernel, sink);
  }

  /**
   * A file for descriptor `index` of a guest: read or written as the embedder's was opened. Throws
   * InvalidOptionError.
   */
  open({ fd, close = false }: HostDescriptor, index: number): File {
    const access = fd < 0 ? -EBADF : accessOf(fd);
    if (access < 0) throw new InvalidOptionError(`stdio[${index}]`, `descriptor ${fd} is not open`);
    const reads = index === 0 || (index > 2 && access === O_RDONLY);
    if (!close) return reads ? this.input(fd) : this.output(fd);
    const end = reads ? hostSource(this.kernel, fd, true) : new HostSink(this.kernel, fd, true);
    const users = new HostUsers(() => {
      this.lent.delete(end);
      end.close();
      closeQuietly(fd);
    });
    this.lent.add(end);
    return reads
      ? hostInput(this.kernel, end as HostSource, users)
      : hostOutput(this.kernel, end as HostSink, users);
  }

  /** The kernel ends. Output that was taken is still written. */
  dispose(): void {
    for (const source of this.sources.values()) source.close();
    for (const sink of this.sinks.values()) sink.close();
    for (const end of this.lent) end.close();
    this.lent.clear();
    this.sources.clear();
    this.sinks.clear();
  }
}
