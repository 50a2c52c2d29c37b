import { closeSync, openSync, readFileSync, statSync } from 'node:fs';
import { CLONE_NEWNET, SYS_setns, SYS_unshare } from '@sandbox/abi';
import type { Kernel } from '@sandbox/kernel';
import { hostSyscall3 } from '@sandbox/native';
import type { OciConfig } from '../config/types.js';
import { errnoText, Failure } from '../failure.js';

const OWN = '/proc/thread-self/ns/net';

/** What tells network namespaces of the host apart: "device:inode"; null: there is none at `path`. */
export function namespaceKey(path: string): string | null {
  try {
    const { dev, ino } = statSync(path);
    return `${dev}:${ino}`;
  } catch {
    return null;
  }
}

/**
 * The host's network namespace a sandbox is the owner of: the one its configuration names, or a new one that
 * this process is in, where engines look for it by the container's pid. None where the configuration asks for
 * none, or this process may not make one: there is loopback alone then.
 */
export class HostNetwork {
  private constructor(
    /** Where it is; null: there is none. */
    private readonly path: string | null,
    /** Descriptors of the namespaces this process was in and is in, when these differ. */
    private readonly moved: { readonly from: number; readonly to: number } | null,
  ) {}

  /** Throws Failure: the namespace does not exist. */
  static enter(config: OciConfig): HostNetwork {
    const wanted = config.linux?.namespaces?.find((ns) => ns.type === 'network');
    if (wanted === undefined) return new HostNetwork(null, null);
    if (wanted.path) {
      if (namespaceKey(wanted.path) === null)
        throw new Failure(`lstat ${wanted.path}: no such file or directory`);
      return new HostNetwork(wanted.path, null);
    }
    const from = openSync(OWN, 'r');
    if (hostSyscall3(SYS_unshare, CLONE_NEWNET, 0, 0) < 0) {
      closeSync(from);
      return new HostNetwork(null, null);
    }
    return new HostNetwork(OWN, { from, to: openSync(OWN, 'r') });
  }

  /** See `namespaceKey`. */
  get key(): string | null {
    return this.path === null ? null : namespaceKey(this.path);
  }

  /** Call `fn`, which starts a program of the host, in the namespace this process came from. */
  outside<T>(fn: () => T): T {
    const { moved } = this;
    if (moved === null) return fn();
    hostSyscall3(SYS_setns, moved.from, CLONE_NEWNET, 0);
    try {
      return fn();
    } finally {
      hostSyscall3(SYS_setns, moved.to, CLONE_NEWNET, 0);
    }
  }

  /**
   * Have the kernel's stack be in the place of the host's, with what the engine has set up by now. Throws
   * Failure.
   */
  async give(kernel: Kernel): Promise<void> {
    const { path } = this;
    if (path === null || (path === OWN && isEmpty())) return;
    try {
      await kernel.net.join(path);
    } catch (error) {
      throw new Failure(`joining the network namespace ${path}: ${errnoText(error)}`);
    }
  }
}

/** Is there loopback alone where this thread is? */
function isEmpty(): boolean {
  const rows = readFileSync('/proc/thread-self/net/dev', 'latin1').trim().split('\n').slice(2);
  return rows.every((row) => /^\s*lo:/.test(row));
}
