import {
  AIO_MAX_NR,
  AIO_RING,
  AIO_RING_COMPAT_FEATURES,
  AIO_RING_INCOMPAT_FEATURES,
  AIO_RING_MAGIC,
  EAGAIN,
  EINVAL,
  IO_EVENT,
  MAP_SHARED,
  O_RDWR,
  POLLIN,
  PROT_READ,
  PROT_WRITE,
} from '@sandbox/abi';
import { type Mappable, releaseFile, WaitQueue } from '@sandbox/vfs';
import type { EventFile } from '../files/event/eventfd.js';
import type { MemoryManager } from '../mm/memory-manager.js';
import { AnonFile } from '../process/files/anon-file.js';
import type { SyscallHandler } from '../process/kernel/call-table.js';
import type { KernelCore } from '../process/kernel/kernel-core.js';
import { Slot } from '../process/kernel/slot.js';
import type { Task } from '../process/task/task.js';
import { Worker } from '../process/task/worker.js';
import { RingPages } from './ring-pages.js';

const PAGE = 4096;
/** Nobody asks for more bytes of events than this. */
const MAX_EVENTS = 0x10000000 / IO_EVENT.SIZE;

/** What the program maps: the completion ring. Held by its mapping only. */
class RingFile extends AnonFile {
  protected readonly kind = 'aio';

  constructor(
    kernel: KernelCore,
    private readonly ring: RingPages,
  ) {
    super(kernel.anonInode, O_RDWR);
  }
  override get mappable(): Mappable {
    return this.ring.pages;
  }
  override get label(): string {
    return '/[aio] (deleted)';
  }
}

/** One `struct iocb` under way. */
export class AioRequest extends Worker {
  dataLo = 0;
  dataHi = 0;
  /** Address of the iocb: how the program names it. */
  iocb = 0;
  /** Only a poll can be taken back. */
  isPoll = false;
  notify: EventFile | null = null;

  constructor(
    submitter: Task,
    private readonly owner: AioContext,
  ) {
    super(submitter);
  }

  start(handler: SyscallHandler): void {
    this.execute(handler);
  }

  protected finished(result: number): void {
    this.owner.complete(this, result);
  }
}

/** One asynchronous I/O context (io_setup(2)) of a memory map. Its id is the address of its ring. */
export class AioContext {
  readonly waiters = new WaitQueue();
  readonly active = new Set<AioRequest>();
  /** Where the next event goes; what is read from the ring's own tail is not relied on. */
  private tail = 0;
  dead = false;

  private constructor(
    private readonly contexts: AioContexts,
    readonly ring: RingPages,
    readonly id: number,
    /** Places in the ring. */
    readonly slots: number,
    readonly maxRequests: number,
  ) {}

  /** -EINVAL, -EAGAIN, -ENOMEM. */
  static create(t: Task, contexts: AioContexts, requests: number): AioContext | number {
    const events = Math.max(requests, t.kernel.cpus * 4) * 2;
    if (events > MAX_EVENTS) return -EINVAL;
    if (requests > AIO_MAX_NR - contexts.charged) return -EAGAIN;
    const size = Math.ceil((AIO_RING.SIZE + IO_EVENT.SIZE * (events + 2)) / PAGE) * PAGE;
    const ring = RingPages.create(t.kernel.memory, size);
    if (ring === null) return -EAGAIN;
    const file = new RingFile(t.kernel, ring);
    const id = t.mm.mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    releaseFile(file);
    if (id < 0) {
      ring.free();
      return id;
    }
    const slots = (size - AIO_RING.SIZE) / IO_EVENT.SIZE;
    ring.store(AIO_RING.nr, slots);
    ring.store(AIO_RING.magic, AIO_RING_MAGIC);
    ring.store(AIO_RING.compat_features, AIO_RING_COMPAT_FEATURES);
    ring.store(AIO_RING.incompat_features, AIO_RING_INCOMPAT_FEATURES);
    ring.store(AIO_RING.header_length, AIO_RING.SIZE);
    return new AioContext(contexts, ring, id, slots, requests);
  }

  /** Size of the mapping. */
  get bytes(): number {
    return this.ring.pages.pages * PAGE;
  }

  private get head(): number {
    return this.ring.load(AIO_RING.head) % this.slots;
  }

  /** Events that can be taken. */
  get ready(): number {
    return (this.tail - this.head + this.slots) % this.slots;
  }

  /** One more request finds a place for its event. */
  get hasRoom(): boolean {
    return this.active.size + this.ready < this.slots - 1;
  }

  complete(request: AioRequest, result: number): void {
    this.active.delete(request);
    const { ring } = this;
    const at = AIO_RING.SIZE + this.tail * IO_EVENT.SIZE;
    ring.store(at + IO_EVENT.data, request.dataLo);
    ring.store(at + IO_EVENT.data + 4, request.dataHi);
    ring.store64(at + IO_EVENT.obj, request.iocb);
    ring.store64(at + IO_EVENT.res, result);
    ring.store64(at + IO_EVENT.res2, 0);
    this.tail = (this.tail + 1) % this.slots;
    ring.store(AIO_RING.tail, this.tail);
    if (request.notify !== null) {
      request.notify.signal(1);
      releaseFile(request.notify);
      request.notify = null;
    }
    this.waiters.wake(POLLIN);
  }

  /** Copy the oldest event into `words` (eight of 32 bits). False when there is none. */
  peek(words: Uint32Array): boolean {
    if (this.ready === 0) return false;
    const at = AIO_RING.SIZE + this.head * IO_EVENT.SIZE;
    for (let i = 0; i < words.length; i++) words[i] = this.ring.load(at + 4 * i);
    return true;
  }
  /** The oldest event has been taken. */
  advance(): void {
    this.ring.store(AIO_RING.head, (this.head + 1) % this.slots);
  }

  /** Nothing of it goes on; those who wait find it gone. */
  close(): void {
    this.dead = true;
    for (const request of this.active) {
      request.abandon();
      if (request.notify !== null) releaseFile(request.notify);
      request.notify = null;
    }
    this.active.clear();
    this.contexts.charged -= this.maxRequests;
    this.ring.free();
    this.waiters.wake(POLLIN);
  }
}

/** The contexts of all programs of a kernel. */
export class AioContexts {
  private readonly byMap = new WeakMap<MemoryManager, Map<number, AioContext>>();
  /** Requests all contexts together were made for. */
  charged = 0;

  constructor(kernel: KernelCore) {
    const drop = (mm: MemoryManager): void => {
      for (const context of this.byMap.get(mm)?.values() ?? []) context.close();
      this.byMap.delete(mm);
    };
    kernel.hooks.exec.push((task) => drop(task.mm));
    kernel.hooks.processExit.push((_group, task) => {
      if (task.mm.users === 1) drop(task.mm);
    });
  }

  get(mm: MemoryManager, id: number): AioContext | null {
    return this.byMap.get(mm)?.get(id) ?? null;
  }

  add(mm: MemoryManager, context: AioContext): void {
    let table = this.byMap.get(mm);
    if (table === undefined) {
      table = new Map();
      this.byMap.set(mm, table);
    }
    table.set(context.id, context);
    this.charged += context.maxRequests;
  }

  remove(mm: MemoryManager, context: AioContext): void {
    this.byMap.get(mm)?.delete(context.id);
    context.close();
  }
}

const instances = new Slot((kernel: KernelCore) => new AioContexts(kernel));

/** Contexts of io_setup(2). */
export function aioOf(kernel: KernelCore): AioContexts {
  return instances.of(kernel);
}
