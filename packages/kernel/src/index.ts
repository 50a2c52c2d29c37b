export * from './embedder/errors.js';
export { type HostTerminal, hostTerminal } from './embedder/host-terminal.host.js';
export {
  Kernel,
  type KernelEvents,
  type KernelStats,
  type RunOptions,
  type RunResult,
  type SpawnOptions,
} from './embedder/kernel.js';
export type { GuestAddress, KernelNet } from './embedder/net/kernel-net.js';
export type { LinkOption, NetworkOption, NetworkOptions, PublishOption } from './embedder/net/options.js';
export type { KernelOptions, UserOption } from './embedder/options.js';
export { PLATFORM_NAMES, type PlatformName, probePlatforms } from './embedder/platforms.js';
export { type ExitResult, Process } from './embedder/process.js';
export type { StdioKind } from './embedder/stdio.js';
export type { TerminalSize } from './embedder/terminal.js';
export type { Clock, Random } from './kernel/clock.js';
export type { KernelLimits } from './kernel/kernel-core.js';
export { type Coverage, syscallCoverage } from './syscalls/coverage.js';
export type { CallLatency } from './syscalls/latency.js';
export { SeededRandom } from './time/seeded-random.js';
export { VirtualClock } from './time/virtual-clock.js';
export { straceTo } from './tracing/strace-to.host.js';
