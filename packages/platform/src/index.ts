export * from './contract.js';
export { HelperThreads } from './driver/helper-threads.host.js';
export { SliceTimer } from './driver/slice-timer.host.js';
export * from './errors.js';
export { MemoryFile } from './memory/memory-file.host.js';
