/** Byte strings in C's manner. */

/** Most bytes shown of a string or buffer (strace -s). */
export const MAX_STRING = 32;

const ESCAPES: Readonly<Record<number, string>> = {
  9: '\\t',
  10: '\\n',
  11: '\\v',
  12: '\\f',
  13: '\\r',
  34: '\\"',
  92: '\\\\',
};

function isOctalDigit(code: number): boolean {
  return code >= 48 && code <= 55;
}

/** Bytes in quotes; with `cut`, dots say that there were more. */
export function quote(text: string, cut = false): string {
  let out = '"';
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    const escaped = ESCAPES[c];
    if (escaped !== undefined) out += escaped;
    else if (c >= 32 && c < 127) out += text[i];
    // A digit behind it would be read as part of the number.
    else if (isOctalDigit(text.charCodeAt(i + 1))) out += `\\${c.toString(8).padStart(3, '0')}`;
    else out += `\\${c.toString(8)}`;
  }
  return `${out}"${cut ? '...' : ''}`;
}

/** Every byte in hex, for what is no text. */
export function quoteHex(bytes: Uint8Array, cut = false): string {
  let out = '"';
  for (const byte of bytes) out += `\\x${byte.toString(16).padStart(2, '0')}`;
  return `${out}"${cut ? '...' : ''}`;
}

export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/** Bytes up to the first NUL. */
export function untilNul(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return latin1(end < 0 ? bytes : bytes.subarray(0, end));
}
