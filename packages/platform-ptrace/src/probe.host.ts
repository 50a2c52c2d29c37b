/** Can guests be run here by ptrace? Tried for real: a stub is made, confined, and ended. */
import { MemoryFile, type ProbeResult, unsupportedHost } from '@sandbox/platform';
import { PtraceInstance } from './instance.host.js';

let cached: ProbeResult | null = null;

export function probePtrace(): ProbeResult {
  cached ??= unsupportedHost() ?? tryIt();
  return cached;
}

function tryIt(): ProbeResult {
  let memory: MemoryFile | null = null;
  try {
    memory = MemoryFile.create('probe');
    const instance = new PtraceInstance({ memory });
    instance.dispose();
    return { ok: true, detail: 'PTRACE_SYSEMU with seccomp-confined stubs' };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (message.includes('memfd')) return { ok: false, code: 'memfd-unavailable', why: message };
    if (message.includes('stub call 317')) {
      return {
        ok: false,
        code: 'seccomp-unavailable',
        why: `the host refuses a seccomp filter (${message})`,
      };
    }
    if (message.includes('ptrace')) {
      return {
        ok: false,
        code: 'ptrace-denied',
        why: `the host refuses ptrace of own children (${message}); look at seccomp profiles of containers and kernel.yama.ptrace_scope`,
      };
    }
    return { ok: false, code: 'failed', why: message };
  } finally {
    memory?.dispose();
  }
}
