import { ENOMEM } from '@sandbox/abi';
import type { PageStore, SharedExtent } from '@sandbox/vfs';
import type { KernelCore } from '../kernel/kernel-core.js';
import { mayCommit } from './oom.js';

/** Bytes handed out between two looks at what is really used. */
const STEP = 1024 * 1024;

/**
 * Left to programs and what is cached of files, their code above all, so that with a full file system they
 * can go on: an eighth of the memory, at most this. (On Linux a tmpfs takes half of the memory if nothing
 * else is said.)
 */
const MAX_RESERVE = 64 * 1024 * 1024;

/**
 * The memory file as file systems see it: what they take they fill at once, so it is refused when the
 * sandbox's memory is used up. Otherwise one large write(2) could take any amount.
 */
export class LimitedPages implements PageStore {
  private taken = STEP;
  private readonly reserve: number;

  constructor(private readonly kernel: KernelCore) {
    this.reserve = Math.min(kernel.limits.memory / 8, MAX_RESERVE);
  }

  allocate(bytes: number, cache = false, untouched = false): number {
    return this.mayTake(bytes, cache) ? this.kernel.memory.allocate(bytes, cache, untouched) : -ENOMEM;
  }

  takeShared(key: string, bytes: number, blocks: number): SharedExtent | null {
    return this.mayTake(bytes, true) ? this.kernel.memory.takeShared(key, bytes, blocks) : null;
  }

  private mayTake(bytes: number, cache: boolean): boolean {
    this.taken += bytes;
    if (this.taken < STEP) return true;
    if (!mayCommit(this.kernel, cache ? bytes : bytes + this.reserve)) return false;
    this.taken = 0;
    return true;
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
  storeFile(offset: number, fd: number, fileOffset: number, bytes: number): number {
    return this.kernel.memory.storeFile(offset, fd, fileOffset, bytes);
  }
  available(): number {
    return Math.max(0, this.capacity() - this.kernel.memory.committedBytes());
  }
  capacity(): number {
    return this.kernel.limits.memory - this.reserve;
  }
}
