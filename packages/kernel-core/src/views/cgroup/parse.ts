import { EINVAL, ERANGE } from '@sandbox/abi';

const PAGE = 4096;
const DIGITS = /^([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)$/;

/**
 * A whole number as the kernel reads one (kstrtoll with base 0: decimal, 0x, leading 0 for octal), between
 * `least` and `most`; or -EINVAL, -ERANGE.
 */
export function parseNumber(text: string, least: number, most: number): { value: number } | number {
  const m = DIGITS.exec(text);
  if (m === null || (m[1] === '-' && least >= 0)) return -EINVAL;
  const digits = m[2]!;
  const octal = digits.length > 1 && digits[0] === '0' && !/[xX]/.test(digits);
  const n = octal ? Number.parseInt(digits, 8) : Number(digits);
  const value = m[1] === '-' ? -n : n;
  return value < least || value > most ? -ERANGE : { value };
}

const INT_MAX = 0x7fffffff;
const INT_MIN = -0x80000000;

/** An int (kstrtoint). */
export function parseInt32(text: string): { value: number } | number {
  return parseNumber(text, INT_MIN, INT_MAX);
}

/** An int that is 0 or more, or "max": Infinity. -ERANGE below 0. */
export function parseIntOrMax(text: string): { value: number } | number {
  if (text === 'max') return { value: Number.POSITIVE_INFINITY };
  const n = parseInt32(text);
  if (typeof n === 'number') return n;
  if (n.value < 0) return -ERANGE;
  return n.value === INT_MAX ? { value: Number.POSITIVE_INFINITY } : n;
}

const SUFFIXES = 'KMGTPE';

/** Bytes, with K, M, G... behind them (memparse), down to whole pages; or "max": Infinity. -EINVAL. */
export function parseBytes(text: string): { value: number } | number {
  if (text === 'max') return { value: Number.POSITIVE_INFINITY };
  const m = /^(0[xX][0-9a-fA-F]+|[0-9]+)([kKmMgGtTpPeE]?)$/.exec(text);
  if (m === null) return -EINVAL;
  const digits = m[1]!;
  const n = /^0[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number(digits);
  const scale = m[2] === '' ? 1 : 1024 ** (SUFFIXES.indexOf(m[2]!.toUpperCase()) + 1);
  const bytes = Math.floor((n * scale) / PAGE) * PAGE;
  // More than there are addresses is no limit (PAGE_COUNTER_MAX).
  return { value: bytes >= 2 ** 63 - PAGE ? Number.POSITIVE_INFINITY : bytes };
}

/** A limit as it is shown. */
export function limitText(n: number): string {
  return n === Number.POSITIVE_INFINITY ? 'max\n' : `${n}\n`;
}
