import {
  _UFFDIO_API,
  _UFFDIO_COPY,
  _UFFDIO_REGISTER,
  _UFFDIO_UNREGISTER,
  _UFFDIO_WAKE,
  _UFFDIO_ZEROPAGE,
  EAGAIN,
  EFAULT,
  EINVAL,
  ENOMEM,
  ESRCH,
  O_NONBLOCK,
  O_RDWR,
  POLLERR,
  POLLIN,
  POLLRDNORM,
  UFFD_API,
  UFFD_EVENT_PAGEFAULT,
  UFFD_FEATURE_EXACT_ADDRESS,
  UFFD_FEATURE_SIGBUS,
  UFFD_FEATURE_THREAD_ID,
  UFFD_MSG,
  UFFD_PAGEFAULT_FLAG_WRITE,
  UFFDIO_API,
  UFFDIO_API_STRUCT,
  UFFDIO_COPY,
  UFFDIO_COPY_MODE_DONTWAKE,
  UFFDIO_COPY_STRUCT,
  UFFDIO_RANGE,
  UFFDIO_REGISTER,
  UFFDIO_REGISTER_MODE_MISSING,
  UFFDIO_REGISTER_STRUCT,
  UFFDIO_UNREGISTER,
  UFFDIO_WAKE,
  UFFDIO_ZEROPAGE,
  UFFDIO_ZEROPAGE_MODE_DONTWAKE,
  UFFDIO_ZEROPAGE_STRUCT,
} from '@sandbox/abi';
import { type IoBuf, type IoctlCaller, WaitQueue } from '@sandbox/vfs';
import type { MemoryManager } from '../mm/memory-manager.js';
import { abandon, checkRange, fill, type MissingPages, register, unregister } from '../mm/userfault.js';
import { BLOCKED } from '../syscalls/result.js';
import type { Task } from '../task/task.js';
import { AnonFile } from './anon-file.js';

const PAGE = 4096;
const TWO32 = 4294967296;
const FEATURES = UFFD_FEATURE_SIGBUS | UFFD_FEATURE_THREAD_ID | UFFD_FEATURE_EXACT_ADDRESS;
const NO_FEATURES = -1;

const bytes = new Uint8Array(40);
const view = new DataView(bytes.buffer);

/** A task that waits for a page. */
interface Waiting {
  readonly task: Task;
  readonly addr: number;
  readonly write: boolean;
  /** The program that serves the faults has heard of it. */
  told: boolean;
}

/** userfaultfd(2): missing pages of registered ranges are asked of whoever reads it. */
export class UserfaultFile extends AnonFile implements MissingPages {
  protected readonly kind = 'userfaultfd';
  private readonly queue = new WaitQueue();
  private readonly mm: MemoryManager;
  private features = NO_FEATURES;
  /** In the order they came. */
  private readonly waiting = new Map<Task, Waiting>();

  constructor(
    t: Task,
    flags: number,
    readonly userOnly: boolean,
  ) {
    super(t.kernel.io.anonInode, O_RDWR | (flags & O_NONBLOCK));
    this.mm = t.mm;
  }

  get sigbus(): boolean {
    return (this.features & UFFD_FEATURE_SIGBUS) !== 0;
  }

  // Faults ------------------------------------------------------------------------------------------------------------

  /** `task` is to sleep until somebody wakes those who wait for the page at `addr`. */
  await(task: Task, addr: number, write: boolean): void {
    const old = this.waiting.get(task);
    if (old !== undefined && pageOf(old.addr) === pageOf(addr)) return;
    this.waiting.set(task, { task, addr, write, told: false });
    this.queue.wake(POLLIN | POLLRDNORM);
  }

  /** It does not wait any more. */
  forget(task: Task): void {
    this.waiting.delete(task);
  }

  private wake(start: number, length: number): void {
    for (const w of [...this.waiting.values()]) {
      if (w.addr < start || w.addr >= start + length) continue;
      this.waiting.delete(w.task);
      w.task.wakeUp();
    }
  }

  private next(): Waiting | null {
    for (const w of this.waiting.values()) if (!w.told) return w;
    return null;
  }

  override get waitQueue(): WaitQueue {
    return this.queue;
  }
  /** Only a description that does not block can be polled. */
  override poll(): number {
    if (this.features === NO_FEATURES || (this.flags & O_NONBLOCK) === 0) return POLLERR;
    return this.next() !== null ? POLLIN | POLLRDNORM : 0;
  }

  /** As many `struct uffd_msg` as fit and there are. */
  override read(io: IoBuf): number {
    if (this.features === NO_FEATURES) return -EINVAL;
    let done = 0;
    if (io.remaining < UFFD_MSG.SIZE) return -EINVAL;
    while (io.remaining >= UFFD_MSG.SIZE) {
      const w = this.next();
      if (w === null) return done > 0 ? done : -EAGAIN;
      w.told = true;
      this.encode(w);
      if (io.put(bytes, 0, UFFD_MSG.SIZE) < UFFD_MSG.SIZE) return done > 0 ? done : -EFAULT;
      done += UFFD_MSG.SIZE;
    }
    return done;
  }

  private encode(w: Waiting): void {
    bytes.fill(0);
    bytes[UFFD_MSG.event] = UFFD_EVENT_PAGEFAULT;
    view.setUint32(UFFD_MSG.flags, w.write ? UFFD_PAGEFAULT_FLAG_WRITE : 0, true);
    put64(UFFD_MSG.address, (this.features & UFFD_FEATURE_EXACT_ADDRESS) !== 0 ? w.addr : pageOf(w.addr));
    if ((this.features & UFFD_FEATURE_THREAD_ID) !== 0) {
      const reader = w.task.kernel.current;
      view.setUint32(UFFD_MSG.ptid, reader === null ? 0 : w.task.tidFor(reader), true);
    }
  }

  // Commands ----------------------------------------------------------------------------------------------------------

  override ioctl(cmd: number, arg: number, caller: IoctlCaller): number {
    if (cmd !== UFFDIO_API && this.features === NO_FEATURES) return -EINVAL;
    switch (cmd) {
      case UFFDIO_API:
        return this.handshake(arg, caller);
      case UFFDIO_REGISTER:
        return this.register(arg, caller);
      case UFFDIO_UNREGISTER:
        return this.unregister(arg, caller);
      case UFFDIO_WAKE:
        return this.wakeRange(arg, caller);
      case UFFDIO_COPY:
        return this.copy(arg, caller);
      case UFFDIO_ZEROPAGE:
        return this.zero(arg, caller);
      default:
        return -EINVAL;
    }
  }

  private handshake(arg: number, caller: IoctlCaller): number {
    const s = UFFDIO_API_STRUCT;
    if (caller.memory.copyIn(arg, bytes, 0, s.SIZE) !== 0) return -EFAULT;
    const wanted = view.getUint32(s.features, true);
    const bad =
      get64(s.api) !== UFFD_API || (wanted & ~FEATURES) !== 0 || view.getUint32(s.features + 4, true) !== 0;
    bytes.fill(0, 0, s.SIZE);
    if (bad || this.features !== NO_FEATURES) {
      if (bad && caller.memory.copyOut(arg, bytes, 0, s.SIZE) !== 0) return -EFAULT;
      return -EINVAL;
    }
    put64(s.api, UFFD_API);
    put64(s.features, FEATURES);
    view.setUint32(s.ioctls, (1 << _UFFDIO_REGISTER) | (1 << _UFFDIO_UNREGISTER), true);
    view.setUint32(s.ioctls + 4, (1 << (_UFFDIO_API - 32)) >>> 0, true);
    if (caller.memory.copyOut(arg, bytes, 0, s.SIZE) !== 0) return -EFAULT;
    this.features = wanted;
    return 0;
  }

  private register(arg: number, caller: IoctlCaller): number {
    const s = UFFDIO_REGISTER_STRUCT;
    // All but the last word, which is told.
    if (caller.memory.copyIn(arg, bytes, 0, s.ioctls) !== 0) return -EFAULT;
    if (get64(s.mode) !== UFFDIO_REGISTER_MODE_MISSING) return -EINVAL;
    const start = get64(s.start);
    const length = get64(s.len);
    const e = checkRange(this.mm, start, length);
    if (e !== 0) return e;
    if (this.mm.users === 0) return -ENOMEM;
    const r = register(this.mm, start, start + length, this);
    if (r !== 0) return r;
    put64(s.ioctls, (1 << _UFFDIO_WAKE) | (1 << _UFFDIO_COPY) | (1 << _UFFDIO_ZEROPAGE));
    return caller.memory.copyOut(arg + s.ioctls, bytes, s.ioctls, 8);
  }

  private range(arg: number, caller: IoctlCaller): number {
    if (caller.memory.copyIn(arg, bytes, 0, UFFDIO_RANGE.SIZE) !== 0) return -EFAULT;
    return checkRange(this.mm, get64(UFFDIO_RANGE.start), get64(UFFDIO_RANGE.len));
  }

  private unregister(arg: number, caller: IoctlCaller): number {
    const e = this.range(arg, caller);
    if (e !== 0) return e;
    const start = get64(UFFDIO_RANGE.start);
    const length = get64(UFFDIO_RANGE.len);
    if (this.mm.users === 0) return -ENOMEM;
    const r = unregister(this.mm, start, start + length, this);
    if (r === 0) this.wake(start, length);
    return r;
  }

  private wakeRange(arg: number, caller: IoctlCaller): number {
    const e = this.range(arg, caller);
    if (e === 0) this.wake(get64(UFFDIO_RANGE.start), get64(UFFDIO_RANGE.len));
    return e;
  }

  private copy(arg: number, caller: IoctlCaller): number {
    const s = UFFDIO_COPY_STRUCT;
    if (caller.memory.copyIn(arg, bytes, 0, s.copy) !== 0) return -EFAULT;
    const dst = get64(s.dst);
    const src = get64(s.src);
    const length = get64(s.len);
    const mode = get64(s.mode);
    const e = checkRange(this.mm, dst, length);
    if (e !== 0) return e;
    if (src >= this.mm.layout.max || (mode & ~UFFDIO_COPY_MODE_DONTWAKE) !== 0) return -EINVAL;
    const from = (caller.task as Task).mm;
    const done = this.mm.users === 0 ? -ESRCH : fill(this.mm, dst, length, this, from, src);
    return this.filled(caller, arg + s.copy, dst, length, done, mode === 0);
  }

  private zero(arg: number, caller: IoctlCaller): number {
    const s = UFFDIO_ZEROPAGE_STRUCT;
    if (caller.memory.copyIn(arg, bytes, 0, s.zeropage) !== 0) return -EFAULT;
    const start = get64(s.start);
    const length = get64(s.len);
    const mode = get64(s.mode);
    const e = checkRange(this.mm, start, length);
    if (e !== 0) return e;
    if ((mode & ~UFFDIO_ZEROPAGE_MODE_DONTWAKE) !== 0) return -EINVAL;
    const done = this.mm.users === 0 ? -ESRCH : fill(this.mm, start, length, this, null, 0);
    return this.filled(caller, arg + s.zeropage, start, length, done, mode === 0);
  }

  /** Tell how much was done, and wake those who waited for it: 0, -EAGAIN (not all of it) or the error. */
  private filled(
    caller: IoctlCaller,
    at: number,
    start: number,
    length: number,
    done: number,
    wakes: boolean,
  ): number {
    put64(0, done);
    if (caller.memory.copyOut(at, bytes, 0, 8) !== 0) return -EFAULT;
    if (done < 0) return done;
    if (wakes) this.wake(start, done);
    return done === length ? 0 : -EAGAIN;
  }

  /** Whoever still waits finds empty pages. */
  override release(): void {
    if (this.mm.users > 0) abandon(this.mm, this);
    this.wake(0, Number.POSITIVE_INFINITY);
  }

  override get fdinfo(): string {
    let pending = 0;
    for (const w of this.waiting.values()) if (!w.told) pending++;
    const features = this.features === NO_FEATURES ? 0 : this.features;
    return `pending:\t${pending}\ntotal:\t${this.waiting.size}\nAPI:\t${UFFD_API.toString(16)}:${features.toString(16)}:0\n`;
  }
}

/**
 * An access was refused with FAULT_ASK, at `mm.missing`: `task` is to sleep, and to try again when it wakes up. False: nobody is asked for it any
 * more, so it may try at once.
 */
export function awaitMissing(task: Task, write: boolean): boolean {
  const addr = task.mm.missing;
  task.mm.missing = -1;
  const owner = task.mm.vmas.find(addr)?.uffd ?? null;
  if (!(owner instanceof UserfaultFile) || task.interrupted) return false;
  owner.await(task, addr, write);
  task.faulting = owner;
  return true;
}

/**
 * A call failed with EFAULT, and `mm.missing` (of its own memory or another process's it looks into) says that a page was to be asked for: BLOCKED,
 * and its handler will run again; or -EFAULT, where only the program's own accesses are served.
 */
export function awaitMissingForCall(task: Task, mm: MemoryManager = task.mm): number {
  const addr = mm.missing;
  mm.missing = -1;
  const owner = mm.vmas.find(addr)?.uffd ?? null;
  if (!(owner instanceof UserfaultFile) || owner.userOnly || mm.pages.pmas.find(addr) !== null)
    return -EFAULT;
  if (task.signals.exiting) {
    owner.forget(task);
    return -EFAULT;
  }
  owner.await(task, addr, mm.missingWrite);
  return BLOCKED;
}

function pageOf(addr: number): number {
  return addr - (addr % PAGE);
}

function get64(at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * TWO32;
}

function put64(at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setInt32(at + 4, Math.floor(value / TWO32), true);
}
