/**
 * The kernel's names are byte strings (one byte a unit); embedders use ordinary strings. The edge between
 * them.
 */

/** UTF-16 text to a byte string of its UTF-8 form. */
export function toBytes(text: string): string {
  // ASCII, the usual case, is the same in both.
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 127) return Buffer.from(text, 'utf8').toString('latin1');
  }
  return text;
}

/** A byte string as text; what is not UTF-8 becomes U+FFFD. */
export function fromBytes(bytes: string): string {
  for (let i = 0; i < bytes.length; i++) {
    if (bytes.charCodeAt(i) > 127) return Buffer.from(bytes, 'latin1').toString('utf8');
  }
  return bytes;
}
