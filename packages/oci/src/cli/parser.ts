import { Failure } from '../failure.js';

/** An option of a command: as --NAME, -N, with ' ' or '=' before its value. */
export interface Flag {
  readonly name: string;
  readonly short?: string;
  /** What it takes; absent: it is a switch. */
  readonly value?: 'text' | 'number' | 'list';
  readonly help: string;
}

export type FlagValue = string | number | boolean | readonly string[];
export type Flags = Readonly<Record<string, FlagValue | undefined>>;

export interface Parsed {
  readonly flags: Flags;
  readonly rest: readonly string[];
}

/**
 * Options up to the first argument that is none (or past `--`), as Go's flag package takes them. Throws
 * Failure.
 */
export function parseFlags(known: readonly Flag[], args: readonly string[]): Parsed {
  const flags: Record<string, FlagValue> = {};
  let i = 0;
  while (i < args.length) {
    const arg = args[i]!;
    if (arg === '--') {
      i++;
      break;
    }
    const m = /^--?([^-=][^=]*)(?:=([\s\S]*))?$/.exec(arg);
    if (m === null) break;
    i++;
    const flag = known.find((f) => f.name === m[1] || f.short === m[1]);
    if (flag === undefined) throw new Failure(`flag provided but not defined: -${m[1]}`);
    let given = m[2];
    if (flag.value === undefined) {
      flags[flag.name] = switchValue(flag, given);
      continue;
    }
    if (given === undefined) {
      if (i >= args.length) throw new Failure(`flag needs an argument: -${m[1]}`);
      given = args[i++]!;
    }
    flags[flag.name] = parsedValue(flag, given, flags[flag.name]);
  }
  return { flags, rest: args.slice(i) };
}

function switchValue(flag: Flag, given: string | undefined): boolean {
  if (given === undefined || /^(1|t|true)$/i.test(given)) return true;
  if (/^(0|f|false)$/i.test(given)) return false;
  throw new Failure(`invalid boolean value "${given}" for -${flag.name}: parse error`);
}

function parsedValue(flag: Flag, given: string, before: FlagValue | undefined): FlagValue {
  if (flag.value === 'list') return [...((before as readonly string[] | undefined) ?? []), given];
  if (flag.value !== 'number') return given;
  if (!/^-?\d+$/.test(given))
    throw new Failure(`invalid value "${given}" for flag -${flag.name}: parse error`);
  return Number(given);
}

export const text = (flags: Flags, name: string): string | undefined => flags[name] as string | undefined;
export const count = (flags: Flags, name: string): number | undefined => flags[name] as number | undefined;
export const on = (flags: Flags, name: string): boolean => flags[name] === true;
export const list = (flags: Flags, name: string): readonly string[] =>
  (flags[name] as readonly string[] | undefined) ?? [];
