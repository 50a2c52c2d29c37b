/**
 * The platforms this package knows by name. They are loaded when asked for: a kernel that is given a platform object loads none of
 * these, and one that is not installed is a typed reason, not an import error.
 */
import { type Platform, PlatformUnavailableError, type ProbeResult } from '@sandbox/platform';
import { InvalidOptionError } from './errors.js';

export const PLATFORM_NAMES = ['kvm', 'ptrace'] as const;
export type PlatformName = (typeof PLATFORM_NAMES)[number];

async function load(name: PlatformName): Promise<Platform | null> {
  switch (name) {
    case 'ptrace':
      return (await import('@sandbox/platform-ptrace')).ptrace();
    case 'kvm':
      return null;
  }
}

const notInstalled: ProbeResult = { ok: false, code: 'not-installed', why: 'the package is not installed' };

/** What each known platform says of this host, best first. */
export async function probePlatforms(): Promise<{ name: PlatformName; result: ProbeResult }[]> {
  const out: { name: PlatformName; result: ProbeResult }[] = [];
  for (const name of PLATFORM_NAMES) {
    const platform = await load(name);
    out.push({ name, result: platform ? platform.probe() : notInstalled });
  }
  return out;
}

/**
 * The platform for `wish`: an object as it is; a name fails closed with PlatformUnavailableError when it cannot run; 'auto' takes
 * the best that can.
 */
export async function selectPlatform(wish: 'auto' | PlatformName | Platform): Promise<Platform> {
  if (typeof wish === 'object') return wish;
  if (wish !== 'auto') {
    if (!PLATFORM_NAMES.includes(wish)) {
      throw new InvalidOptionError('platform', `'${wish}' is none of auto, ${PLATFORM_NAMES.join(', ')}`);
    }
    const platform = await load(wish);
    const result = platform ? platform.probe() : notInstalled;
    if (!result.ok) throw new PlatformUnavailableError(wish, result.code, result.why);
    return platform!;
  }
  const reasons: string[] = [];
  for (const name of PLATFORM_NAMES) {
    const platform = await load(name);
    const result = platform ? platform.probe() : notInstalled;
    if (result.ok) return platform!;
    reasons.push(`${name}: ${result.why}`);
  }
  throw new PlatformUnavailableError('auto', 'failed', reasons.join('; '));
}
