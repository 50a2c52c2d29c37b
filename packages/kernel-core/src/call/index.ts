/** What the other packages use of this layer. */
export { BLOCKED, NO_RESULT } from './result.js';
