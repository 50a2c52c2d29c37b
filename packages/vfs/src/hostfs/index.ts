export { hostfs } from './hostfs.host.js';
export type { HostFsOptions, IdRange } from './options.js';
