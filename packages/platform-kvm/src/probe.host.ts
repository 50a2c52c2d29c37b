import { readFileSync, statSync } from 'node:fs';
import { HostCallError, type ProbeResult, unsupportedHost } from '@sandbox/platform';
import { MissingCapability } from './device.host.js';
import { kind } from './kind.host.js';

const ENOENT = 2;
const EACCES = 13;
const EPERM = 1;
const ENXIO = 6;
const EBUSY = 16;
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
    const what = userStub
      ? 'software KVM (PVM), as virtual machines without nesting have it'
      : 'hardware virtualisation';
    return {
      ok: true,
      detail: `${what}; a system call in ${us(roundTrip)} us, ${us(inGuest)} of them inside`,
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
          why: `/dev/kvm may not be opened: ${whyForbidden()}`,
        };
    }
  }
  if (error instanceof HostCallError && error.call === 'KVM_CREATE_VM' && error.errno === EBUSY)
    return { ok: false, code: 'kvm-capability', why: 'another hypervisor holds the processor (EBUSY)' };
  if (error instanceof MissingCapability) return { ok: false, code: 'kvm-capability', why: error.message };
  const why = error instanceof Error ? error.message : String(error);
  if (why.includes('memfd')) return { ok: false, code: 'memfd-unavailable', why };
  return { ok: false, code: 'failed', why };
}

/** Which rule of the device's owner, group and mode it is, and what would help. */
function whyForbidden(): string {
  const { uid, gid, mode } = statSync('/dev/kvm');
  const bits = (mode & 0o777).toString(8).padStart(4, '0');
  const own = process.geteuid?.() ?? 0;
  const member = own === 0 || [process.getegid?.(), ...(process.getgroups?.() ?? [])].includes(gid);
  if (own === uid || (member && (mode & 0o60) === 0o60) || (mode & 0o6) === 0o6)
    return 'its mode allows it; the container, or a security module, does not let the device be used';
  const group = groupName(gid);
  if ((mode & 0o60) === 0o60)
    return `its mode is ${bits}, and user ${own} is not in its group, ${group} (usermod -aG ${group} USER, then a new login)`;
  return `its mode is ${bits}, which keeps all but user ${uid} from it (chgrp kvm /dev/kvm; chmod 660 /dev/kvm)`;
}

function groupName(gid: number): string {
  try {
    return (
      new RegExp(`^([^:]+):[^:]*:${gid}:`, 'm').exec(readFileSync('/etc/group', 'utf8'))?.[1] ?? `${gid}`
    );
  } catch {
    return `${gid}`;
  }
}
