import { InvalidArgumentError } from 'commander';

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** '512m', '1.5g', '65536': bytes. */
export function parseSize(text: string): number {
  const m = /^(\d+(?:\.\d+)?)([kmgt]?)i?b?$/i.exec(text);
  if (!m) throw new InvalidArgumentError('a size such as 512m or 2g is needed');
  return Math.floor(Number(m[1]) * UNITS[m[2].toLowerCase()]);
}

const DURATIONS: Readonly<Record<string, number>> = { ms: 1, s: 1000, '': 1000, m: 60_000, h: 3_600_000 };

/** '10s', '500ms', '2m', '90': milliseconds. */
export function parseDuration(text: string): number {
  const m = /^(\d+(?:\.\d+)?)(ms|s|m|h|)$/.exec(text);
  if (!m) throw new InvalidArgumentError('a duration such as 500ms, 10s or 2m is needed');
  return Math.max(1, Math.round(Number(m[1]) * DURATIONS[m[2]]));
}

export function parseCount(text: string): number {
  if (!/^\d+$/.test(text) || Number(text) < 1)
    throw new InvalidArgumentError('a positive whole number is needed');
  return Number(text);
}

export interface Bind {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

/** 'SRC:DST[:ro]' */
export function parseBind(text: string, previous: Bind[] = []): Bind[] {
  const [source, target, mode, ...more] = text.split(':');
  if (!source || !target?.startsWith('/') || more.length > 0 || !['ro', 'rw', undefined].includes(mode)) {
    throw new InvalidArgumentError('SRC:DST[:ro] is needed, DST absolute');
  }
  return [...previous, { source, target, readOnly: mode === 'ro' }];
}

/** 'NAME=value', or 'NAME' to take it from the caller's environment. */
export function parseEnv(text: string, previous: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf('=');
  if (at === 0) throw new InvalidArgumentError('NAME=VALUE is needed');
  if (at > 0) return { ...previous, [text.slice(0, at)]: text.slice(at + 1) };
  const value = process.env[text];
  return value === undefined ? previous : { ...previous, [text]: value };
}

/** 'UID[:GID]' */
export function parseUser(text: string): { uid: number; gid: number } {
  const m = /^(\d+)(?::(\d+))?$/.exec(text);
  if (!m) throw new InvalidArgumentError('UID[:GID] as numbers is needed');
  return { uid: Number(m[1]), gid: Number(m[2] ?? m[1]) };
}
