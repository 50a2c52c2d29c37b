import { EEXIST, EINVAL, ENOBUFS, ENOENT } from '@sandbox/abi';
import type { MemoryManager } from '../../mm/memory-manager.js';

const ENTRY = 16;
/** Most entries of a ring of buffers. */
const MAX_RING = 32768;
/** Most buffers of one group (MAX_BIDS_PER_BGID). */
const MAX_BUFFERS = 65536;
const MAX_GROUPS = 65536;

interface Provided {
  readonly addr: number;
  readonly length: number;
  readonly id: number;
}

/** A group of buffers the program lends: a list it gave with requests, or a ring in its own memory (`address` > 0). */
class Group {
  readonly list: Provided[] = [];
  address = 0;
  entries = 0;
  head = 0;
}

/** Buffers for requests with IOSQE_BUFFER_SELECT, by group. */
export class BufferGroups {
  private readonly groups = new Map<number, Group>();
  /** The buffer last taken. */
  addr = 0;
  length = 0;

  /** Take a buffer of group `id`: its own id, with `addr` and `length` set; -ENOBUFS, -EFAULT. */
  take(mm: MemoryManager, id: number): number {
    const group = this.groups.get(id);
    if (group === undefined) return -ENOBUFS;
    if (group.address === 0) {
      const first = group.list.shift();
      if (first === undefined) return -ENOBUFS;
      this.addr = first.addr;
      this.length = first.length;
      return first.id;
    }
    const tail = mm.load16(group.address + 14);
    if (tail < 0 || tail === (group.head & 0xffff)) return -ENOBUFS;
    const at = group.address + (group.head & (group.entries - 1)) * ENTRY;
    this.addr = mm.load64(at);
    this.length = mm.load32(at + 8);
    const buffer = mm.load16(at + 12);
    if (this.addr < 0 || this.length < 0 || buffer < 0) return -ENOBUFS;
    group.head = (group.head + 1) & 0xffff;
    return buffer;
  }

  /** Nothing was put into the buffer taken last: it comes next again. */
  putBack(id: number, buffer: number): void {
    const group = this.groups.get(id);
    if (group === undefined) return;
    if (group.address === 0) group.list.unshift({ addr: this.addr, length: this.length, id: buffer });
    else group.head = (group.head - 1) & 0xffff;
  }

  /** IORING_OP_PROVIDE_BUFFERS: `count` buffers of `length` bytes, one after the other. */
  provide(id: number, addr: number, length: number, count: number, first: number): number {
    let group = this.groups.get(id);
    if (group === undefined) {
      if (this.groups.size >= MAX_GROUPS) return -EINVAL;
      group = new Group();
      this.groups.set(id, group);
    }
    if (group.address !== 0 || group.list.length + count > MAX_BUFFERS) return -EINVAL;
    for (let i = 0; i < count; i++)
      group.list.push({ addr: addr + i * length, length, id: (first + i) & 0xffff });
    return 0;
  }

  /** IORING_OP_REMOVE_BUFFERS: how many went. */
  remove(id: number, count: number): number {
    const group = this.groups.get(id);
    if (group === undefined) return -ENOENT;
    if (group.address !== 0) return -EINVAL;
    return group.list.splice(0, count).length;
  }

  /** IORING_REGISTER_PBUF_RING */
  addRing(id: number, address: number, entries: number): number {
    if (address === 0 || address % 4096 !== 0) return -EINVAL;
    if (entries === 0 || entries > MAX_RING || (entries & (entries - 1)) !== 0) return -EINVAL;
    const old = this.groups.get(id);
    if (old !== undefined && (old.address !== 0 || old.list.length > 0)) return -EEXIST;
    const group = new Group();
    group.address = address;
    group.entries = entries;
    this.groups.set(id, group);
    return 0;
  }

  removeRing(id: number): number {
    const group = this.groups.get(id);
    if (group === undefined) return -ENOENT;
    if (group.address === 0) return -EINVAL;
    this.groups.delete(id);
    return 0;
  }
}
