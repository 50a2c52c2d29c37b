import {
  EPOLLWRBAND,
  F_OWNER_PGRP,
  F_OWNER_PID,
  F_OWNER_TID,
  LANDLOCK_SCOPE_SIGNAL,
  POLL_ERR,
  POLL_HUP,
  POLL_IN,
  POLL_MSG,
  POLL_OUT,
  POLL_PRI,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLMSG,
  POLLOUT,
  POLLPRI,
  POLLRDBAND,
  POLLRDNORM,
  POLLWRNORM,
  S_IFIFO,
  SI_KERNEL,
  SIGIO,
  SIGURG,
} from '@sandbox/abi';
import {
  addReleaseListener,
  type File,
  type ReleaseListener,
  removeReleaseListener,
  WaitEntry,
  type Waiter,
} from '@sandbox/vfs';
import type { KernelCore } from '../../process/kernel/kernel-core.js';
import type { PidTable } from '../../process/kernel/pid-table.js';
import type { LandlockDomain } from '../../process/landlock/domain.js';
import { isScoped } from '../../process/landlock/scope.js';
import { type SigInfo, siginfo } from '../../process/signal/siginfo.js';
import type { Task } from '../../process/task/task.js';
import type { ThreadGroup } from '../../process/task/thread-group.js';

/** Who is signalled about a description (fcntl(2), "Managing signals"; Linux: struct fown_struct). */
export class FileSignals {
  /** F_OWNER_TID, F_OWNER_PID or F_OWNER_PGRP. */
  type: number = F_OWNER_PID;
  /** 0: nobody. */
  id = 0;
  /** The namespace `id` is a number of; null: the first. */
  pids: PidTable | null = null;
  /** Of whoever set the owner; his rights are checked when the signal is sent. */
  uid = 0;
  euid = 0;
  /**
   * What he was under, and his process, which hears from it in any case (landlock(7), LANDLOCK_SCOPE_SIGNAL).
   */
  private guard: LandlockDomain | null = null;
  private by: ThreadGroup | null = null;
  /** F_SETSIG; 0: SIGIO without details. */
  signal = 0;
  /** While O_ASYNC is set. */
  async: AsyncNotifier | null = null;

  /** `task` sets the owner. */
  setBy(task: Task, type: number, id: number): void {
    this.type = type;
    this.id = id;
    this.pids = task.pids;
    this.uid = task.cred.uid;
    this.euid = task.cred.euid;
    const { processes, tasks } = task.pids;
    const one = type === F_OWNER_PID ? processes.get(id) : type === F_OWNER_TID ? tasks.get(id)?.group : null;
    // A process that names itself needs no check later; a group is looked at member by member.
    this.guard = one === undefined || one === task.group ? null : task.cred.guard;
    this.by = this.guard === null ? null : task.group;
  }

  /** May a signal about the description reach `task` (sigio_perm, and scopes)? */
  reaches(task: Task): boolean {
    const c = task.cred;
    const { uid, euid } = this;
    if (euid !== 0 && euid !== c.suid && euid !== c.uid && uid !== c.suid && uid !== c.uid) return false;
    return task.group === this.by || !isScoped(this.guard, c.guard, LANDLOCK_SCOPE_SIGNAL);
  }
}

const owners = new WeakMap<File, FileSignals>();

/** The owner record of `file`, made when it has none. */
export function fileSignals(file: File): FileSignals {
  let s = owners.get(file);
  if (s === undefined) {
    s = new FileSignals();
    owners.set(file, s);
  }
  return s;
}

/** The owner record, if there is one. */
export function existingFileSignals(file: File): FileSignals | null {
  return owners.get(file) ?? null;
}

/**
 * O_ASYNC of one description: waits on its queue for good and signals the owner at each change (kill_fasync).
 */
class AsyncNotifier implements Waiter, ReleaseListener {
  nextListener: ReleaseListener | null = null;
  private readonly entry = new WaitEntry(this);

  constructor(
    private readonly kernel: KernelCore,
    private readonly signals: FileSignals,
    private readonly file: File,
    private readonly fd: number,
  ) {
    file.waitQueue?.add(this.entry, POLLIN | POLLOUT | POLLPRI | POLLERR | POLLHUP);
    addReleaseListener(file, this);
  }

  onWake(events: number): boolean {
    // A pipe end signals what concerns it: the reader bytes, the writer room.
    const ready = this.file.poll() & events;
    if (ready === 0) return false;
    // A pipe's end that goes is no hang-up to the other, but something to read, or an end to write to
    // (pipe_release).
    const isPipe = this.file.inode.type === S_IFIFO;
    const told = isPipe ? (this.file.readable ? POLLIN : POLLOUT) : ready;
    signalOwner(this.kernel, this.signals, this.fd, reason(told));
    return false;
  }

  onFileReleased(): void {
    this.entry.remove();
  }

  stop(): void {
    this.entry.remove();
    removeReleaseListener(this.file, this);
  }
}

/** Set or clear O_ASYNC. The caller changes the status flag. */
export function setAsync(kernel: KernelCore, file: File, fd: number, on: boolean): void {
  const s = fileSignals(file);
  if (on && s.async === null) s.async = new AsyncNotifier(kernel, s, file, fd);
  else if (!on && s.async !== null) {
    s.async.stop();
    s.async = null;
  }
}

/** Nobody owns the description's signals: the caller's process does from now on. */
export function ownByDefault(t: Task, file: File): void {
  const s = fileSignals(file);
  if (s.id !== 0) return;
  s.setBy(t, F_OWNER_PID, t.pidFor(t));
}

/**
 * Signal whoever owns a description, with `code` (POLL_IN and its kin) where F_SETSIG asked for details
 * (Linux: send_sigio).
 */
export function signalOwner(kernel: KernelCore, s: FileSignals, fd: number, code: number): void {
  if (s.id === 0) return;
  const info = siginfo(s.signal === 0 ? SIGIO : s.signal, SI_KERNEL);
  if (s.signal !== 0) {
    info.code = code;
    info.band = band(code);
    info.fd = fd;
  }
  sendToOwner(kernel, s, info);
}

/** Urgent data came: SIGURG for whoever owns the description (Linux: send_sigurg). */
export function signalUrgent(kernel: KernelCore, file: File): void {
  const s = existingFileSignals(file);
  if (s !== null && s.id !== 0) sendToOwner(kernel, s, siginfo(SIGURG, SI_KERNEL));
}

function sendToOwner(kernel: KernelCore, s: FileSignals, info: SigInfo): void {
  const pids = s.pids ?? kernel.pids;
  if (s.type === F_OWNER_TID) {
    const task = pids.tasks.get(s.id);
    if (task && s.reaches(task)) kernel.signals.sendToTask(task, info);
  } else if (s.type === F_OWNER_PID) {
    const group = pids.processes.get(s.id);
    if (group && group.tasks.length > 0 && s.reaches(group.leader)) kernel.signals.sendToProcess(group, info);
  } else if (s.type === F_OWNER_PGRP) {
    const pgrp = pids.groups.get(s.id);
    if (!pgrp) return;
    for (const group of pgrp.members) {
      if (group.tasks.length > 0 && s.reaches(group.leader)) kernel.signals.sendToProcess(group, { ...info });
    }
  }
}

function reason(ready: number): number {
  if (ready & POLLHUP) return POLL_HUP;
  if (ready & POLLERR) return POLL_ERR;
  if (ready & POLLPRI) return POLL_PRI;
  return ready & POLLIN ? POLL_IN : POLL_OUT;
}

function band(code: number): number {
  switch (code) {
    case POLL_IN:
      return POLLIN | POLLRDNORM;
    case POLL_OUT:
      return POLLOUT | POLLWRNORM | EPOLLWRBAND;
    case POLL_MSG:
      return POLLIN | POLLRDNORM | POLLMSG;
    case POLL_PRI:
      return POLLPRI | POLLRDBAND;
    case POLL_HUP:
      return POLLHUP | POLLERR;
    default:
      return POLLERR;
  }
}
