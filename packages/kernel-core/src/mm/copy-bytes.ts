/** Up to this length a loop beats making a view for TypedArray.set. */
const SMALL = 48;

/** Copy between arrays; allocates nothing where the length is small. */
export function copyBytes(src: Uint8Array, from: number, dst: Uint8Array, to: number, length: number): void {
  if (length <= SMALL) {
    for (let i = 0; i < length; i++) dst[to + i] = src[from + i]!;
    return;
  }
  dst.set(from === 0 && length === src.length ? src : src.subarray(from, from + length), to);
}
