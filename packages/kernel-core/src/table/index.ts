/** What the other packages use of this layer. */

export type { ArgShape } from '../call/row.js';
export type { CallLatency } from '../process/kernel/call-table.js';
export { allRows } from './all.js';
export { type Coverage, syscallCoverage } from './coverage.js';
export { LatencyRecorder } from './latency.js';
export { SyscallTable } from './table.js';
