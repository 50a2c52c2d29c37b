import type { Nursery } from '@sandbox/platform';
import type { PtraceAddressSpace } from './address-space.host.js';
import type { HostThread } from './host-thread.host.js';

/** A stub that others are forked from, as they are from the sandbox's template; it never runs guest code. */
export class PtraceNursery implements Nursery {
  constructor(private readonly space: PtraceAddressSpace) {}

  get pid(): number {
    return this.space.pid;
  }

  /** What to fork; null: something on the host has killed it. */
  get thread(): HostThread | null {
    const thread = this.space.threads[0];
    return this.space.dead || thread === undefined || thread.gone ? null : thread;
  }

  dispose(): void {
    this.space.kill();
  }
}
