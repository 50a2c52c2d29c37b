import { ENOMEM } from '@sandbox/abi';
import type { PageStore } from '@sandbox/vfs';
import type { KernelCore } from '../kernel/kernel-core.js';
import { mayCommit } from './oom.js';

/** Bytes handed out between two looks at what is really used. */
const STEP = 1024 * 1024;

/**
 * The memory file as file systems see it: what they take they fill at once, so it is refused when the sandbox's memory is
 * used up. Otherwise one large write(2) could take any amount.
 */
export class LimitedPages implements PageStore {
  private taken = STEP;

  constructor(private readonly kernel: KernelCore) {}

  allocate(bytes: number): number {
    this.taken += bytes;
    if (this.taken >= STEP) {
      if (!mayCommit(this.kernel, bytes)) return -ENOMEM;
      this.taken = 0;
    }
    return this.kernel.memory.allocate(bytes);
  }

  incRef(offset: number, bytes: number): void {
    this.kernel.memory.incRef(offset, bytes);
  }
  decRef(offset: number, bytes: number): void {
    this.kernel.memory.decRef(offset, bytes);
  }
  chunk(offset: number): Uint8Array {
    return this.kernel.memory.chunk(offset);
  }
  discard(offset: number, bytes: number): void {
    this.kernel.memory.discard(offset, bytes);
  }
  hostAddress(offset: number): number {
    return this.kernel.memory.hostAddress(offset);
  }
  storeFrom(offset: number, address: number, bytes: number): number {
    return this.kernel.memory.storeFrom(offset, address, bytes);
  }
  available(): number {
    return Math.max(0, this.kernel.limits.memory - this.kernel.memory.committedBytes());
  }
  capacity(): number {
    return this.kernel.limits.memory;
  }
}
