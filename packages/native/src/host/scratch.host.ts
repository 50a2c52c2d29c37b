import { allocatePages, viewOf } from './ffi.host.js';

/**
 * One small region of host memory for the arguments of host calls: strings, structs, result words. Never held
 * over a call into other code; JS is single-threaded, so one is enough per thread.
 */
const SIZE = 65536;
export const scratchAddress = allocatePages(SIZE);
const buffer = viewOf(scratchAddress, SIZE);
export const scratchBytes = new Uint8Array(buffer);
export const scratchView = new DataView(buffer);
export const scratchU32 = new Uint32Array(buffer);

/** Write `s` (one byte a unit) with a NUL at `offset` of the scratch; returns its host address. */
export function cString(s: string, offset = 0): number {
  if (offset + s.length + 1 > SIZE) throw new RangeError('string too long for the scratch region');
  for (let i = 0; i < s.length; i++) scratchBytes[offset + i] = s.charCodeAt(i);
  scratchBytes[offset + s.length] = 0;
  return scratchAddress + offset;
}
