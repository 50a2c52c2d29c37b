export type { KernelLimits } from '@sandbox/kernel-core/process';
export type { CallLatency } from '@sandbox/kernel-core/table';
export { type Coverage, syscallCoverage } from '@sandbox/kernel-core/table';
export type { Clock, Random } from '@sandbox/kernel-core/time';
export { SeededRandom, VirtualClock } from '@sandbox/kernel-core/time';
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
