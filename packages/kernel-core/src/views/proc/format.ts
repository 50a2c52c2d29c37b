import { INFINITE } from '../../mm/rlimits.js';
import type { SigSet } from '../../process/signal/sigset.js';

/** How /proc spells numbers. */

export const ULONG_MAX = '18446744073709551615';

/** Bytes as kB, right-aligned in eight columns: "     132 kB". */
export function kib(bytes: number): string {
  return `${String(Math.floor(bytes / 1024)).padStart(8)} kB`;
}

export function hex(value: number, width: number): string {
  return value.toString(16).padStart(width, '0');
}

/** Two 32-bit words as sixteen hexadecimal digits. */
export function hex64(lo: number, hi: number): string {
  return hex(hi >>> 0, 8) + hex(lo >>> 0, 8);
}

export function sigsetText(set: SigSet): string {
  return hex64(set.lo, set.hi);
}

/** A limit as an unsigned long. */
export function ulong(value: number): string {
  return value === INFINITE ? ULONG_MAX : String(value);
}

/** The first `count` processors as a mask: groups of 32 bits. */
export function cpuMaskText(mask: number, count: number): string {
  if (count <= 32) {
    const all = count === 32 ? 0xffffffff : (1 << count) - 1;
    return ((mask & all) >>> 0).toString(16).padStart(Math.ceil(count / 4), '0');
  }
  // Affinity is kept for 32 processors; the others are always allowed.
  const top = count % 32;
  const groups: string[] = [];
  if (top !== 0) groups.push((((1 << top) - 1) >>> 0).toString(16).padStart(Math.ceil(top / 4), '0'));
  for (let i = Math.floor(count / 32) - 1; i > 0; i--) groups.push('ffffffff');
  groups.push(hex(mask >>> 0, 8));
  return groups.join(',');
}

/** The same as a list of ranges: "0-3,5". */
export function cpuListText(mask: number, count: number): string {
  const ranges: string[] = [];
  let from = -1;
  for (let i = 0; i <= count; i++) {
    const on = i < count && (i >= 32 || ((mask >>> i) & 1) === 1);
    if (on && from < 0) from = i;
    if (!on && from >= 0) {
      ranges.push(from === i - 1 ? String(from) : `${from}-${i - 1}`);
      from = -1;
    }
  }
  return ranges.join(',');
}

/** seq_escape: what would break a line of text is shown in octal. */
export function escapeText(s: string, chars: RegExp): string {
  return s.replace(chars, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`);
}

/** Seconds with two decimals: "299.45". */
export function centiseconds(ns: number): string {
  const cs = Math.floor(ns / 1e7);
  return `${Math.floor(cs / 100)}.${String(cs % 100).padStart(2, '0')}`;
}
