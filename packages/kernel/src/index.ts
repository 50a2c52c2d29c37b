export {
  Container,
  type ContainerLimits,
  type ContainerOptions,
  type ContainerProcess,
  type ContainerStats,
} from './embedder/container/container.js';
export type { ContainerMount, DeviceNode, MountSource } from './embedder/container/mounts.js';
export type {
  IdMapOption,
  IdMapsOption,
  NamespaceKind,
  TimeOffsets,
} from './embedder/container/namespaces.js';
export * from './embedder/errors.js';
export { type HostTerminal, hostTerminal } from './embedder/host-terminal.host.js';
export {
  Kernel,
  type KernelEvents,
  type KernelStats,
} from './embedder/kernel.js';
export type { PipedOptions, SpawnOptions, TerminalOptions } from './embedder/launch.js';
export type { GuestAddress, KernelNet } from './embedder/net/kernel-net.js';
export type { LinkOption, NetworkOption, NetworkOptions, PublishOption } from './embedder/net/options.js';
export type { KernelOptions, UserOption } from './embedder/options.js';
export { PLATFORM_NAMES, type PlatformName, probePlatforms } from './embedder/platforms.js';
export { type ExitResult, type PipedProcess, Process, type TerminalProcess } from './embedder/process.js';
export {
  CAPABILITY_NAMES,
  type CapabilityOption,
  type RightsOptions,
  type RlimitOption,
  type SeccompOption,
} from './embedder/rights.js';
export type { RunOptions, RunResult } from './embedder/run.js';
export type { HostDescriptor, StdioKind } from './embedder/stdio.js';
export { straceTo } from './embedder/strace-to.host.js';
export type { TerminalSize } from './embedder/terminal.js';
export type { Clock, Random } from './kernel/clock.js';
export type { KernelLimits } from './kernel/kernel-core.js';
export { type Coverage, syscallCoverage } from './syscalls/coverage.js';
export type { CallLatency } from './syscalls/latency.js';
export { SeededRandom } from './time/seeded-random.js';
export { VirtualClock } from './time/virtual-clock.js';
