export * from './contract.js';
export * from './errors.js';
export { MemoryFile } from './memory/memory-file.host.js';
