/** What the other packages use of this layer. */

export type { ArgShape } from '../syscalls/row.js';
export { allRows } from './all.js';
export { type Coverage, syscallCoverage } from './coverage.js';
export { type CallLatency, LatencyRecorder } from './latency.js';
export { SyscallTable } from './table.js';
