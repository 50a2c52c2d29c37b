/** What the other packages use of this layer. */
export { INFINITE, Limits } from './rlimits.js';
