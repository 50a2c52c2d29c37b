import {
  EACCES,
  EINVAL,
  ENOTTY,
  ESRCH,
  O_RDWR,
  PIDFD_GET_CGROUP_NAMESPACE,
  PIDFD_GET_IPC_NAMESPACE,
  PIDFD_GET_MNT_NAMESPACE,
  PIDFD_GET_NET_NAMESPACE,
  PIDFD_GET_PID_FOR_CHILDREN_NAMESPACE,
  PIDFD_GET_PID_NAMESPACE,
  PIDFD_GET_TIME_FOR_CHILDREN_NAMESPACE,
  PIDFD_GET_TIME_NAMESPACE,
  PIDFD_GET_USER_NAMESPACE,
  PIDFD_GET_UTS_NAMESPACE,
  PIDFD_NONBLOCK,
  PIDFD_THREAD,
  POLLHUP,
  POLLIN,
  POLLRDNORM,
} from '@sandbox/abi';
import type { File, Inode, IoctlCaller, WaitQueue } from '@sandbox/vfs';
import { openNamespace } from '../ns/nsfs.js';
import { ptraceAccess } from '../task/access.js';
import type { Task } from '../task/task.js';
import { TASK_DEAD, TASK_ZOMBIE } from '../task/task-state.js';
import type { ThreadGroup } from '../task/thread-group.js';
import { AnonFile } from './anon-file.js';

/** What /proc/PID/ns calls the namespaces one can ask for. */
const NAMESPACES: ReadonlyMap<number, string> = new Map([
  [PIDFD_GET_CGROUP_NAMESPACE, 'cgroup'],
  [PIDFD_GET_IPC_NAMESPACE, 'ipc'],
  [PIDFD_GET_MNT_NAMESPACE, 'mnt'],
  [PIDFD_GET_NET_NAMESPACE, 'net'],
  [PIDFD_GET_PID_NAMESPACE, 'pid'],
  [PIDFD_GET_PID_FOR_CHILDREN_NAMESPACE, 'pid_for_children'],
  [PIDFD_GET_TIME_NAMESPACE, 'time'],
  [PIDFD_GET_TIME_FOR_CHILDREN_NAMESPACE, 'time_for_children'],
  [PIDFD_GET_USER_NAMESPACE, 'user'],
  [PIDFD_GET_UTS_NAMESPACE, 'uts'],
]);

/**
 * pidfd_open(2): refers to one process (or, with PIDFD_THREAD, one thread), also after its pid has been given
 * to another.
 */
export class PidfdFile extends AnonFile {
  protected override readonly kind = 'pidfd';
  readonly group: ThreadGroup;

  constructor(
    inode: Inode,
    readonly task: Task,
    /** It refers to the thread rather than to its process. */
    readonly isThread: boolean,
    flags: number,
  ) {
    super(inode, O_RDWR | (flags & PIDFD_NONBLOCK) | (isThread ? PIDFD_THREAD : 0));
    this.group = task.group;
  }

  /** Reaped: there is nothing any more to signal or wait for. */
  get isGone(): boolean {
    return this.isThread ? this.task.state === TASK_DEAD : this.group.leader.state === TASK_DEAD;
  }

  get hasExited(): boolean {
    return this.isThread ? this.task.state >= TASK_ZOMBIE : this.group.zombie;
  }

  /** Readable once the process (or thread) has ended, hung up once it has been waited for. */
  override poll(): number {
    if (this.isGone) return POLLIN | POLLRDNORM | POLLHUP;
    return this.hasExited ? POLLIN | POLLRDNORM : 0;
  }

  override get waitQueue(): WaitQueue {
    return this.group.exitQueue;
  }

  /** PIDFD_GET_*_NAMESPACE: a descriptor, or EINVAL (an argument), ESRCH (gone), EACCES, ENOTTY. */
  override ioctl(cmd: number, arg: number, caller: IoctlCaller): number {
    if (arg !== 0) return -EINVAL;
    if (this.isGone) return -ESRCH;
    const task = caller.task as Task;
    const target = this.isThread ? this.task : this.group.leader;
    if (ptraceAccess(task, target, false) < 0) return -EACCES;
    if (target.state >= TASK_ZOMBIE) return -ESRCH;
    const kind = NAMESPACES.get(cmd);
    return kind === undefined ? -ENOTTY : openNamespace(task, target, kind);
  }

  override get fdinfo(): string {
    if (this.isGone) return 'Pid:\t-1\nNSpid:\t-1\n';
    const { kernel } = this.group;
    const of = this.isThread ? this.task : this.group;
    const first = this.isThread ? this.task.tid : this.group.pid;
    const view = kernel.current?.pids ?? kernel.pids;
    const pid = view.numberOf(first, of);
    // Its numbers from the reader's namespace down to its own.
    const all = of.ids === null || pid === 0 ? [pid] : of.ids.slice(view.level);
    return `Pid:\t${pid}\nNSpid:\t${all.join('\t')}\n`;
  }
}

/** A new description for `task` or, unless `isThread`, its process. `flags`: PIDFD_NONBLOCK. */
export function pidfdFor(task: Task, isThread: boolean, flags: number): PidfdFile {
  return new PidfdFile(task.kernel.anonInode, task, isThread, flags);
}

/** The process a descriptor's file refers to, or null when it is no pidfd. */
export function asPidfd(file: File | null): PidfdFile | null {
  return file instanceof PidfdFile ? file : null;
}
