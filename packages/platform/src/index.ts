export * from './contract.js';
export { HelperThreads } from './driver/helper-threads.host.js';
export { startThread } from './driver/native-thread.host.js';
export {
  emitPoll,
  PAGE_AWAKE,
  PAGE_CALL,
  PAGE_STATE,
  PagePoller,
  POLL_OWN,
  POLLED_NOTHING,
  pollFunction,
} from './driver/page-poller.host.js';
export { Preemptions } from './driver/preemptions.host.js';
export {
  type DrivenContext,
  type DrivenInstance,
  PENDING,
  RUNNING,
  SliceDriver,
  STOPPED,
  TICK,
} from './driver/slice-driver.host.js';
export { SliceTimer } from './driver/slice-timer.host.js';
export { SpinPolicy, type SpinWorth } from './driver/spin-policy.js';
export * from './errors.js';
export { hasFsGsBase } from './fast/cpu-features.host.js';
export {
  FastPath,
  type PatchedContext,
  type PatchedSpace,
  STOP_CALL,
  STOP_FIXED,
  STOP_FIXED_FPU,
  STOP_OUTSIDE,
} from './fast/fast-path.js';
export * from './fast/layout.js';
export * from './fast/page-layout.js';
export { Patches } from './fast/patches.js';
export type { Site } from './fast/sites.js';
export { emitFastStub, type FastStub, fastStub, PARK_NR } from './fast/stub.js';
export { ThreadPage } from './fast/thread-page.js';
export { unsupportedHost } from './host-kind.js';
export { MemoryFile } from './memory/memory-file.host.js';
export { SHARED_SPACE, type SharedExtent, SharedPages } from './memory/shared-pages.host.js';
