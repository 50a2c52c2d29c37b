import type { IoBuf, UserMemory } from '@sandbox/vfs';
import type { SegmentList } from './segment-list.js';

/**
 * A task's view of its own memory, for system call handlers. Addresses are numbers; a bad one gives -EFAULT.
 * Every access goes through the address space's page tables with the guest's rights (a write to read-only
 * memory is -EFAULT, a copy-on-write page is copied, a missing page is brought in). Another thread may change
 * memory at any moment: read once.
 */
export interface GuestMemory extends UserMemory {
  /** Copy `length` bytes in to `dst`; 0 or -EFAULT (`dst` may then be partly written). */
  copyIn(addr: number, dst: Uint8Array, offset: number, length: number): number;
  /** Copy out; 0 or -EFAULT (a prefix may have been written). */
  copyOut(addr: number, src: Uint8Array, offset: number, length: number): number;
  /** Like copyIn/copyOut, but returns the number of bytes copied before a fault. */
  copyInPartial(addr: number, dst: Uint8Array, offset: number, length: number): number;
  copyOutPartial(addr: number, src: Uint8Array, offset: number, length: number): number;
  /** Clear `length` bytes; 0 or -EFAULT. */
  zero(addr: number, length: number): number;
  /** Unsigned value, or -EFAULT. Need not be aligned. */
  load8(addr: number): number;
  load32(addr: number): number;
  /** u64 as a number (inexact above 2^53), or -EFAULT. */
  load64(addr: number): number;
  /** 0 or -EFAULT. `store32` takes the low 32 bits of value; `store64` any integer within +-2^53. */
  store8(addr: number, value: number): number;
  store32(addr: number, value: number): number;
  store64(addr: number, value: number): number;
  /**
   * Byte string up to a NUL, at most `max` bytes with the NUL: -EFAULT, or -ENAMETOOLONG when none is found.
   */
  readString(addr: number, max: number): string | number;
  /** Path argument: as readString with PATH_MAX. */
  readPath(addr: number): string | number;
  /**
   * Where the word at `addr` lives: its store offset after making the page present (and writable and
   * private/shared as `write` asks), or -EFAULT. Identity for futexes: two tasks sharing the page get the
   * same offset.
   */
  translate(addr: number, write: boolean): number;
  /**
   * A cursor over one range for file reads and writes. Reused: valid until the next call of `io` or `iov`.
   */
  io(addr: number, length: number): IoBuf;
  /**
   * A cursor over an iovec array; -EFAULT, -EINVAL (count or total too big) as import_iovec. `total` is then
   * `remaining`.
   */
  iov(addr: number, count: number): IoBuf | number;
  /** A cursor over ranges that were checked before, as `keepVector` left them. */
  segments(list: SegmentList): IoBuf;
  /** Put the ranges of the vector that `iov` read last into `list`. */
  keepVector(list: SegmentList): void;
}
