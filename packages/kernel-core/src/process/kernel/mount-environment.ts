import { CAP_SYS_RESOURCE } from '@sandbox/abi';
import { type FsClock, type MountEnvironment, ObjectBudget } from '@sandbox/vfs';
import type { Clock } from '../../time/source.js';
import { LimitedPages } from '../memory/limited-pages.js';
import type { KernelCore } from './kernel-core.js';

class KernelFsClock implements FsClock {
  nsec = 0;
  constructor(private readonly clock: Clock) {}
  now(): number {
    const sec = this.clock.realtimeSec();
    this.nsec = this.clock.realtimeNsec;
    return sec;
  }
}

/** What the file systems of a kernel get from it. */
export function mountEnvironment(core: KernelCore): MountEnvironment {
  let dev = 0x15;
  return {
    pages: new LimitedPages(core),
    clock: new KernelFsClock(core.clock),
    random: () => core.random.uint32(),
    enter: (fn) => core.run(fn),
    ignoresQuotas: () => core.current?.cred.capable(CAP_SYS_RESOURCE) ?? true,
    nextDev: () => dev++,
    memoryUsers: new Set(),
    objects: new ObjectBudget(core.limits.files),
  };
}
