import {
  type Platform,
  type PlatformInstance,
  type PlatformOptions,
  PlatformUnavailableError,
} from '@sandbox/platform';
import { PtraceInstance } from './instance.host.js';
import { probePtrace } from './probe.host.js';
import { takeReady } from './ready-stubs.host.js';

export interface PtraceOptions {
  /**
   * Replace hot system call instructions in guest code by jumps to a stub that hands the call over in shared
   * memory (default). Without it every call is a stop of the guest.
   */
  fastPath?: boolean;
  /**
   * Both sides look for the other's word in shared memory for a while before they sleep: `'adaptive'`
   * (default), while that pays; `'always'`, for tests. It holds for all kernels of this thread.
   */
  spin?: 'adaptive' | 'always';
}

/** Guests as ptrace'd stub processes: runs on any x86-64 Linux that allows tracing one's own children. */
export function ptrace(options: PtraceOptions = {}): Platform {
  const fastPath = options.fastPath ?? true;
  return {
    name: 'ptrace',
    preference: 10,
    probe: probePtrace,
    readyMemory: takeReady,
    open(open: PlatformOptions): PlatformInstance {
      try {
        const instance = new PtraceInstance(open, fastPath);
        if (options.spin === 'always') instance.tracer.spin.force();
        return instance;
      } catch (error) {
        const probe = probePtrace();
        if (!probe.ok) throw new PlatformUnavailableError('ptrace', probe.code, probe.why);
        throw error;
      }
    },
  };
}
