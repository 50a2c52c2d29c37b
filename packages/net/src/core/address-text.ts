/** Addresses as text: inet_pton(3) and inet_ntop(3), RFC 5952 for the IPv6 form. */

/** 32 bits in host order; -1: not a dotted quad. */
export function parseV4(text: string): number {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return -1;
  let bits = 0;
  for (let i = 1; i <= 4; i++) {
    const part = match[i];
    const value = Number(part);
    if (value > 255 || (part.length > 1 && part[0] === '0')) return -1;
    bits = bits * 256 + value;
  }
  return bits;
}

/** Four 32-bit words; null: not an IPv6 address. */
export function parseV6(text: string): [number, number, number, number] | null {
  if (!/^[0-9a-fA-F:.]{2,45}$/.test(text)) return null;
  let rest = text;
  let tail: number[] = [];
  const lastColon = rest.lastIndexOf(':');
  if (rest.includes('.')) {
    const bits = parseV4(rest.slice(lastColon + 1));
    if (bits < 0 || lastColon < 0) return null;
    tail = [Math.floor(bits / 65536), bits % 65536];
    // Keep the colon of a `::` that stands before the quad.
    rest = rest.slice(0, lastColon);
    if (rest.endsWith(':')) rest += ':';
    if (rest === '') return null;
  }
  const gap = rest.indexOf('::');
  if (gap !== rest.lastIndexOf('::')) return null;
  const before = groups(gap < 0 ? rest : rest.slice(0, gap));
  const after = gap < 0 ? [] : groups(rest.slice(gap + 2));
  if (before === null || after === null) return null;
  const given = before.length + after.length + tail.length;
  if (gap < 0 ? given !== 8 : given > 7) return null;
  const all = [...before, ...new Array<number>(8 - given).fill(0), ...after, ...tail];
  const word = (i: number) => all[i] * 65536 + all[i + 1];
  return [word(0), word(2), word(4), word(6)];
}

function groups(text: string): number[] | null {
  if (text === '') return [];
  const parts = text.split(':');
  return parts.every((part) => /^[0-9a-fA-F]{1,4}$/.test(part))
    ? parts.map((part) => Number.parseInt(part, 16))
    : null;
}

export function formatV4(bits: number): string {
  return `${bits >>> 24}.${(bits >>> 16) & 255}.${(bits >>> 8) & 255}.${bits & 255}`;
}

export function formatV6(w0: number, w1: number, w2: number, w3: number): string {
  if (w0 === 0 && w1 === 0 && w2 === 0xffff) return `::ffff:${formatV4(w3)}`;
  if (w0 === 0 && w1 === 0 && w2 === 0 && w3 > 0xffff) return `::${formatV4(w3)}`;
  const all = [w0, w1, w2, w3].flatMap((word) => [word >>> 16, word & 0xffff]);
  let best = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (i + length < 8 && all[i + length] === 0) length++;
    if (length > bestLength) {
      best = i;
      bestLength = length;
    }
  }
  const hex = (from: number, to: number) =>
    all
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  return best < 0 ? hex(0, 8) : `${hex(0, best)}::${hex(best + bestLength, 8)}`;
}
