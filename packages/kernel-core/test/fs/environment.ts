import { HeapPageStore, type MountEnvironment } from '@sandbox/vfs';

/** What file systems need, without a kernel: the time stands still. */
export function testEnvironment(): MountEnvironment {
  let dev = 1;
  return {
    pages: new HeapPageStore(),
    clock: { now: () => 1_000_000, nsec: 0 },
    random: () => 4,
    nextDev: () => dev++,
  };
}
