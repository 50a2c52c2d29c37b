import {
  EAGAIN,
  EFAULT,
  EINVAL,
  O_CLOEXEC,
  O_NONBLOCK,
  O_RDONLY,
  POLLERR,
  POLLIN,
  POLLRDNORM,
  UFFD_EVENT_FORK,
  UFFD_EVENT_PAGEFAULT,
  UFFD_EVENT_REMAP,
  UFFD_FEATURE_EXACT_ADDRESS,
  UFFD_FEATURE_THREAD_ID,
  UFFD_MSG,
  UFFD_MSG_EVENT,
  UFFD_USER_MODE_ONLY,
} from '@sandbox/abi';
import { type IoBuf, type IoctlCaller, releaseFile, WaitQueue } from '@sandbox/vfs';
import type { MemoryManager } from '../../mm/memory-manager.js';
import { abandon } from '../../mm/uffd/register.js';
import type { Announcement } from '../../mm/userfault-server.js';
import { AnonFile } from '../../process/files/anon-file.js';
import { installFile } from '../../process/files/install.js';
import type { KernelCore } from '../../process/kernel/kernel-core.js';
import type { MemoryEvent, PageServer } from '../../process/memory/page-server.js';
import type { Task } from '../../process/task/task.js';
import { apiText, command } from './commands.js';
import { bytes, NO_FEATURES, pageOf, put64, view } from './words.js';

const READABLE = POLLIN | POLLRDNORM;

/** A task that waits for a page. */
interface Waiting {
  readonly task: Task;
  readonly addr: number;
  /** UFFD_PAGEFAULT_FLAG_*. */
  readonly flags: number;
  /** The program that serves the faults has heard of it. */
  told: boolean;
}

/** userfaultfd(2): faults in registered ranges are asked of whoever reads it. */
export class UserfaultFile extends AnonFile implements PageServer {
  protected readonly kind = 'userfaultfd';
  private readonly queue = new WaitQueue();
  features = NO_FEATURES;
  /** In the order they came. */
  private readonly waiting = new Map<Task, Waiting>();
  private events: MemoryEvent[] = [];

  /** `flags`: O_NONBLOCK, O_CLOEXEC (for those that serve children). */
  constructor(
    private readonly kernel: KernelCore,
    readonly mm: MemoryManager,
    private readonly madeWith: number,
    readonly userOnly: boolean,
  ) {
    super(kernel.anonInode, O_RDONLY | (madeWith & O_NONBLOCK));
  }

  // Faults --------------------------------------------------------------------------------------------------

  await(task: Task, addr: number, flags: number): void {
    const old = this.waiting.get(task);
    if (old !== undefined && old.flags === flags && pageOf(old.addr) === pageOf(addr)) return;
    this.waiting.delete(task);
    this.waiting.set(task, { task, addr, flags, told: false });
    this.queue.wake(READABLE);
  }

  forget(task: Task): void {
    this.waiting.delete(task);
  }

  /** Those who wait for pages of the range try again. */
  wake(start: number, length: number): void {
    for (const w of [...this.waiting.values()]) {
      if (w.addr < start || w.addr >= start + length) continue;
      this.waiting.delete(w.task);
      w.task.wakeUp();
    }
  }

  private nextFault(): Waiting | null {
    for (const w of this.waiting.values()) if (!w.told) return w;
    return null;
  }

  // Events --------------------------------------------------------------------------------------------------

  forFork(child: MemoryManager): UserfaultFile {
    const made = new UserfaultFile(this.kernel, child, this.madeWith, this.userOnly);
    made.features = this.features;
    return made;
  }

  tell(what: Announcement, task: Task | null): MemoryEvent {
    const event: MemoryEvent = { server: this, what, task, done: false };
    this.events.push(event);
    this.queue.wake(READABLE);
    return event;
  }

  giveUp(event: MemoryEvent): void {
    if (event.done) return;
    this.finish(event);
    if (event.what.child instanceof UserfaultFile) releaseFile(event.what.child);
  }

  private finish(event: MemoryEvent): void {
    event.done = true;
    this.events = this.events.filter((e) => e !== event);
    event.task?.wakeUp();
  }

  /**
   * Somebody waits for an event to be heard: until then nothing is given to the memory, which is not what the
   * program thinks.
   */
  get changing(): boolean {
    return this.events.length > 0;
  }

  // Reading -------------------------------------------------------------------------------------------------

  override get waitQueue(): WaitQueue {
    return this.queue;
  }
  /** Only a description that does not block can be polled. */
  override poll(): number {
    if (this.features === NO_FEATURES || (this.flags & O_NONBLOCK) === 0) return POLLERR;
    return this.nextFault() !== null || this.events.length > 0 ? READABLE : 0;
  }

  /** As many `struct uffd_msg` as fit and there are. */
  override read(io: IoBuf): number {
    if (this.features === NO_FEATURES) return -EINVAL;
    let done = 0;
    if (io.remaining < UFFD_MSG.SIZE) return -EINVAL;
    while (io.remaining >= UFFD_MSG.SIZE) {
      const r = this.take();
      if (r < 0) return done > 0 ? done : r;
      if (io.put(bytes, 0, UFFD_MSG.SIZE) < UFFD_MSG.SIZE) return done > 0 ? done : -EFAULT;
      done += UFFD_MSG.SIZE;
    }
    return done;
  }

  /**
   * The next message is encoded and counts as heard. 0, -EAGAIN, or what a descriptor for a child could not
   * be had for.
   */
  private take(): number {
    const fault = this.nextFault();
    if (fault !== null) {
      fault.told = true;
      this.encodeFault(fault);
      return 0;
    }
    const event = this.events[0];
    if (event === undefined) return -EAGAIN;
    const { what } = event;
    bytes.fill(0);
    bytes[UFFD_MSG.event] = what.event;
    if (what.event === UFFD_EVENT_FORK) {
      const fd = this.handOver(what.child as UserfaultFile);
      if (fd < 0) return fd;
      view.setUint32(UFFD_MSG_EVENT.ufd, fd, true);
    } else {
      put64(UFFD_MSG_EVENT.start, what.a);
      put64(UFFD_MSG_EVENT.end, what.b);
      if (what.event === UFFD_EVENT_REMAP) put64(UFFD_MSG_EVENT.len, what.c);
    }
    this.finish(event);
    return 0;
  }

  /** Whoever reads gets a descriptor of `child`, which serves a copy of the memory. */
  private handOver(child: UserfaultFile): number {
    const reader = this.kernel.current;
    if (reader === null) return -EAGAIN;
    child.refs++;
    const fd = installFile(reader, child, (this.madeWith & O_CLOEXEC) !== 0);
    if (fd >= 0) releaseFile(child);
    return fd;
  }

  private encodeFault(w: Waiting): void {
    bytes.fill(0);
    bytes[UFFD_MSG.event] = UFFD_EVENT_PAGEFAULT;
    view.setUint32(UFFD_MSG.flags, w.flags, true);
    put64(UFFD_MSG.address, (this.features & UFFD_FEATURE_EXACT_ADDRESS) !== 0 ? w.addr : pageOf(w.addr));
    if ((this.features & UFFD_FEATURE_THREAD_ID) !== 0) {
      const reader = w.task.kernel.current;
      view.setUint32(UFFD_MSG.ptid, reader === null ? 0 : w.task.tidFor(reader), true);
    }
  }

  override ioctl(cmd: number, arg: number, caller: IoctlCaller): number {
    return command(this, cmd, arg, caller);
  }

  /** Whoever still waits finds nobody to ask. */
  override release(): void {
    if (this.mm.users > 0) abandon(this.mm, this);
    this.wake(0, Number.POSITIVE_INFINITY);
    for (const event of this.events) this.giveUp(event);
  }

  override get fdinfo(): string {
    let pending = 0;
    for (const w of this.waiting.values()) if (!w.told) pending++;
    return `pending:\t${pending}\ntotal:\t${this.waiting.size}\nAPI:\t${apiText(this.features)}\n`;
  }
}

/** A new description, of the caller's memory: its descriptor, or -EINVAL, -EMFILE, -ENFILE. */
export function makeUserfault(t: Task, flags: number): number {
  if ((flags & ~(UFFD_USER_MODE_ONLY | O_CLOEXEC | O_NONBLOCK)) !== 0) return -EINVAL;
  const file = new UserfaultFile(t.kernel, t.mm, flags, (flags & UFFD_USER_MODE_ONLY) !== 0);
  return installFile(t, file, (flags & O_CLOEXEC) !== 0);
}
