import {
  EEXIST,
  EFAULT,
  EINVAL,
  ENOBUFS,
  ENOENT,
  ENOMEM,
  IOU_PBUF_RING_INC,
  IOU_PBUF_RING_MMAP,
} from '@sandbox/abi';
import type { GuestStore } from '../../mm/guest-store.js';
import type { MemoryManager } from '../../mm/memory-manager.js';
import type { SegmentList } from '../../mm/segment-list.js';
import { RingPages } from '../ring-pages.js';
import type { RingMapping } from './rings.js';

/** `struct io_uring_buf`; the tail of a ring lies in the last two bytes of the first. */
const ENTRY = 16;
const LENGTH = 8;
const ID = 12;
const TAIL = 14;
/** Entries of a ring of buffers are fewer than that. */
const MAX_RING = 65536;
/** Most buffers of one group (MAX_BIDS_PER_BGID). */
const MAX_BUFFERS = 65536;
const MAX_GROUPS = 65536;
/** Most buffers one send or receive takes (PEEK_MAX_IMPORT). */
const MOST_AT_ONCE = 256;

interface Provided {
  readonly addr: number;
  readonly length: number;
  readonly id: number;
}

/**
 * A group of buffers the program lends: a list it gave with requests, or a ring in its own memory (`address`)
 * or the kernel's (`pages`).
 */
class Group {
  readonly list: Provided[] = [];
  address = 0;
  pages: RingPages | null = null;
  entries = 0;
  head = 0;
  /** Buffers are used up bit by bit (IOU_PBUF_RING_INC). */
  incremental = false;

  get isRing(): boolean {
    return this.entries > 0;
  }

  /** A word of the ring; negative when it cannot be read. */
  load32(mm: MemoryManager, at: number): number {
    return this.pages === null ? mm.load32(this.address + at) : this.pages.load(at);
  }
  load16(mm: MemoryManager, at: number): number {
    const word = this.load32(mm, at & ~3);
    return word < 0 ? word : (word >>> ((at & 2) * 8)) & 0xffff;
  }
  load64(mm: MemoryManager, at: number): number {
    const lo = this.load32(mm, at);
    const hi = lo < 0 ? lo : this.load32(mm, at + 4);
    return hi < 0 ? hi : lo + hi * 4294967296;
  }
  store32(mm: MemoryManager, at: number, value: number): void {
    if (this.pages === null) mm.store32(this.address + at, value);
    else this.pages.store(at, value);
  }
}

/** Buffers for requests with IOSQE_BUFFER_SELECT, by group. */
export class BufferGroups {
  private readonly groups = new Map<number, Group>();
  /** The buffer last taken. */
  addr = 0;
  length = 0;
  /** It was the last one there was. */
  empty = false;

  constructor(private readonly mapping: RingMapping) {}

  /** Take a buffer of group `id`: its own id, with `addr` and `length` set; -ENOBUFS. */
  take(mm: MemoryManager, id: number): number {
    const group = this.groups.get(id);
    if (group === undefined) return -ENOBUFS;
    if (!group.isRing) {
      const first = group.list.shift();
      if (first === undefined) return -ENOBUFS;
      this.addr = first.addr;
      this.length = first.length;
      this.empty = group.list.length === 0;
      return first.id;
    }
    const tail = group.load16(mm, TAIL);
    if (tail < 0 || tail === (group.head & 0xffff)) return -ENOBUFS;
    const at = (group.head & (group.entries - 1)) * ENTRY;
    this.addr = group.load64(mm, at);
    this.length = group.load32(mm, at + LENGTH);
    const buffer = group.load16(mm, at + ID);
    if (this.addr < 0 || this.length < 0 || buffer < 0) return -ENOBUFS;
    group.head = (group.head + 1) & 0xffff;
    this.empty = tail === group.head;
    return buffer;
  }

  /**
   * The buffers of group `id` that are next, as many as hold `most` bytes, into `list`; they stay in the
   * group until `commitMany`. The id of the first; -ENOBUFS.
   */
  takeMany(mm: MemoryManager, id: number, most: number, list: SegmentList): number {
    list.count = 0;
    const group = this.groups.get(id);
    if (group === undefined) return -ENOBUFS;
    if (!group.isRing) {
      const only = this.take(mm, id);
      if (only >= 0) list.push(this.addr, Math.min(this.length, most));
      return only;
    }
    const tail = group.load16(mm, TAIL);
    if (tail < 0) return -ENOBUFS;
    let first = -ENOBUFS;
    for (let head = group.head, left = most; head !== tail && left > 0 && list.count < MOST_AT_ONCE; ) {
      const at = (head & (group.entries - 1)) * ENTRY;
      const addr = group.load64(mm, at);
      const length = group.load32(mm, at + LENGTH);
      const buffer = group.load16(mm, at + ID);
      if (addr < 0 || length < 0 || buffer < 0) break;
      if (list.count === 0) first = buffer;
      list.push(addr, Math.min(length, left));
      left -= length;
      head = (head + 1) & 0xffff;
    }
    return first;
  }

  /**
   * Of the buffers `takeMany` gave `used` bytes were used: those they reach into are gone, and `empty` says
   * whether there are more. True: what is left of the last will be used yet (IOU_PBUF_RING_INC).
   */
  commitMany(mm: MemoryManager, id: number, used: number, list: SegmentList): boolean {
    const group = this.groups.get(id);
    if (group === undefined || !group.isRing) return false;
    let more = false;
    for (let i = 0, left = used; left > 0 && i < list.count; i++) {
      const length = list.table[2 * i + 1]!;
      more = group.incremental && left < this.lengthAt(mm, group);
      if (more) this.shorten(mm, group, list.table[2 * i]! + left, this.lengthAt(mm, group) - left);
      else group.head = (group.head + 1) & 0xffff;
      left -= length;
    }
    this.empty = group.load16(mm, TAIL) === group.head;
    return more;
  }

  /** Nothing was put into those `takeMany` gave, of which `buffer` was the first. */
  putBackMany(id: number, buffer: number): void {
    if (this.groups.get(id)?.isRing === false) this.putBack(id, buffer);
  }

  /** Length of the buffer that is next. */
  private lengthAt(mm: MemoryManager, group: Group): number {
    return group.load32(mm, (group.head & (group.entries - 1)) * ENTRY + LENGTH);
  }

  /** The buffer that is next begins at `addr` and has `length` bytes from now on. */
  private shorten(mm: MemoryManager, group: Group, addr: number, length: number): void {
    const at = (group.head & (group.entries - 1)) * ENTRY;
    group.store32(mm, at, addr >>> 0);
    group.store32(mm, at + 4, Math.floor(addr / 4294967296));
    group.store32(mm, at + LENGTH, length);
  }

  /** Nothing was put into the buffer taken last: it comes next again. */
  putBack(id: number, buffer: number): void {
    const group = this.groups.get(id);
    if (group === undefined) return;
    if (!group.isRing) group.list.unshift({ addr: this.addr, length: this.length, id: buffer });
    else group.head = (group.head - 1) & 0xffff;
  }

  /**
   * `used` bytes of the buffer taken last were. True: what is left of it will be used yet
   * (IORING_CQE_F_BUF_MORE).
   */
  commit(mm: MemoryManager, id: number, used: number): boolean {
    const group = this.groups.get(id);
    if (group === undefined || !group.incremental || used >= this.length) return false;
    group.head = (group.head - 1) & 0xffff;
    this.shorten(mm, group, this.addr + used, this.length - used);
    return true;
  }

  /** IORING_OP_PROVIDE_BUFFERS: `count` buffers of `length` bytes, one after the other. */
  provide(id: number, addr: number, length: number, count: number, first: number): number {
    let group = this.groups.get(id);
    if (group === undefined) {
      if (this.groups.size >= MAX_GROUPS) return -ENOMEM;
      group = new Group();
      this.groups.set(id, group);
    }
    if (group.isRing) return -EINVAL;
    if (group.list.length + count > MAX_BUFFERS) return -ENOMEM;
    for (let i = 0; i < count; i++)
      group.list.push({ addr: addr + i * length, length, id: (first + i) & 0xffff });
    return 0;
  }

  /** IORING_OP_REMOVE_BUFFERS: how many went. */
  remove(id: number, count: number): number {
    const group = this.groups.get(id);
    if (group === undefined) return -ENOENT;
    if (group.isRing) return -EINVAL;
    return group.list.splice(0, count).length;
  }

  /**
   * IORING_REGISTER_PBUF_RING: at `address`, or with IOU_PBUF_RING_MMAP in memory that is mapped from the
   * ring.
   */
  addRing(
    mm: MemoryManager,
    store: GuestStore,
    id: number,
    address: number,
    entries: number,
    flags: number,
  ): number {
    const maps = (flags & IOU_PBUF_RING_MMAP) !== 0;
    if ((flags & ~(IOU_PBUF_RING_MMAP | IOU_PBUF_RING_INC)) !== 0) return -EINVAL;
    if (!maps && address === 0) return -EFAULT;
    if (maps ? address !== 0 : address % 4096 !== 0) return -EINVAL;
    if (entries === 0 || entries >= MAX_RING || (entries & (entries - 1)) !== 0) return -EINVAL;
    const old = this.groups.get(id);
    if (old !== undefined && (old.isRing || old.list.length > 0)) return -EEXIST;
    // The pages have to be there, as they are pinned.
    for (let at = 0; !maps && at < entries * ENTRY; at += 4096)
      if (mm.translate(address + at, true) < 0) return -EFAULT;
    const group = new Group();
    group.address = address;
    group.entries = entries;
    group.incremental = (flags & IOU_PBUF_RING_INC) !== 0;
    if (maps) {
      group.pages = RingPages.create(store, entries * ENTRY);
      if (group.pages === null) return -ENOMEM;
      this.mapping.addGroup(id, group.pages);
    }
    this.groups.set(id, group);
    return 0;
  }

  removeRing(id: number): number {
    const group = this.groups.get(id);
    if (group === undefined) return -ENOENT;
    if (!group.isRing) return -EINVAL;
    this.groups.delete(id);
    if (group.pages !== null) this.mapping.removeGroup(id);
    return 0;
  }

  /** IORING_REGISTER_PBUF_STATUS: how many buffers of the ring were taken so far, modulo 65536. */
  head(id: number): number {
    const group = this.groups.get(id);
    if (group === undefined) return -ENOENT;
    return group.isRing ? group.head : -EINVAL;
  }
}
