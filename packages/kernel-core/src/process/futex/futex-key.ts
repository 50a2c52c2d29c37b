import { EFAULT, EINVAL } from '@sandbox/abi';
import { CHUNK_SIZE, type PageStore } from '@sandbox/vfs';
import type { Task } from '../task/task.js';

/** Addresses at and above this are never user memory (TASK_SIZE of x86-64 with four-level tables). */
const TASK_SIZE = 0x7ffffffff000;

/**
 * Identity of a futex word (Linux: union futex_key). `resolve` leaves it in `space` and `key`:
 *
 * - FUTEX_PRIVATE_FLAG: the address space and the address;
 * - otherwise, private memory: the address space and the address + 1, so that both kinds stay apart as in
 *   Linux;
 * - otherwise, a shared mapping: no space, and the word's place in the page store, the same for all who map
 *   it.
 */
export class FutexKey {
  space: object | null = null;
  key = 0;

  /**
   * Errors: EINVAL (not aligned to 4), EFAULT (no such memory; for a private futex only an address outside
   * user space, as Linux does not look at the memory then). `write`: the operation needs write permission.
   */
  resolve(task: Task, addr: number, isPrivate: boolean, write: boolean): number {
    if (addr % 4 !== 0) return -EINVAL;
    if (addr > TASK_SIZE - 4) return -EFAULT;
    const mm = task.mm;
    if (isPrivate) {
      this.space = mm;
      this.key = addr;
      return 0;
    }
    // Written first, as in Linux, so that a hole gets its page before the page's place becomes the key.
    let at = mm.translate(addr, true);
    if (at < 0 && !write) at = mm.translate(addr, false);
    if (at < 0) return -EFAULT;
    if (mm.isShared(addr)) {
      this.space = null;
      this.key = at;
    } else {
      this.space = mm;
      this.key = addr + 1;
    }
    return 0;
  }
}

/** Atomic access to words of guest memory that its threads change at the same moment. */
export class FutexWords {
  private readonly views: (Int32Array | undefined)[] = [];

  constructor(private readonly store: PageStore) {}

  /** The chunk around `offset` as 32-bit words. */
  private view(offset: number): Int32Array {
    const index = Math.floor(offset / CHUNK_SIZE);
    let view = this.views[index];
    if (!view || (offset % CHUNK_SIZE) / 4 >= view.length) {
      const chunk = this.store.chunk(offset);
      view = new Int32Array(chunk.buffer, chunk.byteOffset, chunk.byteLength >>> 2);
      this.views[index] = view;
    }
    return view;
  }

  private index(offset: number): number {
    return (offset % CHUNK_SIZE) / 4;
  }

  load(offset: number): number {
    return Atomics.load(this.view(offset), this.index(offset)) >>> 0;
  }

  /** Compare and exchange; true when the word was `expected` and now is `value` (both unsigned). */
  replace(offset: number, expected: number, value: number): boolean {
    return (
      Atomics.compareExchange(this.view(offset), this.index(offset), expected | 0, value | 0) ===
      (expected | 0)
    );
  }

  /** FUTEX_WAKE_OP's update; returns the old value, signed. `op` is known to be one of the five. */
  update(offset: number, op: number, arg: number): number {
    const view = this.view(offset);
    const i = this.index(offset);
    switch (op) {
      case 0:
        return Atomics.exchange(view, i, arg);
      case 1:
        return Atomics.add(view, i, arg);
      case 2:
        return Atomics.or(view, i, arg);
      case 3:
        return Atomics.and(view, i, ~arg);
      default:
        return Atomics.xor(view, i, arg);
    }
  }
}
