import { isIP } from 'node:net';
import { InvalidArgumentError } from 'commander';

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** '512m', '1.5g', '65536': bytes. */
export function parseSize(text: string): number {
  const m = /^(\d+(?:\.\d+)?)([kmgt]?)i?b?$/i.exec(text);
  if (!m) throw new InvalidArgumentError('a size such as 512m or 2g is needed');
  return Math.floor(Number(m[1]) * UNITS[m[2].toLowerCase()]);
}

/** A size, or 'unlimited'. */
export function parseCoreLimit(text: string): number | 'unlimited' {
  return text === 'unlimited' ? text : parseSize(text);
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

export interface Publish {
  readonly address?: string;
  readonly host: number;
  readonly guest: number;
  readonly protocol: 'tcp' | 'udp';
}

/** '[ADDR:]HOST:GUEST[/udp]', an IPv6 address in brackets. */
export function parsePublish(text: string, previous: Publish[] = []): Publish[] {
  const m = /^(?:(\[[0-9a-f:.]+\]|[0-9.]+):)?(\d{1,5}):(\d{1,5})(?:\/(tcp|udp))?$/i.exec(text);
  const [host, guest] = [Number(m?.[2]), Number(m?.[3])];
  if (!m || host > 65535 || guest < 1 || guest > 65535)
    throw new InvalidArgumentError('[ADDR:]HOST:GUEST[/udp] is needed, such as 8080:80');
  return [
    ...previous,
    {
      ...(m[1] === undefined ? {} : { address: m[1].replace(/^\[|\]$/g, '') }),
      host,
      guest,
      protocol: m[4] === 'udp' ? 'udp' : 'tcp',
    },
  ];
}

/** 'NAME:ADDR' */
export function parseHost(text: string, previous: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf(':');
  const [name, address] = [text.slice(0, at), text.slice(at + 1)];
  if (at < 1 || isIP(address) === 0) throw new InvalidArgumentError('NAME:ADDRESS is needed');
  return { ...previous, [name]: address };
}

/** An IP address, repeatable. */
export function parseAddress(text: string, previous: string[] = []): string[] {
  if (isIP(text) === 0) throw new InvalidArgumentError('an IP address is needed');
  return [...previous, text];
}

/** none, nat, ns:PATH */
export function parseNet(text: string): 'none' | 'nat' | { namespace: string } {
  if (text === 'none' || text === 'nat') return text;
  if (!/^ns:./.test(text)) throw new InvalidArgumentError("'none', 'nat' or 'ns:PATH' is needed");
  return { namespace: text.slice(3) };
}

/** Anything, repeatable. */
export function parseList(text: string, previous: string[] = []): string[] {
  return [...previous, text];
}
