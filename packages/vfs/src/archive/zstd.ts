import { Decompress } from 'fzstd';

/** What ends the decoding once there is enough. */
const ENOUGH = new Error('enough');

/**
 * Zstandard (RFC 8878) to at most `limit` bytes; with `partial` the first `limit` of them.
 *
 * @throws when it is damaged, or gets larger.
 */
export function unzstd(data: Uint8Array, limit: number, partial = false): Uint8Array {
  const pieces: Uint8Array[] = [];
  let size = 0;
  const stream = new Decompress((piece) => {
    size += piece.length;
    if (size > limit && !partial) throw new RangeError('zstd: too much');
    pieces.push(piece);
    if (partial && size >= limit) throw ENOUGH;
  });
  try {
    stream.push(data, true);
  } catch (error) {
    if (error !== ENOUGH) throw error;
  }
  const all = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  return all.subarray(0, limit);
}
