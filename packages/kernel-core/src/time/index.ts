/** What the other packages use of this layer. */
export { HostClock } from './clock.host.js';
export { HostRandom } from './random.host.js';
export { SeededRandom } from './seeded-random.js';
export type { Clock, Random } from './source.js';
export { Timer } from './timers.js';
export { VirtualClock } from './virtual-clock.js';
