/** What the other packages use of this layer. */
export { allRows } from './all.js';
export { type Coverage, syscallCoverage } from './coverage.js';
export { type CallLatency, LatencyRecorder } from './latency.js';
export type { ArgShape } from './row.js';
export { SyscallTable } from './table.js';
