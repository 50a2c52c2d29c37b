import type { IoBuf } from '@sandbox/vfs';

/**
 * Copy the first `count` bytes of the present window, once: the guest may change them meanwhile. Consumes
 * nothing.
 */
export function copyWindow(io: IoBuf, dst: Uint8Array, count: number): void {
  const src = io.bytes;
  const start = io.start;
  if (count > 64) dst.set(src.subarray(start, start + count), 0);
  else for (let i = 0; i < count; i++) dst[i] = src[start + i]!;
}
