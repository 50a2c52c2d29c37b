import { EFAULT, EINVAL, ENAMETOOLONG, PATH_MAX } from '@sandbox/abi';
import type { IoBuf } from '@sandbox/vfs';
import { copyBytes } from './copy-bytes.js';
import { GuestIo } from './guest-io.js';
import type { GuestMemory } from './guest-memory.js';
import type { GuestStore } from './guest-store.js';
import type { SegmentList } from './segment-list.js';

const PAGE = 4096;
const TLB_SIZE = 128;
const TLB_MASK = TLB_SIZE - 1;
const NO_BYTES = new Uint8Array(0);
const NO_WORDS = new Int32Array(0);

/** Strings are gathered here; PATH_MAX and MAX_ARG_STRLEN bound what callers ask for. */
const text = Buffer.allocUnsafeSlow(131072 + PAGE);

/**
 * The word views of the chunks, so that an aligned word is read in one access (another thread may be writing
 * it).
 */
const wordViews = new WeakMap<Uint8Array, Int32Array>();

function wordsOf(chunk: Uint8Array): Int32Array {
  let words = wordViews.get(chunk);
  if (!words) {
    words = new Int32Array(chunk.buffer, chunk.byteOffset, chunk.length >> 2);
    wordViews.set(chunk, words);
  }
  return words;
}

/** Bytes the kernel writes before it looks what memory is left. */
const WRITE_STEP = 4 * 1024 * 1024;

/**
 * Reading and writing guest memory from the kernel's side: the walks over pages, with a small cache of
 * translations in front (one page an entry, direct-mapped), emptied whenever the address space changes.
 */
export abstract class GuestAccess implements GuestMemory {
  /** What the last successful `locate` found: the chunk, the index in it, and the store offset. */
  runBytes: Uint8Array = NO_BYTES;
  runIndex = 0;
  runOffset = 0;

  private readonly tags = new Float64Array(TLB_SIZE).fill(-1);
  private readonly tlbBytes: Uint8Array[] = new Array(TLB_SIZE).fill(NO_BYTES);
  private readonly tlbWords: Int32Array[] = new Array(TLB_SIZE).fill(NO_WORDS);
  private readonly tlbBase = new Int32Array(TLB_SIZE);
  private readonly tlbWritable = new Uint8Array(TLB_SIZE);
  private tlbUsed = false;
  private readonly cursor = new GuestIo(this);

  constructor(readonly store: GuestStore) {}

  /**
   * Make the page at `addr` accessible with the guest's rights and find it: sets `runBytes`, `runIndex`,
   * `runOffset` and returns how many bytes follow contiguously, or -EFAULT.
   */
  abstract locate(addr: number, write: boolean): number;

  /** Forget cached translations: some page moved, vanished or changed its rights. */
  protected flushTlb(): void {
    if (!this.tlbUsed) return;
    this.tlbUsed = false;
    this.tags.fill(-1);
  }

  /** Slot of the page at `addr`, loaded; -1: fault. */
  private fill(addr: number, page: number, write: boolean): number {
    const n = this.locate(addr, write);
    if (n < 0) return -1;
    const slot = page & TLB_MASK;
    this.tags[slot] = page;
    this.tlbBytes[slot] = this.runBytes;
    this.tlbWords[slot] = wordsOf(this.runBytes);
    this.tlbBase[slot] = this.runIndex - (addr - page * PAGE);
    this.tlbWritable[slot] = write ? 1 : 0;
    this.tlbUsed = true;
    return slot;
  }

  private slotFor(addr: number, write: boolean): number {
    const page = Math.floor(addr / PAGE);
    const slot = page & TLB_MASK;
    if (this.tags[slot] === page && (!write || this.tlbWritable[slot] === 1)) return slot;
    return this.fill(addr, page, write);
  }

  // Words ---------------------------------------------------------------------------------------------------

  load8(addr: number): number {
    const slot = this.slotFor(addr, false);
    if (slot < 0) return -EFAULT;
    return this.tlbBytes[slot]![this.tlbBase[slot]! + (addr % PAGE)]!;
  }

  load16(addr: number): number {
    const lo = this.load8(addr);
    if (lo < 0) return lo;
    const hi = this.load8(addr + 1);
    return hi < 0 ? hi : lo | (hi << 8);
  }

  load32(addr: number): number {
    const slot = this.slotFor(addr, false);
    if (slot < 0) return -EFAULT;
    const at = addr % PAGE;
    const index = this.tlbBase[slot]! + at;
    if ((index & 3) === 0) return this.tlbWords[slot]![index >> 2]! >>> 0;
    if (at <= PAGE - 4) {
      const b = this.tlbBytes[slot]!;
      return (b[index]! | (b[index + 1]! << 8) | (b[index + 2]! << 16) | (b[index + 3]! << 24)) >>> 0;
    }
    return this.loadSplit(addr, 4);
  }

  load64(addr: number): number {
    const lo = this.load32(addr);
    if (lo < 0) return lo;
    const hi = this.load32(addr + 4);
    return hi < 0 ? hi : lo + hi * 4294967296;
  }

  /** A little-endian value that crosses a page. */
  private loadSplit(addr: number, bytes: number): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < bytes; i++) {
      const b = this.load8(addr + i);
      if (b < 0) return b;
      value += b * scale;
      scale *= 256;
    }
    return value;
  }

  store8(addr: number, value: number): number {
    const slot = this.slotFor(addr, true);
    if (slot < 0) return -EFAULT;
    this.tlbBytes[slot]![this.tlbBase[slot]! + (addr % PAGE)] = value;
    return 0;
  }

  store16(addr: number, value: number): number {
    const r = this.store8(addr, value & 0xff);
    return r < 0 ? r : this.store8(addr + 1, (value >>> 8) & 0xff);
  }

  store32(addr: number, value: number): number {
    const slot = this.slotFor(addr, true);
    if (slot < 0) return -EFAULT;
    const at = addr % PAGE;
    const index = this.tlbBase[slot]! + at;
    if ((index & 3) === 0) {
      this.tlbWords[slot]![index >> 2] = value;
      return 0;
    }
    if (at > PAGE - 4) return this.storeSplit(addr, value, 4);
    const b = this.tlbBytes[slot]!;
    b[index] = value;
    b[index + 1] = value >>> 8;
    b[index + 2] = value >>> 16;
    b[index + 3] = value >>> 24;
    return 0;
  }

  store64(addr: number, value: number): number {
    const lo = value >>> 0;
    const r = this.store32(addr, lo);
    return r < 0 ? r : this.store32(addr + 4, Math.floor((value - lo) / 4294967296) >>> 0);
  }

  private storeSplit(addr: number, value: number, bytes: number): number {
    for (let i = 0; i < bytes; i++) {
      const r = this.store8(addr + i, (value >>> (i * 8)) & 0xff);
      if (r < 0) return r;
    }
    return 0;
  }

  /**
   * Atomically replace the aligned word at `addr` by `value` if it is `expected`. The value found (unsigned),
   * -EFAULT, or -EINVAL when not aligned.
   */
  compareExchange32(addr: number, expected: number, value: number): number {
    if (addr % 4 !== 0) return -EINVAL;
    const slot = this.slotFor(addr, true);
    if (slot < 0) return -EFAULT;
    const index = (this.tlbBase[slot]! + (addr % PAGE)) >> 2;
    return Atomics.compareExchange(this.tlbWords[slot]!, index, expected | 0, value | 0) >>> 0;
  }

  // Ranges --------------------------------------------------------------------------------------------------

  copyIn(addr: number, dst: Uint8Array, offset: number, length: number): number {
    return this.copyInPartial(addr, dst, offset, length) === length ? 0 : -EFAULT;
  }

  copyOut(addr: number, src: Uint8Array, offset: number, length: number): number {
    return this.copyOutPartial(addr, src, offset, length) === length ? 0 : -EFAULT;
  }

  copyInPartial(addr: number, dst: Uint8Array, offset: number, length: number): number {
    let done = 0;
    while (done < length) {
      const run = this.span(addr + done, length - done, false);
      if (run <= 0) break;
      copyBytes(this.runBytes, this.runIndex, dst, offset + done, run);
      done += run;
    }
    return done;
  }

  copyOutPartial(addr: number, src: Uint8Array, offset: number, length: number): number {
    let done = 0;
    while (done < length) {
      const run = this.span(addr + done, length - done, true);
      if (run <= 0) break;
      copyBytes(src, offset + done, this.runBytes, this.runIndex, run);
      done += run;
    }
    return done;
  }

  /**
   * The next at most `max` contiguous bytes at `addr`: from the cache when they lie in one page, else by
   * `locate`.
   */
  private span(addr: number, max: number, write: boolean): number {
    const at = addr % PAGE;
    if (max <= PAGE - at) {
      const slot = this.slotFor(addr, write);
      if (slot < 0) return -EFAULT;
      this.runBytes = this.tlbBytes[slot]!;
      this.runIndex = this.tlbBase[slot]! + at;
      return max;
    }
    const run = Math.min(this.locate(addr, write), max);
    return write && run > 0 ? this.mayWrite(run) : run;
  }

  private written = 0;

  /**
   * How much of `run` bytes the kernel may write now. One call can ask for gigabytes, of which the host gives
   * memory as they are written: so now and then it is asked whether there is any. -EFAULT: there is none.
   */
  mayWrite(run: number): number {
    const step = Math.min(run, WRITE_STEP);
    this.written += step;
    if (this.written < WRITE_STEP) return step;
    this.written = 0;
    return this.hasMemory() ? step : -EFAULT;
  }

  /** The sandbox may fill further pages. */
  protected hasMemory(): boolean {
    return true;
  }

  zero(addr: number, length: number): number {
    return this.zeroPartial(addr, length) === length ? 0 : -EFAULT;
  }

  zeroPartial(addr: number, length: number): number {
    let done = 0;
    while (done < length) {
      const run = this.span(addr + done, length - done, true);
      if (run <= 0) break;
      this.runBytes.fill(0, this.runIndex, this.runIndex + run);
      done += run;
    }
    return done;
  }

  readString(addr: number, max: number): string | number {
    const limit = Math.min(max, text.length);
    let n = 0;
    while (n < limit) {
      const at = (addr + n) % PAGE;
      const run = this.span(addr + n, Math.min(PAGE - at, limit - n), false);
      if (run <= 0) return -EFAULT;
      const bytes = this.runBytes;
      for (let i = this.runIndex, end = i + run; i < end; i++) {
        const b = bytes[i]!;
        if (b === 0) return text.toString('latin1', 0, n);
        text[n++] = b;
      }
    }
    return -ENAMETOOLONG;
  }

  readPath(addr: number): string | number {
    return this.readString(addr, PATH_MAX);
  }

  translate(addr: number, write: boolean): number {
    const r = this.locate(addr, write);
    return r < 0 ? r : this.runOffset;
  }

  io(addr: number, length: number): IoBuf {
    return this.cursor.reset(addr, length);
  }

  iov(addr: number, count: number): IoBuf | number {
    const r = this.cursor.resetVector(this, addr, count);
    return r < 0 ? r : this.cursor;
  }

  segments(list: SegmentList): IoBuf {
    return this.cursor.resetSegments(list.table, list.count);
  }

  keepVector(list: SegmentList): void {
    const { cursor } = this;
    list.reserve(cursor.segmentCount);
    list.count = cursor.segmentCount;
    cursor.copySegments(list.table);
  }
}
