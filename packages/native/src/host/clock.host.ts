/** Host clocks without allocation. */
import { allocatePages, callable, libcFunctionAddress, viewOf } from './ffi.host.js';

const CLOCK_REALTIME = 0;
const CLOCK_MONOTONIC = 1;

const timespecAddress = allocatePages(4096);
const words = new Uint32Array(viewOf(timespecAddress, 16));
const clockGettime = callable(libcFunctionAddress('clock_gettime'), 2);

/** CLOCK_MONOTONIC in nanoseconds: through the host's vDSO, about 60 ns. */
export function hostMonotonicNs(): number {
  clockGettime(CLOCK_MONOTONIC, timespecAddress);
  return (words[0] + words[1] * 4294967296) * 1e9 + words[2];
}

/**
 * CLOCK_REALTIME: returns whole seconds; the nanoseconds of the same reading are then in
 * `hostRealtimeNsec()`.
 */
export function hostRealtimeSec(): number {
  clockGettime(CLOCK_REALTIME, timespecAddress);
  realtimeNsec = words[2];
  return words[0] + words[1] * 4294967296;
}
let realtimeNsec = 0;
export function hostRealtimeNsec(): number {
  return realtimeNsec;
}

/** Any other clock id, in nanoseconds; NaN when the host refuses it. */
export function hostClockNs(id: number): number {
  if (clockGettime(id, timespecAddress) !== 0) return Number.NaN;
  return (words[0] + words[1] * 4294967296) * 1e9 + words[2];
}
