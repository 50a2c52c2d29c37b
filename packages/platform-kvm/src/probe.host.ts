import { HostCallError, type ProbeResult, unsupportedHost } from '@sandbox/platform';
import { MissingCapability } from './device.host.js';
import { kind } from './kind.host.js';

const ENOENT = 2;
const EACCES = 13;
const EPERM = 1;
const ENXIO = 6;
const ENODEV = 19;

let cached: ProbeResult | null = null;

/** Can guests be run here by KVM? Tried for real: a machine is made, and executes a few instructions. */
export function probeKvm(): ProbeResult {
  cached ??= unsupportedHost() ?? tryIt();
  return cached;
}

function tryIt(): ProbeResult {
  try {
    const { userStub, roundTrip, inGuest } = kind();
    const what = userStub ? 'software KVM (PVM)' : 'hardware virtualisation';
    return {
      ok: true,
      detail: `${what}, a system call in ${us(roundTrip)} us, ${us(inGuest)} of them inside`,
    };
  } catch (error) {
    return explain(error);
  }
}

function us(ns: number): string {
  return (ns / 1000).toFixed(1);
}

function explain(error: unknown): ProbeResult {
  if (error instanceof HostCallError && error.call === 'open(/dev/kvm)') {
    switch (error.errno) {
      case ENOENT:
      case ENXIO:
      case ENODEV:
        return {
          ok: false,
          code: 'kvm-missing',
          why: 'there is no /dev/kvm: the processor or the virtual machine this runs in offers no virtualisation, or the modules kvm and kvm_intel or kvm_amd are not loaded',
        };
      case EACCES:
      case EPERM:
        return {
          ok: false,
          code: 'kvm-permission',
          why: '/dev/kvm may not be opened: the user is not in its group (usually kvm), or the container may not use the device',
        };
    }
  }
  if (error instanceof MissingCapability) return { ok: false, code: 'kvm-capability', why: error.message };
  const why = error instanceof Error ? error.message : String(error);
  if (why.includes('memfd')) return { ok: false, code: 'memfd-unavailable', why };
  return { ok: false, code: 'failed', why };
}
