/** Character classes as the kernel's line discipline knows them: ASCII, and the letters of Latin-1. */

export function isCntrl(c: number): boolean {
  return c < 32 || c === 127;
}

/** Letters and digits; the upper half counts as Latin-1, whatever encoding the terminal has. */
export function isAlnum(c: number): boolean {
  if (c < 128) return (c >= 48 && c <= 57) || (c >= 65 && c <= 90) || (c >= 97 && c <= 122);
  return c >= 192 && c !== 215 && c !== 247;
}

export function toLower(c: number): number {
  return (c >= 65 && c <= 90) || (c >= 192 && c <= 222 && c !== 215) ? c + 32 : c;
}

export function toUpper(c: number): number {
  return (c >= 97 && c <= 122) || (c >= 223 && c !== 247) ? c - 32 : c;
}

/** A byte of a UTF-8 character that is not its first. */
export function isContinuation(c: number): boolean {
  return (c & 0xc0) === 0x80;
}

export const BS = 8;
export const TAB = 9;
export const NL = 10;
export const CR = 13;
export const SPACE = 32;
export const SLASH = 47;
export const BACKSLASH = 92;
export const CARET = 94;
/**
 * A control character with this value is switched off (_POSIX_VDISABLE); in the line buffer it stands for end
 * of file.
 */
export const DISABLED = 0;
