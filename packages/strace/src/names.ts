/**
 * Numbers of the ABI by their names. The tables come from the constants themselves, by their common
 * beginning.
 */
import * as abi from '@sandbox/abi';

export type Names = readonly (readonly [name: string, value: number])[];

const constants = abi as unknown as Readonly<Record<string, unknown>>;

/**
 * All numbers whose name begins with `prefix` and which are wanted (by default all), by value. Of several
 * names for a value the first stays.
 */
export function named(
  prefix: string,
  wanted: RegExp | ((name: string, value: number) => boolean) = () => true,
): Names {
  const isWanted = wanted instanceof RegExp ? (name: string): boolean => wanted.test(name) : wanted;
  const seen = new Set<number>();
  const out: [string, number][] = [];
  for (const [name, value] of Object.entries(constants)) {
    if (typeof value !== 'number' || !name.startsWith(prefix) || !isWanted(name, value)) continue;
    if (seen.has(value)) continue;
    seen.add(value);
    out.push([name, value]);
  }
  return inOrder(out);
}

/** All but these. */
export const except =
  (...names: readonly string[]) =>
  (name: string): boolean =>
    !names.includes(name);

/** By value, the highest bit as the largest. */
const order = (value: number): number => (value < 0 ? value + 2 ** 32 : value);

const inOrder = (names: [string, number][]): Names => names.sort((a, b) => order(a[1]) - order(b[1]));

/** These names, by value. */
export function list(names: Readonly<Record<string, number>>): Names {
  return inOrder(Object.entries(names));
}

export function hex(value: number): string {
  return value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

/** The name of one value; in hex what has none. */
export function oneOf(table: Names, value: number): string {
  for (const [name, v] of table) if (v === value) return name;
  return hex(value);
}

/** Names of the bits set, joined by |; the rest in hex; `none` when there is nothing. */
export function bits(table: Names, value: number, none = '0'): string {
  const names: string[] = [];
  let rest = value >>> 0;
  for (const [name, bit] of table) {
    const b = bit >>> 0;
    if (b !== 0 && (rest & b) >>> 0 === b) {
      names.push(name);
      rest = (rest & ~b) >>> 0;
    }
  }
  if (rest !== 0) names.push(hex(rest));
  return names.length === 0 ? none : names.join('|');
}

/** A value of several bits (one of `base` under `mask`), then flags. */
export function baseAndBits(base: Names, mask: number, flags: Names, value: number): string {
  const kind = (value & mask) >>> 0;
  const name = oneOf(base, kind);
  const rest = (value & ~mask) >>> 0;
  return rest === 0 ? name : `${name}|${bits(flags, rest)}`;
}
