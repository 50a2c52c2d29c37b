import {
  type Platform,
  type PlatformInstance,
  type PlatformOptions,
  PlatformUnavailableError,
} from '@sandbox/platform';
import { PtraceInstance } from './instance.host.js';
import { probePtrace } from './probe.host.js';

/** Guests as ptrace'd stub processes: runs on any x86-64 Linux that allows tracing one's own children. */
export function ptrace(): Platform {
  return {
    name: 'ptrace',
    preference: 10,
    probe: probePtrace,
    open(options: PlatformOptions): PlatformInstance {
      try {
        return new PtraceInstance(options);
      } catch (error) {
        const probe = probePtrace();
        if (!probe.ok) throw new PlatformUnavailableError('ptrace', probe.code, probe.why);
        throw error;
      }
    },
  };
}
