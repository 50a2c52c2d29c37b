/**
 * The platforms this package knows by name. They are loaded when asked for: a kernel that is given a platform
 * object loads none of these, and one that is not installed is a typed reason, not an import error.
 */
import { type Platform, PlatformUnavailableError, type ProbeResult } from '@sandbox/platform';
import { environmentPlatform } from './environment.host.js';
import { InvalidOptionError } from './errors.js';

export const PLATFORM_NAMES = ['kvm', 'ptrace'] as const;
export type PlatformName = (typeof PLATFORM_NAMES)[number];

const loaded: { [name in PlatformName]?: Promise<Platform> } = {};

/** Once a process, as far as it worked: each kernel is given the same. */
function load(name: PlatformName): Promise<Platform> {
  return (loaded[name] ??= importPlatform(name).catch((error) => {
    loaded[name] = undefined;
    throw error;
  }));
}

async function importPlatform(name: PlatformName): Promise<Platform> {
  switch (name) {
    case 'ptrace':
      return (await import('@sandbox/platform-ptrace')).ptrace();
    case 'kvm':
      return (await import('@sandbox/platform-kvm')).kvm();
  }
}

interface Known {
  readonly name: PlatformName;
  readonly platform: Platform;
}

/** All of them, the preferred one first. */
async function loadAll(): Promise<Known[]> {
  const known = await Promise.all(PLATFORM_NAMES.map(async (name) => ({ name, platform: await load(name) })));
  return known.sort((a, b) => b.platform.preference - a.platform.preference);
}

/** What each known platform says of this host, best first. */
export async function probePlatforms(): Promise<{ name: PlatformName; result: ProbeResult }[]> {
  return (await loadAll()).map(({ name, platform }) => ({ name, result: platform.probe() }));
}

/**
 * The platform for `wish`: an object as it is; a name fails closed with PlatformUnavailableError when it
 * cannot run; 'auto' takes what the environment variable SANDBOX_PLATFORM names, or else the best that can.
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
  // Probing tries a platform out, which costs milliseconds: those behind the first that works are not asked.
  for (const { name: known, platform } of await loadAll()) {
    const result = platform.probe();
    if (result.ok) return platform;
    reasons.push(`${known}: ${result.why}`);
  }
  throw new PlatformUnavailableError('auto', 'failed', reasons.join('; '));
}

function isPlatformName(name: string): name is PlatformName {
  return (PLATFORM_NAMES as readonly string[]).includes(name);
}
