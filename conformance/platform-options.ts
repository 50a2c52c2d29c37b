import type { PlatformName } from '@sandbox/kernel';
import type { Platform } from '@sandbox/platform';
import { kvm } from '@sandbox/platform-kvm';
import { ptrace } from '@sandbox/platform-ptrace';

/** Options of the commands that judge, for `parseArgs`. */
export const PLATFORM_OPTIONS = {
  platform: { type: 'string', default: 'auto' },
  'no-fast-path': { type: 'boolean', default: false },
  spin: { type: 'boolean', default: false },
} as const;

/** What they ask for. Without the fast path, or with it always looking, 'auto' is ptrace. */
export function chosenPlatform(values: {
  platform: string;
  'no-fast-path': boolean;
  spin: boolean;
}): 'auto' | PlatformName | Platform {
  const { platform, spin } = values;
  const make = platform === 'kvm' ? kvm : ptrace;
  if (values['no-fast-path']) return make({ fastPath: false });
  if (spin) return make({ spin: 'always' });
  return platform as 'auto' | PlatformName;
}
