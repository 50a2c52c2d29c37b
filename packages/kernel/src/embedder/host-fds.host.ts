import type { File } from '@sandbox/vfs';
import type { KernelCore } from '../kernel/kernel-core.js';
import { type HostSource, hostInput, hostSource } from './host-input.host.js';
import { HostSink, hostOutput } from './host-output.host.js';

/** The embedder's descriptors that guests of one kernel were given (`stdio: 'inherit'`): one source or sink each, whoever has it open. */
export class HostFds {
  private readonly sources = new Map<number, HostSource>();
  private readonly sinks = new Map<number, HostSink>();

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

  /** The kernel ends. Output that was taken is still written. */
  dispose(): void {
    for (const source of this.sources.values()) source.close();
    for (const sink of this.sinks.values()) sink.close();
    this.sources.clear();
    this.sinks.clear();
  }
}
