/**
 * The tree's names are byte strings (one byte a unit); callers use ordinary strings or raw bytes. The edge
 * between them.
 */

/** A path as callers give it: text (UTF-8 in the tree) or bytes. */
export type PathLike = string | Uint8Array;

/** UTF-16 text, or bytes, as a byte string. Throws a TypeError for a NUL, which no path can hold. */
export function pathBytes(path: PathLike): string {
  const s = typeof path === 'string' ? toByteString(path) : Buffer.from(path).toString('latin1');
  if (s.includes('\0')) throw new TypeError('a path must not contain NUL');
  return s;
}

export function toByteString(text: string): string {
  // ASCII, the usual case, is the same in both.
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 127) return Buffer.from(text, 'utf8').toString('latin1');
  }
  return text;
}

/** A byte string as text; what is not UTF-8 becomes U+FFFD. */
export function toText(bytes: string): string {
  for (let i = 0; i < bytes.length; i++) {
    if (bytes.charCodeAt(i) > 127) return Buffer.from(bytes, 'latin1').toString('utf8');
  }
  return bytes;
}
