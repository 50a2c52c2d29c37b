import { E2BIG, EFAULT } from '@sandbox/abi';
import type { GuestMemory } from './guest-memory.js';

/**
 * An extensible struct of the guest's, `size` bytes at `addr`, into the start of `dst` (Linux:
 * copy_struct_from_user). What it lacks of the `known` bytes is zero. What it has beyond them must be zero,
 * and is looked at first, a word at a time: 0, EFAULT, E2BIG. `dst` has room for `size` and for `known`
 * bytes.
 */
export function copyStructIn(
  mm: GuestMemory,
  addr: number,
  size: number,
  dst: Uint8Array,
  known: number,
): number {
  dst.fill(0, 0, known);
  const whole = mm.copyIn(addr, dst, 0, size) === 0;
  for (let at = known; at < size; ) {
    // Words lie at their own alignment: one that cannot be read hides what follows it, not what precedes it.
    const next = Math.min(size, at + 8 - ((addr + at) % 8));
    if (!whole && mm.copyIn(addr + at, dst, at, next - at) !== 0) return -EFAULT;
    for (; at < next; at++) if (dst[at] !== 0) return -E2BIG;
  }
  return whole ? 0 : -EFAULT;
}
