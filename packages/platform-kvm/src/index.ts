import { type Platform, type PlatformInstance, PlatformUnavailableError } from '@sandbox/platform';

const missing = {
  ok: false,
  code: 'not-installed',
  why: 'guests in a virtual machine are still to come',
} as const;

/** Guests in a virtual machine through KVM. Being built: the probe says that it cannot run yet. */
export function kvm(): Platform {
  return {
    name: 'kvm',
    preference: 5,
    probe: () => missing,
    open(): PlatformInstance {
      throw new PlatformUnavailableError('kvm', missing.code, missing.why);
    },
  };
}
