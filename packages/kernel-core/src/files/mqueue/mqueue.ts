import {
  CAP_FOWNER,
  CAP_SYS_RESOURCE,
  EACCES,
  EEXIST,
  EINVAL,
  EMFILE,
  ENAMETOOLONG,
  ENOENT,
  ENOSPC,
  EPERM,
  MQ_PRIO_MAX,
  NAME_MAX,
  O_ACCMODE,
  O_CREAT,
  O_EXCL,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRNORM,
  RLIMIT_MSGQUEUE,
  S_IFREG,
  SI_MESGQ,
} from '@sandbox/abi';
import { File, type IoBuf, MAY_READ, MAY_WRITE, permission, WaitQueue } from '@sandbox/vfs';
import { AnonInode } from '../../process/files/anon-inode.js';
import type { KernelCore } from '../../process/kernel/kernel-core.js';
import { Slot } from '../../process/kernel/slot.js';
import type { IpcNamespace } from '../../process/ns/namespaces.js';
import { siginfo } from '../../process/signal/siginfo.js';
import type { Task } from '../../process/task/task.js';
import type { ThreadGroup } from '../../process/task/thread-group.js';
import { MqueueFs } from './mqueue-fs.js';

/** /proc/sys/fs/mqueue: queues_max, msg_max, msgsize_max and their defaults; and what nobody may exceed. */
const HARD_MSG_MAX = 65536;
const HARD_MSGSIZE_MAX = 16 * 1024 * 1024;
/** What Linux charges for a message besides its text, and for a priority (getrlimit(2), RLIMIT_MSGQUEUE). */
const MESSAGE_HEADER = 48;
/**
 * Bytes of all queues together, whatever RLIMIT_MSGQUEUE a privileged guest gave itself: they are our memory.
 */
const TOTAL_BYTES = 64 * 1024 * 1024;

export interface PosixMessage {
  readonly priority: number;
  readonly text: Uint8Array;
}

/** mq_notify(3): who is told of a message that comes to the empty queue, once. */
interface Notification {
  readonly owner: ThreadGroup;
  /** Signal to send, 0: nothing but the registration (SIGEV_NONE). */
  readonly signo: number;
  readonly valueLo: number;
  readonly valueHi: number;
}

/** A POSIX message queue (mq_overview(7)): the inode its descriptions share. */
export class PosixQueue extends AnonInode {
  /** Highest priority first, those of the same in order of arrival. */
  readonly messages: PosixMessage[] = [];
  /** Who waits in mq_receive and mq_send, and in poll. */
  readonly receivers = new WaitQueue();
  readonly senders = new WaitQueue();
  readonly pollers = new WaitQueue();
  notification: Notification | null = null;
  /** Bytes of text queued. */
  bytes = 0;
  /** User whose RLIMIT_MSGQUEUE it counts against, and by how much. */
  account = -1;
  charge = 0;
  linked = true;
  opens = 0;

  constructor(
    fs: MqueueFs,
    private readonly queues: PosixQueues,
    readonly name: string,
    mode: number,
    task: Task,
    readonly maxMessages: number,
    readonly maxSize: number,
  ) {
    super(fs, S_IFREG | mode, task.cred.fsuid, task.cred.fsgid);
    // QSIZE:... as read(2) shows it.
    this.size = 80;
  }

  /** Queue a message for which there is room. */
  put(message: PosixMessage, sender: Task): void {
    let at = this.messages.length;
    while (at > 0 && this.messages[at - 1]!.priority < message.priority) at--;
    this.messages.splice(at, 0, message);
    this.bytes += message.text.length;
    if (this.messages.length === 1 && this.receivers.empty) this.notify(sender);
    this.receivers.wake(POLLIN);
    this.pollers.wake(POLLIN | POLLRDNORM);
  }

  take(): PosixMessage {
    const message = this.messages.shift()!;
    this.bytes -= message.text.length;
    this.senders.wake(POLLOUT);
    this.pollers.wake(POLLOUT | POLLWRNORM);
    return message;
  }

  private notify(sender: Task): void {
    const n = this.notification;
    if (!n) return;
    this.notification = null;
    if (n.signo === 0) return;
    const info = siginfo(n.signo, SI_MESGQ);
    info.pid = sender.group.pid;
    info.uid = sender.cred.uid;
    info.valueLo = n.valueLo;
    info.valueHi = n.valueHi;
    sender.kernel.signals.sendToProcess(n.owner, info);
  }

  /** `group` ends, or closes a description: its registration goes. */
  unregister(group: ThreadGroup | null): void {
    if (this.notification?.owner === group) this.notification = null;
  }

  /** Opened by its name in a mount of the file system. */
  override open(flags: number): File | number {
    return new MqFile(this, flags, this.queues.kernel);
  }

  /** The last description is closed. */
  closed(): void {
    if (!this.linked) this.queues.free(this);
  }
}

/** An open message queue. */
export class MqFile extends File {
  constructor(
    readonly queue: PosixQueue,
    flags: number,
    private readonly kernel: KernelCore,
  ) {
    super(queue, flags & (O_ACCMODE | O_NONBLOCK));
    queue.opens++;
  }

  override get waitQueue(): WaitQueue {
    return this.queue.pollers;
  }

  override poll(): number {
    const { messages, maxMessages } = this.queue;
    let mask = 0;
    if (messages.length > 0) mask |= POLLIN | POLLRDNORM;
    if (messages.length < maxMessages) mask |= POLLOUT | POLLWRNORM;
    return mask;
  }

  override get seekable(): boolean {
    return true;
  }

  /** What a program that reads a queue sees (mq_overview(7), "Mounting the message queue filesystem"). */
  override read(io: IoBuf, offset: number): number {
    const { bytes, notification: n } = this.queue;
    const pad = (value: number, width: number): string => String(value).padEnd(width);
    const text = `QSIZE:${pad(bytes, 10)} NOTIFY:${pad(n && n.signo === 0 ? 1 : 0, 5)} SIGNO:${pad(n?.signo ?? 0, 5)} NOTIFY_PID:${pad(n?.owner.pid ?? 0, 6)}\n`;
    const line = Buffer.from(text, 'latin1');
    return offset >= line.length ? 0 : io.put(line, offset, Math.min(io.remaining, line.length - offset));
  }

  override flush(): number {
    this.queue.unregister(this.kernel.current?.group ?? null);
    return 0;
  }

  override release(): void {
    if (--this.queue.opens === 0) this.queue.closed();
  }

  override get label(): string {
    return `/${this.queue.name}`;
  }
}

/** All POSIX message queues of a kernel, by name. */
export class PosixQueues {
  /** /proc/sys/fs/mqueue (mq_overview(7)). */
  readonly limits = {
    queues_max: 256,
    msg_max: 10,
    msg_default: 10,
    msgsize_max: 8192,
    msgsize_default: 8192,
  };
  private readonly byName = new Map<string, PosixQueue>();
  private readonly charges = new Map<number, number>();
  private total = 0;
  /** What a mount of type mqueue shows. */
  readonly fs: MqueueFs;

  constructor(readonly kernel: KernelCore) {
    this.fs = new MqueueFs(kernel, this);
    kernel.hooks.processExit.push((group) => {
      for (const queue of this.byName.values()) queue.unregister(group);
    });
  }

  get names(): IterableIterator<string> {
    return this.byName.keys();
  }
  named(name: string): PosixQueue | undefined {
    return this.byName.get(name);
  }

  /** Is it a name the file system could have? 0, EACCES, ENAMETOOLONG, ENOENT. */
  private static checkName(name: string): number {
    if (name === '') return -ENOENT;
    if (name.length > NAME_MAX) return -ENAMETOOLONG;
    return name.includes('/') || name === '.' || name === '..' ? -EACCES : 0;
  }

  /**
   * mq_open(3): an open description. `maxMessages` and `maxSize` are -1 when the caller gave none. EACCES,
   * EEXIST, EINVAL, EMFILE, ENAMETOOLONG, ENOENT, ENOSPC.
   */
  open(
    task: Task,
    name: string,
    flags: number,
    mode: number,
    maxMessages: number,
    maxSize: number,
  ): MqFile | number {
    const bad = PosixQueues.checkName(name);
    if (bad < 0) return bad;
    let queue = this.byName.get(name);
    if (queue) {
      if ((flags & (O_CREAT | O_EXCL)) === (O_CREAT | O_EXCL)) return -EEXIST;
      const access = accessOf(flags);
      if (access < 0) return access;
      const allowed = permission(queue, access, task.cred);
      if (allowed < 0) return allowed;
    } else {
      if ((flags & O_CREAT) === 0) return -ENOENT;
      const made = this.create(task, name, mode, maxMessages, maxSize);
      if (typeof made === 'number') return made;
      queue = made;
    }
    return new MqFile(queue, flags, this.kernel);
  }

  /** Make one that is not there: EINVAL, EMFILE, ENOSPC. */
  create(task: Task, name: string, mode: number, maxMessages: number, maxSize: number): PosixQueue | number {
    const privileged = task.cred.capable(CAP_SYS_RESOURCE);
    if (this.byName.size >= this.limits.queues_max && !privileged) return -ENOSPC;
    if (maxMessages === -1) {
      maxMessages = Math.min(this.limits.msg_max, this.limits.msg_default);
      maxSize = Math.min(this.limits.msgsize_max, this.limits.msgsize_default);
    } else {
      if (maxMessages <= 0 || maxSize <= 0) return -EINVAL;
      if (maxMessages > (privileged ? HARD_MSG_MAX : this.limits.msg_max)) return -EINVAL;
      if (maxSize > (privileged ? HARD_MSGSIZE_MAX : this.limits.msgsize_max)) return -EINVAL;
    }
    const bytes =
      maxMessages * (maxSize + MESSAGE_HEADER) + Math.min(maxMessages, MQ_PRIO_MAX) * MESSAGE_HEADER;
    const uid = task.cred.uid;
    const used = this.charges.get(uid) ?? 0;
    if (used + bytes > task.group.limits.soft[RLIMIT_MSGQUEUE]! || this.total + bytes > TOTAL_BYTES)
      return -EMFILE;
    const permissions = mode & 0o777 & ~task.fs.umask;
    const queue = new PosixQueue(this.fs, this, name, permissions, task, maxMessages, maxSize);
    queue.account = uid;
    queue.charge = bytes;
    this.charges.set(uid, used + bytes);
    this.total += bytes;
    this.byName.set(name, queue);
    return queue;
  }

  /** mq_unlink(3): EACCES, ENAMETOOLONG, ENOENT, EPERM. */
  unlink(task: Task, name: string): number {
    const bad = PosixQueues.checkName(name);
    if (bad < 0) return bad;
    const queue = this.byName.get(name);
    if (!queue) return -ENOENT;
    // The directory is root's, writable by all and sticky.
    if (task.cred.fsuid !== queue.uid && task.cred.fsuid !== 0 && !task.cred.capable(CAP_FOWNER))
      return -EPERM;
    this.remove(queue);
    return 0;
  }

  /** Its name goes. */
  remove(queue: PosixQueue): void {
    this.byName.delete(queue.name);
    queue.linked = false;
    queue.nlink = 0;
    if (queue.opens === 0) this.free(queue);
  }

  /** Neither name nor description is left. */
  free(queue: PosixQueue): void {
    const left = (this.charges.get(queue.account) ?? 0) - queue.charge;
    if (left > 0) this.charges.set(queue.account, left);
    else this.charges.delete(queue.account);
    this.total -= queue.charge;
    queue.charge = 0;
    queue.messages.length = 0;
  }
}

/** MAY_* bits of an access mode; EINVAL for the fourth. */
function accessOf(flags: number): number {
  switch (flags & O_ACCMODE) {
    case O_RDONLY:
      return MAY_READ;
    case O_WRONLY:
      return MAY_WRITE;
    case O_RDWR:
      return MAY_READ | MAY_WRITE;
    default:
      return -EINVAL;
  }
}

const instances = new Slot((ns: IpcNamespace) => new PosixQueues(ns.kernel));

/** POSIX message queues of a namespace. Needs `kernel.mountEnv`. */
export function mqueuesOf(ns: IpcNamespace): PosixQueues {
  return instances.of(ns);
}
