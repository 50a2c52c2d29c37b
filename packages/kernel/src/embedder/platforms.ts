/**
 * The platforms this package knows by name. They are loaded when asked for: a kernel that is given a platform object loads none of
 * these, and one that is not installed is a typed reason, not an import error.
 */
import { type Platform, PlatformUnavailableError, type ProbeResult } from '@sandbox/platform';
import { environmentPlatform } from './environment.host.js';
import { InvalidOptionError } from './errors.js';

export const PLATFORM_NAMES = ['kvm', 'ptrace'] as const;
export type PlatformName = (typeof PLATFORM_NAMES)[number];

async function load(name: PlatformName): Promise<Platform> {
  switch (name) {
    case 'ptrace':
      return (await import('@sandbox/platform-ptrace')).ptrace();
    case 'kvm':
      return (await import('@sandbox/platform-kvm')).kvm();
  }
}

/** What each known platform says of this host, best first. */
export async function probePlatforms(): Promise<{ name: PlatformName; result: ProbeResult }[]> {
  const known: { name: PlatformName; result: ProbeResult; preference: number }[] = [];
  for (const name of PLATFORM_NAMES) {
    const platform = await load(name);
    known.push({ name, result: platform.probe(), preference: platform.preference });
  }
  known.sort((a, b) => b.preference - a.preference);
  return known.map(({ name, result }) => ({ name, result }));
}

/**
 * The platform for `wish`: an object as it is; a name fails closed with PlatformUnavailableError when it cannot run; 'auto' takes
 * what the environment variable SANDBOX_PLATFORM names, or else the best that can.
 */
export async function selectPlatform(wish: 'auto' | PlatformName | Platform): Promise<Platform> {
  if (typeof wish === 'object') return wish;
  const name = wish === 'auto' ? (environmentPlatform() ?? 'auto') : wish;
  if (name !== 'auto') {
    if (!isPlatformName(name)) {
      throw new InvalidOptionError('platform', `'${name}' is none of auto, ${PLATFORM_NAMES.join(', ')}`);
    }
    const platform = await load(name);
    const result = platform.probe();
    if (!result.ok) throw new PlatformUnavailableError(name, result.code, result.why);
    return platform;
  }
  const reasons: string[] = [];
  for (const { name: known, result } of await probePlatforms()) {
    if (result.ok) return load(known);
    reasons.push(`${known}: ${result.why}`);
  }
  throw new PlatformUnavailableError('auto', 'failed', reasons.join('; '));
}

function isPlatformName(name: string): name is PlatformName {
  return (PLATFORM_NAMES as readonly string[]).includes(name);
}
