/**
 * One block of LZ4 (lz4_Block_format.md): sequences of literals and of matches, copies of what came out
 * before. At most `limit` bytes; with `partial` the first `limit` of them.
 *
 * @throws RangeError when it leads out of itself or gets larger.
 */
export function unlz4(data: Uint8Array, limit: number, partial = false): Uint8Array {
  const out = new Uint8Array(limit);
  let at = 0;
  let done = 0;
  const length = (start: number): number => {
    let n = start;
    if (start === 15) {
      let more = 255;
      while (more === 255) {
        if (at >= data.length) throw new RangeError('lz4: cut off');
        more = data[at++]!;
        n += more;
      }
    }
    return n;
  };
  while (at < data.length) {
    const token = data[at++]!;
    let literals = length(token >> 4);
    if (partial) literals = Math.min(literals, limit - done);
    if (at + literals > data.length || done + literals > limit) throw new RangeError('lz4: literals');
    out.set(data.subarray(at, at + literals), done);
    at += literals;
    done += literals;
    // The last sequence has literals only.
    if (at >= data.length || (partial && done === limit)) break;
    if (at + 2 > data.length) throw new RangeError('lz4: cut off');
    const back = data[at]! | (data[at + 1]! << 8);
    at += 2;
    let match = length(token & 15) + 4;
    if (partial) match = Math.min(match, limit - done);
    if (back === 0 || back > done || done + match > limit) throw new RangeError('lz4: match');
    // It may overlap what it writes.
    for (let i = 0; i < match; i++, done++) out[done] = out[done - back]!;
  }
  return out.subarray(0, done);
}
