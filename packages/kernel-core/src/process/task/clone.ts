import {
  CAP_CHECKPOINT_RESTORE,
  CAP_SYS_ADMIN,
  CAP_SYS_RESOURCE,
  CLONE_CHILD_CLEARTID,
  CLONE_CHILD_SETTID,
  CLONE_DETACHED,
  CLONE_FILES,
  CLONE_FS,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWUSER,
  CLONE_PARENT,
  CLONE_PARENT_SETTID,
  CLONE_PIDFD,
  CLONE_PTRACE,
  CLONE_SETTLS,
  CLONE_SIGHAND,
  CLONE_THREAD,
  CLONE_UNTRACED,
  CLONE_VFORK,
  CLONE_VM,
  EAGAIN,
  EBADF,
  EEXIST,
  EFAULT,
  EINVAL,
  ENOMEM,
  ENOSYS,
  EPERM,
  ERESTARTNOINTR,
  PTRACE_EVENT_CLONE,
  PTRACE_EVENT_FORK,
  PTRACE_EVENT_VFORK,
  PTRACE_EVENT_VFORK_DONE,
  RLIMIT_NOFILE,
  RLIMIT_NPROC,
  SIGCHLD,
  SS_DISABLE,
  USER_REGS,
} from '@sandbox/abi';
import { type Context, HostCallError } from '@sandbox/platform';
import { MAY_WRITE, permission } from '@sandbox/vfs';
import { BLOCKED } from '../../call/result.js';
import type { MemoryManager } from '../../mm/memory-manager.js';
import type { Limits } from '../../mm/rlimits.js';
import { mayAttach } from '../cgroup/attach.js';
import type { Cgroup } from '../cgroup/cgroup.js';
import type { Cred } from '../cred/cred.js';
import { pidfdFor } from '../files/pidfd.js';
import type { PidTable } from '../kernel/pid-table.js';
import { OWN_PERM, ownKeyring } from '../keys/process-keys.js';
import { QUOTA_OVERRUN } from '../keys/registry.js';
import { ringsOfProcess } from '../keys/rings.js';
import { joinClocks } from '../loader/vdso-mapping.js';
import { announce, announceOnly } from '../memory/announce.js';
import { inOwnTime, makeNamespaces, type NewNamespaces } from '../ns/make.js';
import { attachChild } from '../ptrace/attach.js';
import { STAGE_HANDLER } from '../ptrace/stages.js';
import { eventStop } from '../ptrace/stop.js';
import { wantsEvent } from '../ptrace/tracee.js';
import { setReg } from '../signal/frame.js';
import { SharedSignals } from '../signal/signal-state.js';
import { Task } from './task.js';
import { ThreadGroup } from './thread-group.js';
import { virtualCpusOf } from './virtual-cpus.host.js';

/** TASK_SIZE_MAX of x86-64 with four-level tables: TLS bases lie below. */
export const TASK_SIZE_MAX = 0x7ffffffff000;

/** What clone, clone3, fork and vfork ask for (Linux: struct kernel_clone_args). */
export interface CloneRequest {
  /** CLONE_* without the exit signal. */
  flags: number;
  /** CLONE_CLEAR_SIGHAND, whose bit lies above 32. */
  clearSighand: boolean;
  exitSignal: number;
  /** New stack pointer, 0: the caller's. */
  stack: number;
  tls: number;
  pidfd: number;
  parentTid: number;
  childTid: number;
  /** Wanted ids, from the child's namespace upwards; those above get any (set_tid of clone3). */
  setTid: readonly number[];
  /** CLONE_INTO_CGROUP: a descriptor of the group's directory; -1: the parent's group. */
  cgroup: number;
}

/**
 * Create a thread or process (clone(2)). Its tid in the caller, BLOCKED for CLONE_VFORK (see `waitForVfork`),
 * or: EINVAL (flags that do not go together), ERESTARTNOINTR (a signal is taken first), EAGAIN (limits),
 * EPERM (namespaces, a TLS base outside user space), EEXIST (set_tid in use), EMFILE (pidfd), EFAULT (pidfd),
 * ENOMEM.
 */
export function cloneTask(task: Task, req: CloneRequest): number {
  let r = checkFlags(req.flags);
  if (r < 0) return r;
  // Signals sent so far reach the parent alone, before there is a child.
  if (task.signals.work) return -ERESTARTNOINTR;
  r = checkLimits(task);
  if (r < 0) return r;
  r = checkPidNamespace(task, req.flags);
  if (r < 0) return r;
  const spaces = makeNamespaces(task, req.flags);
  if (typeof spaces === 'number') return spaces;
  if ((req.flags & CLONE_SETTLS) !== 0 && req.tls >= TASK_SIZE_MAX) return -EPERM;
  const pids = (req.flags & CLONE_THREAD) !== 0 ? task.pids : spaces.ns.pidForChildren;
  const numbers = chooseNumbers(task.cred, pids, req.setTid);
  if (typeof numbers === 'number') return numbers;
  const cgroup = cgroupOfChild(task, req);
  if (typeof cgroup === 'number') return cgroup;
  const memory = tryCopyMemory(task, req.flags);
  if (typeof memory === 'number') return memory;
  const child = makeTask(task, req, { numbers, pids, spaces, cgroup }, memory);
  if ((req.flags & CLONE_PIDFD) !== 0) {
    r = installPidfd(task, req, child);
    if (r < 0) {
      abandon(child);
      announceOnly(task.mm);
      return r;
    }
  }
  r = start(task, req, child);
  if (r !== BLOCKED) return announce(task, r);
  // It waits for its child or its tracer, and not for whoever serves faults as well.
  announceOnly(task.mm);
  return r;
}

/** Combinations the kernel refuses, in its order. */
function checkFlags(flags: number): number {
  if ((flags & CLONE_NEWNS) !== 0 && (flags & CLONE_FS) !== 0) return -EINVAL;
  if ((flags & CLONE_NEWUSER) !== 0 && (flags & CLONE_FS) !== 0) return -EINVAL;
  if ((flags & CLONE_THREAD) !== 0 && (flags & CLONE_SIGHAND) === 0) return -EINVAL;
  if ((flags & CLONE_SIGHAND) !== 0 && (flags & CLONE_VM) === 0) return -EINVAL;
  if ((flags & CLONE_THREAD) !== 0 && (flags & (CLONE_NEWUSER | CLONE_NEWPID)) !== 0) return -EINVAL;
  if ((flags & CLONE_PIDFD) !== 0 && (flags & CLONE_DETACHED) !== 0) return -EINVAL;
  return 0;
}

/**
 * A task whose children go to another namespace than its own has no threads and no siblings (copy_process).
 */
function checkPidNamespace(task: Task, flags: number): number {
  const { init } = task.pids;
  // Nobody would adopt a sibling of process 1.
  if ((flags & CLONE_PARENT) !== 0 && (task.group.unkillable || init === task.group)) return -EINVAL;
  const elsewhere = task.nsSet.pidForChildren !== task.pids;
  if ((flags & CLONE_THREAD) !== 0 && ((flags & (CLONE_NEWUSER | CLONE_NEWPID)) !== 0 || elsewhere))
    return -EINVAL;
  return 0;
}

/** RLIMIT_NPROC of the user, and the limit of the sandbox. */
function checkLimits(task: Task): number {
  const { kernel, cred } = task;
  const { tasks } = kernel.pids;
  if (tasks.size >= kernel.limits.processes) return -EAGAIN;
  const limit = task.group.limits.soft[RLIMIT_NPROC];
  if (cred.uid === 0 || tasks.size < limit) return 0;
  if (cred.capable(CAP_SYS_RESOURCE) || cred.capable(CAP_SYS_ADMIN)) return 0;
  let mine = 0;
  for (const t of tasks.values()) if (t.cred.uid === cred.uid) mine++;
  return mine >= limit ? -EAGAIN : 0;
}

/**
 * The group of a new task: -EBADF, -ENOENT (no group is there), what moving it there says, -EAGAIN
 * (pids.max).
 */
function cgroupOfChild(task: Task, req: CloneRequest): Cgroup | number {
  const { cgroups } = task.kernel;
  let { cgroup } = task;
  if (req.cgroup >= 0) {
    const { files } = cgroups;
    if (files === null) return -EBADF;
    const to = files.groupOf(task.files.get(req.cgroup));
    if (typeof to === 'number') return to;
    const mover = {
      cred: task.cred,
      root: task.nsSet.cgroup.root,
      procsFile: files.procsFile,
    };
    const e =
      permission(files.procsFile(to), MAY_WRITE, task.cred) ||
      mayAttach(cgroups, mover, cgroup, to, (req.flags & CLONE_THREAD) !== 0);
    if (e !== 0) return e;
    cgroup = to;
  }
  return cgroups.mayFork(cgroup) || cgroup;
}

/** Numbers of a new task: in the first namespace, and by level in all it is in (null: only that one). */
export interface Numbers {
  tid: number;
  ids: number[] | null;
}

/**
 * A number in each namespace the child will be in (alloc_pid). -EAGAIN, -EINVAL, -EPERM, -EEXIST (set_tid),
 * -ENOMEM (the namespace has ended).
 */
export function chooseNumbers(cred: Cred, pids: PidTable, wanted: readonly number[]): Numbers | number {
  if (wanted.length > pids.level + 1) return -EINVAL;
  if (pids.ended) return -ENOMEM;
  const ids: number[] = [];
  for (let ns: PidTable | null = pids; ns !== null; ns = ns.parent) {
    const depth = pids.level - ns.level;
    const id = depth < wanted.length ? takeTid(cred, ns, wanted[depth]!) : anyTid(ns);
    if (id < 0) return id;
    ids[ns.level] = id;
  }
  // Process 1 comes first.
  if (pids.parent !== null && pids.init === null && ids[pids.level] !== 1) return -ENOMEM;
  return { tid: ids[0]!, ids: pids.parent === null ? null : ids };
}

function anyTid(pids: PidTable): number {
  const tid = pids.allocate();
  return tid < 0 ? -EAGAIN : tid;
}

/** A number asked for: whoever restores processes may choose. */
function takeTid(cred: Cred, pids: PidTable, wanted: number): number {
  if (wanted < 1 || wanted >= pids.max) return -EINVAL;
  const first = pids.parent !== null && pids.init === null;
  if (first && wanted !== 1) return -EINVAL;
  const { userNs } = pids;
  if (!cred.capableIn(userNs, CAP_CHECKPOINT_RESTORE) && !cred.capableIn(userNs, CAP_SYS_ADMIN))
    return -EPERM;
  return pids.isFree(wanted) ? wanted : -EEXIST;
}

/**
 * What a child gets of its parent's memory: the context it runs in, the memory, and (for a process) its
 * limits.
 */
interface ChildMemory {
  context: Context;
  mm: MemoryManager;
  limits: Limits;
}

/**
 * The host may be out of processes or memory: that is EAGAIN or ENOMEM for the guest, not the end of the
 * sandbox.
 */
function tryCopyMemory(task: Task, flags: number): ChildMemory | number {
  try {
    return copyMemory(task, flags);
  } catch (error) {
    if (!(error instanceof HostCallError)) throw error;
    if (error.errno !== EAGAIN && error.errno !== ENOMEM) throw error;
    return -error.errno;
  }
}

/**
 * The child's context and memory: a further context of the same address space, or a copy-on-write copy. For
 * the copy the parent's writable private pages are made read-only first (`prepareFork`), then the platform
 * copies what is mapped, then the books.
 */
function copyMemory(task: Task, flags: number): ChildMemory {
  const { mm, group } = task;
  const limits = (flags & CLONE_THREAD) !== 0 ? group.limits : group.limits.clone();
  if ((flags & CLONE_VM) !== 0) {
    const context = task.context.clone();
    mm.users++;
    return { context, mm, limits };
  }
  mm.prepareFork();
  const context = task.context.fork();
  return { context, mm: mm.fork(context.addressSpace, limits), limits };
}

/** Where a child lives: its numbers, its pid namespace, its credentials and other namespaces. */
interface Place {
  readonly numbers: Numbers;
  readonly pids: PidTable;
  readonly spaces: NewNamespaces;
  readonly cgroup: Cgroup;
}

function makeTask(parent: Task, req: CloneRequest, place: Place, memory: ChildMemory): Task {
  const { kernel } = parent;
  const { numbers, pids, spaces } = place;
  const { tid } = numbers;
  const { context, mm } = memory;
  const { flags } = req;
  const isThread = (flags & CLONE_THREAD) !== 0;
  const group = isThread ? parent.group : makeProcess(parent, req, place, memory.limits);
  const files = (flags & CLONE_FILES) !== 0 ? parent.files : parent.files.clone();
  if (files === parent.files) files.users++;
  const fs = (flags & CLONE_FS) !== 0 ? parent.fs.acquire() : parent.fs.clone();
  if ((flags & CLONE_NEWNS) !== 0) {
    kernel.vfs.unshareNamespace(fs);
    kernel.namespaces.ownMounts(fs.namespace, spaces.cred.userNs);
  }
  const child = new Task(
    kernel,
    tid,
    group,
    context,
    mm,
    files,
    fs,
    credOfChild(parent, spaces.cred, isThread),
  );
  child.pids = pids;
  child.ids = numbers.ids;
  // With its parent's memory it has its parent's time, until it calls execve.
  child.nsSet = mm === parent.mm ? spaces.ns : inOwnTime(spaces.ns);
  child.nsSet.net.hold();
  if (mm !== parent.mm) {
    mm.limits = group.limits;
    if (child.nsSet.time !== parent.nsSet.time) joinClocks(mm, kernel.vdso, child.nsSet.time);
  }
  child.comm = parent.comm;
  child.personality = parent.personality;
  child.attributes.inherit(parent.attributes);
  if (parent.seccompMode !== 0) child.setSeccomp(parent.seccompMode, parent.seccomp);
  child.signals.blocked.copyFrom(parent.signals.blocked);
  copyAltStack(parent, child, flags);
  // Another thread of the same memory needs an area of its own.
  if ((flags & CLONE_VM) === 0 && parent.rseq !== null) {
    child.rseq = parent.rseq.inherit(child, virtualCpusOf(kernel, mm));
  }
  if ((flags & CLONE_CHILD_CLEARTID) !== 0) child.clearChildTid = req.childTid;
  if (!isThread) group.leader = child;
  group.tasks.push(child);
  setRegisters(context, req);
  pids.addTask(child);
  child.cgroup = place.cgroup;
  kernel.cgroups.begin(child);
  return child;
}

/**
 * The credentials of a new thread or process: its parent's, but for keyrings that are one thread's or one
 * process's.
 */
function credOfChild(parent: Task, cred: Cred, isThread: boolean): Cred {
  let keys = cred.keys;
  if (!isThread) keys = ringsOfProcess(keys);
  else if (keys.thread !== null) {
    // One that has a keyring of its own is followed by threads that have.
    const thread = ownKeyring(parent, '_tid', OWN_PERM, QUOTA_OVERRUN);
    keys = { ...keys, thread: typeof thread === 'number' ? null : thread };
  }
  if (keys === cred.keys) return cred;
  const own = cred.clone();
  own.keys = keys;
  return own;
}

/**
 * A thread that shares the stack's memory must not use the parent's alternate stack; a vfork child may, its
 * parent sleeps.
 */
function copyAltStack(parent: Task, child: Task, flags: number): void {
  const from = parent.signals;
  const to = child.signals;
  if ((flags & (CLONE_VM | CLONE_VFORK)) === CLONE_VM) {
    to.altFlags = SS_DISABLE;
    return;
  }
  to.altSp = from.altSp;
  to.altSize = from.altSize;
  to.altFlags = from.altFlags;
}

function setRegisters(context: Context, req: CloneRequest): void {
  context.setResult(0, 0);
  const tls = (req.flags & CLONE_SETTLS) !== 0;
  if (req.stack === 0 && !tls) return;
  const regs = context.regs();
  if (req.stack !== 0) setReg(regs, USER_REGS.rsp * 2, req.stack);
  if (tls) setReg(regs, USER_REGS.fs_base * 2, req.tls);
  context.touchRegs();
}

function makeProcess(task: Task, req: CloneRequest, place: Place, limits: Limits): ThreadGroup {
  const { kernel, group } = task;
  const { numbers, pids } = place;
  const pid = numbers.tid;
  const sibling = (req.flags & CLONE_PARENT) !== 0;
  let handlers = group.signals.handlers;
  if ((req.flags & CLONE_SIGHAND) === 0) handlers = handlers.clone();
  if (req.clearSighand) handlers.flush();
  const parent = sibling ? group.parent : group;
  const child = new ThreadGroup(kernel, pid, parent, limits, new SharedSignals(handlers));
  child.origin = group.origin;
  child.container = group.container;
  child.creator = sibling ? group.creator : task;
  child.exitSignal = sibling ? group.exitSignal : req.exitSignal;
  child.dumpable = group.dumpable;
  child.droppedTty = group.droppedTty;
  child.exePath = group.exePath;
  child.oomScoreAdj = group.oomScoreAdj;
  parent?.children.push(child);
  group.processGroup.add(child);
  child.pids = pids;
  child.ids = numbers.ids;
  if (pids.parent !== null && pids.init === null) {
    pids.init = child;
    child.unkillable = true;
  }
  pids.addProcess(child);
  return child;
}

function installPidfd(task: Task, req: CloneRequest, child: Task): number {
  const file = pidfdFor(child, (req.flags & CLONE_THREAD) !== 0, 0);
  const fd = task.files.install(file, true, task.group.limits.soft[RLIMIT_NOFILE]);
  if (fd < 0) return fd;
  if (task.mm.store32(req.pidfd, fd) !== 0) {
    task.files.close(fd);
    return -EFAULT;
  }
  return fd;
}

/** Undo `makeTask`: the child never ran and nobody heard of it. */
function abandon(child: Task): void {
  const { group } = child;
  child.pids.removeTask(child);
  child.kernel.cgroups.unbegin(child);
  group.tasks.splice(group.tasks.indexOf(child), 1);
  if (--child.files.users === 0) child.files.closeAll();
  child.fs.release();
  child.markZombie();
  child.markDead();
  child.mm.dropUser();
  if (group.leader !== child) return;
  const siblings = group.parent?.children;
  if (siblings) siblings.splice(siblings.indexOf(group), 1);
  group.zombie = true;
  group.processGroup.remove(group);
  group.pids.removeProcess(group);
  if (group.pids.init === group) group.pids.ended = true;
}

/** The PTRACE_EVENT a tracer of `task` gets for this child, 0 for none. */
function traceEvent(task: Task, req: CloneRequest): number {
  if (task.tracee === null || (req.flags & CLONE_UNTRACED) !== 0) return 0;
  let event = PTRACE_EVENT_CLONE;
  if ((req.flags & CLONE_VFORK) !== 0) event = PTRACE_EVENT_VFORK;
  else if ((req.flags & CLONE_THREAD) === 0 && req.exitSignal === SIGCHLD) event = PTRACE_EVENT_FORK;
  return wantsEvent(task, event) ? event : 0;
}

function start(task: Task, req: CloneRequest, child: Task): number {
  const { flags } = req;
  const event = traceEvent(task, req);
  if (event !== 0 || (flags & CLONE_PTRACE) !== 0) attachChild(task, child);
  // Bad addresses are let pass: the child exists already.
  if ((flags & CLONE_CHILD_SETTID) !== 0) child.mm.store32(req.childTid, child.ownTid);
  if ((flags & CLONE_PARENT_SETTID) !== 0) task.mm.store32(req.parentTid, child.tidFor(task));
  if (child.group.leader === child) task.kernel.reporter.processStarted(child.group);
  for (const watcher of task.kernel.hooks.watchers) watcher.forked?.(child);
  const vfork = (flags & CLONE_VFORK) !== 0;
  if (!vfork && event === 0) {
    child.returnToUser();
    return child.tidFor(task);
  }
  if (vfork) child.vforkParent = task;
  task.wait.data = child;
  task.wait.progress = child.tidFor(task);
  child.returnToUser();
  if (event !== 0) {
    task.context.setResult(-ENOSYS >>> 0, 0xffffffff);
    eventStop(task, event, child.tidFor(task.tracee!.tracer), STAGE_HANDLER);
    return BLOCKED;
  }
  return waitForVfork(task);
}

/**
 * CLONE_VFORK: the caller sleeps until the child calls execve or exits. Only the end of its own process lets
 * it go earlier; other signals and stops wait. Called again for each wake-up.
 */
export function waitForVfork(task: Task): number {
  const child = task.wait.data as Task;
  if (child.vforkParent === task) {
    if (!task.signals.exiting) return BLOCKED;
    child.vforkParent = null;
  } else if (child.vforkEnded && wantsEvent(task, PTRACE_EVENT_VFORK_DONE)) {
    child.vforkEnded = false;
    eventStop(task, PTRACE_EVENT_VFORK_DONE, child.tidFor(task.tracee!.tracer), STAGE_HANDLER);
    return BLOCKED;
  }
  return task.wait.progress;
}

/** Is this run of a clone handler the continuation of a CLONE_VFORK? */
export function inVfork(task: Task): boolean {
  return task.wait.round > 0 && task.wait.data instanceof Task;
}
