import {
  E2BIG,
  EBADF,
  EFAULT,
  EINPROGRESS,
  EINVAL,
  ENOENT,
  ENOSYS,
  ENOTTY,
  ERESTARTSYS,
  O_CLOEXEC,
  O_RDWR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRNORM,
  RLIMIT_NOFILE,
  SECCOMP_ADDFD_FLAG_SEND,
  SECCOMP_ADDFD_FLAG_SETFD,
  SECCOMP_DATA,
  SECCOMP_IOCTL_NOTIF_ADDFD,
  SECCOMP_IOCTL_NOTIF_ID_VALID,
  SECCOMP_IOCTL_NOTIF_RECV,
  SECCOMP_IOCTL_NOTIF_SEND,
  SECCOMP_IOCTL_NOTIF_SET_FLAGS,
  SECCOMP_NOTIF,
  SECCOMP_NOTIF_ADDFD,
  SECCOMP_NOTIF_RESP,
  SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP,
  SECCOMP_USER_NOTIF_FLAG_CONTINUE,
} from '@sandbox/abi';
import { File, type Inode, type IoctlCaller, WaitQueue } from '@sandbox/vfs';
import type { Task } from '../task/task.js';
import { TASK_ZOMBIE } from '../task/task-state.js';

/** SECCOMP_IOCTL_NOTIF_ID_VALID as it was first published, with the wrong direction. */
const NOTIF_ID_VALID_WRONG_DIR = 0x80082102;
/** The size field of an ioctl number: ADDFD's struct may grow. */
const IOC_SIZE_MASK = 0x3fff << 16;
/** ... and be passed both ways. */
const IOC_FIXED = ~(IOC_SIZE_MASK | (3 << 30));
const PAGE = 4096;

const STATE_INIT = 0;
const STATE_SENT = 1;
const STATE_REPLIED = 2;

const buffer = new Uint8Array(SECCOMP_NOTIF.SIZE);
const view = new DataView(buffer.buffer);

/** A call whose fate a supervisor decides; `task` sleeps meanwhile. */
export class Notification {
  state: 0 | 1 | 2 = STATE_INIT;
  /** The answer, once replied: an errno (negative) or a value as two words; flags. */
  error = 0;
  valueLo = 0;
  valueHi = 0;
  flags = 0;

  constructor(
    readonly id: number,
    readonly task: Task,
    readonly notifier: Notifier,
    /** `struct seccomp_data`. */
    readonly data: Uint32Array,
  ) {}

  get replied(): boolean {
    return this.state === STATE_REPLIED;
  }

  /** A supervisor has taken it up, and asked that only fatal signals interrupt it from then on. */
  get killableOnly(): boolean {
    return this.state === STATE_SENT && this.notifier.waitKillable;
  }

  reply(error: number, lo: number, hi: number, flags: number): void {
    this.state = STATE_REPLIED;
    this.error = error;
    this.valueLo = lo;
    this.valueHi = hi;
    this.flags = flags;
    this.task.wakeUp();
  }
}

/** Calls that await a supervisor's decision (seccomp_unotify(2)); the listening descriptor refers to it. */
export class Notifier {
  readonly pending: Notification[] = [];
  readonly queue = new WaitQueue();
  /** The listener is gone: calls are answered ENOSYS. */
  closed = false;
  private nextId: number;

  constructor(
    readonly waitKillable: boolean,
    firstId: number,
  ) {
    this.nextId = firstId;
  }

  /** `task` is about to sleep until `data`'s call is decided. */
  post(task: Task, data: Uint32Array): Notification {
    const n = new Notification(this.nextId++, task, this, data.slice());
    this.pending.push(n);
    this.queue.wake(POLLIN | POLLRDNORM);
    return n;
  }

  /** Decided, or its caller was interrupted. */
  withdraw(n: Notification): void {
    const i = this.pending.indexOf(n);
    if (i >= 0) this.pending.splice(i, 1);
  }

  close(): void {
    this.closed = true;
    for (const n of this.pending) if (!n.replied) n.reply(-ENOSYS, 0, 0, 0);
  }

  /** A thread whose filter reports here has ended. */
  threadLeft(tasks: Iterable<Task>): void {
    if (!this.inUse(tasks)) this.queue.wake(POLLHUP);
  }

  /** Some living thread is under a filter that reports here. */
  inUse(tasks: Iterable<Task>): boolean {
    for (const t of tasks) {
      if (t.state >= TASK_ZOMBIE) continue;
      for (let f = t.seccomp; f !== null; f = f.prev) if (f.notifier === this) return true;
    }
    return false;
  }
}

/** The descriptor SECCOMP_FILTER_FLAG_NEW_LISTENER gives. */
export class NotifierFile extends File {
  constructor(
    inode: Inode,
    readonly notifier: Notifier,
    private readonly tasks: { values(): Iterable<Task> },
  ) {
    super(inode, O_RDWR);
  }

  override get label(): string {
    return 'anon_inode:seccomp notify';
  }
  override get waitQueue(): WaitQueue {
    return this.notifier.queue;
  }
  override release(): void {
    this.notifier.close();
  }

  override poll(): number {
    let mask = 0;
    for (const n of this.notifier.pending) {
      if (n.state === STATE_INIT) mask |= POLLIN | POLLRDNORM;
      if (n.state === STATE_SENT) mask |= POLLOUT | POLLWRNORM;
    }
    if (!this.notifier.inUse(this.tasks.values())) mask |= POLLHUP;
    return mask;
  }

  override ioctl(cmd: number, arg: number, caller: IoctlCaller): number {
    const task = caller.task as Task;
    switch (cmd) {
      case SECCOMP_IOCTL_NOTIF_RECV:
        return this.receive(task, arg);
      case SECCOMP_IOCTL_NOTIF_SEND:
        return this.answer(task, arg);
      case SECCOMP_IOCTL_NOTIF_ID_VALID:
      case NOTIF_ID_VALID_WRONG_DIR:
        if (task.mm.copyIn(arg, buffer, 0, 8) < 0) return -EFAULT;
        return this.find(readId())?.state === STATE_SENT ? 0 : -ENOENT;
      case SECCOMP_IOCTL_NOTIF_SET_FLAGS:
        // How the answered thread is woken is the host's business.
        return (arg & ~SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP) !== 0 ? -EINVAL : 0;
    }
    if ((cmd & IOC_FIXED) === (SECCOMP_IOCTL_NOTIF_ADDFD & IOC_FIXED)) {
      return this.addFd(task, arg, (cmd & IOC_SIZE_MASK) >>> 16);
    }
    return -ENOTTY;
  }

  private find(id: number): Notification | null {
    return this.notifier.pending.find((n) => n.id === id) ?? null;
  }

  /** SECCOMP_IOCTL_NOTIF_RECV: EFAULT, EINVAL (the struct is not zero), ENOENT (nobody is left to report). */
  private receive(task: Task, arg: number): number {
    if (task.mm.copyIn(arg, buffer, 0, SECCOMP_NOTIF.SIZE) < 0) return -EFAULT;
    if (buffer.some((b) => b !== 0)) return -EINVAL;
    const n = this.notifier.pending.find((p) => p.state === STATE_INIT);
    if (!n) {
      if (!this.notifier.inUse(this.tasks.values())) return -ENOENT;
      return task.sleep(this.notifier.queue, POLLIN | POLLHUP, -ERESTARTSYS);
    }
    writeId(n.id);
    view.setUint32(SECCOMP_NOTIF.pid, n.task.tidFor(task), true);
    view.setUint32(SECCOMP_NOTIF.flags, 0, true);
    for (let i = 0; i < SECCOMP_DATA.SIZE / 4; i++)
      view.setUint32(SECCOMP_NOTIF.data + i * 4, n.data[i]!, true);
    if (task.mm.copyOut(arg, buffer, 0, SECCOMP_NOTIF.SIZE) < 0) return -EFAULT;
    n.state = STATE_SENT;
    this.notifier.queue.wake(POLLOUT | POLLWRNORM);
    return 0;
  }

  /** SECCOMP_IOCTL_NOTIF_SEND: EFAULT, EINVAL, ENOENT, EINPROGRESS. */
  private answer(task: Task, arg: number): number {
    if (task.mm.copyIn(arg, buffer, 0, SECCOMP_NOTIF_RESP.SIZE) < 0) return -EFAULT;
    const lo = view.getUint32(SECCOMP_NOTIF_RESP.val, true);
    const hi = view.getUint32(SECCOMP_NOTIF_RESP.val + 4, true);
    const error = view.getInt32(SECCOMP_NOTIF_RESP.error, true);
    const flags = view.getUint32(SECCOMP_NOTIF_RESP.flags, true);
    if ((flags & ~SECCOMP_USER_NOTIF_FLAG_CONTINUE) !== 0) return -EINVAL;
    if (flags !== 0 && (error !== 0 || lo !== 0 || hi !== 0)) return -EINVAL;
    const n = this.find(readId());
    if (!n) return -ENOENT;
    if (n.state !== STATE_SENT) return -EINPROGRESS;
    n.reply(error, lo, hi, flags);
    return 0;
  }

  /**
   * SECCOMP_IOCTL_NOTIF_ADDFD: the new descriptor in the caller's table, or EINVAL, EFAULT, E2BIG, EBADF,
   * ENOENT, EINPROGRESS, EMFILE.
   */
  private addFd(task: Task, arg: number, size: number): number {
    const known = SECCOMP_NOTIF_ADDFD.SIZE;
    if (size < known || size >= PAGE) return -EINVAL;
    const { scratch } = task.kernel;
    if (task.mm.copyIn(arg, scratch, 0, size) < 0) return -EFAULT;
    for (let i = known; i < size; i++) if (scratch[i] !== 0) return -E2BIG;
    buffer.set(scratch.subarray(0, known));
    const flags = view.getUint32(SECCOMP_NOTIF_ADDFD.flags, true);
    const newfd = view.getUint32(SECCOMP_NOTIF_ADDFD.newfd, true);
    const newfdFlags = view.getUint32(SECCOMP_NOTIF_ADDFD.newfd_flags, true);
    if ((newfdFlags & ~O_CLOEXEC) !== 0) return -EINVAL;
    if ((flags & ~(SECCOMP_ADDFD_FLAG_SETFD | SECCOMP_ADDFD_FLAG_SEND)) !== 0) return -EINVAL;
    if (newfd !== 0 && (flags & SECCOMP_ADDFD_FLAG_SETFD) === 0) return -EINVAL;
    const file = task.files.get(view.getInt32(SECCOMP_NOTIF_ADDFD.srcfd, true));
    if (!file) return -EBADF;
    const n = this.find(readId());
    if (!n) return -ENOENT;
    if (n.state !== STATE_SENT) return -EINPROGRESS;
    const limit = n.task.group.limits.soft[RLIMIT_NOFILE]!;
    const cloexec = newfdFlags !== 0;
    let fd = newfd;
    if ((flags & SECCOMP_ADDFD_FLAG_SETFD) === 0) {
      fd = n.task.files.install(file, cloexec, limit);
      if (fd < 0) return fd;
    } else {
      if (newfd >= limit) return -EBADF;
      n.task.files.installAt(newfd, file, cloexec);
    }
    file.refs++;
    if ((flags & SECCOMP_ADDFD_FLAG_SEND) !== 0) n.reply(0, fd, 0, 0);
    return fd;
  }
}

/** Ids are counted up from a random start below 2^52, so they are exact. */
function readId(): number {
  return view.getUint32(0, true) + view.getUint32(4, true) * 4294967296;
}

function writeId(id: number): void {
  view.setUint32(SECCOMP_NOTIF.id, id >>> 0, true);
  view.setUint32(SECCOMP_NOTIF.id + 4, Math.floor(id / 4294967296), true);
}
