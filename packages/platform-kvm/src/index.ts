import {
  type Platform,
  type PlatformInstance,
  type PlatformOptions,
  PlatformUnavailableError,
} from '@sandbox/platform';
import { KvmInstance } from './instance.host.js';
import { hasBreakpoints, kind, processorVirtualises } from './kind.host.js';
import { probeKvm } from './probe.host.js';

/**
 * ptrace's is 10. KVM is the better way where leaving a virtual machine is cheap; a round trip by ptrace
 * takes 6 us and more.
 */
const PREFERENCE_FAST = 20;
const PREFERENCE_SLOW = 5;
const FAST = 5000;

export interface KvmOptions {
  /** Replace hot system call instructions by jumps to code that does not leave the guest (default true). */
  fastPath?: boolean;
  /**
   * False: no entry of a page table maps 2 MiB, not even where processors walk the tables themselves. For
   * tests and measurements.
   */
  largePages?: boolean;
  /**
   * Guests publish system calls in shared memory, and look there for the answer as the kernel does for calls,
   * each on a processor of its own: `'adaptive'` (default), while that pays; `'always'` and `'never'`, for
   * tests. It holds for all kernels of this thread.
   */
  spin?: 'adaptive' | 'always' | 'never';
}

/** Guests in a virtual machine, through /dev/kvm. */
export function kvm(options: KvmOptions = {}): Platform {
  return {
    name: 'kvm',
    get preference(): number {
      // Trying it out takes a while: not where the answer is known.
      return processorVirtualises() && probeKvm().ok && kind().roundTrip < FAST
        ? PREFERENCE_FAST
        : PREFERENCE_SLOW;
    },
    probe: probeKvm,
    open(open: PlatformOptions): PlatformInstance {
      const probe = probeKvm();
      if (!probe.ok) throw new PlatformUnavailableError('kvm', probe.code, probe.why);
      const { userStub, largePages, roundTrip, inGuest } = kind();
      const instance = new KvmInstance(
        open,
        userStub,
        options.fastPath,
        hasBreakpoints,
        largePages && options.largePages !== false,
      );
      instance.driver.useCallPages(roundTrip - inGuest, options.spin);
      return instance;
    },
  };
}
