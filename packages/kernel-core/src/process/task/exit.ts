import {
  CLD_DUMPED,
  CLD_EXITED,
  CLD_KILLED,
  CLD_STOPPED,
  EAGAIN,
  POLLHUP,
  POLLIN,
  PTRACE_EVENT_EXIT,
  PTRACE_O_EXITKILL,
  SA_NOCLDWAIT,
  SIGCHLD,
  SIGCONT,
  SIGHUP,
  SIGKILL,
  WCOREFLAG,
} from '@sandbox/abi';
import { BLOCKED } from '../../call/result.js';
import { exitRobustList } from '../futex/robust-list.js';
import { unlink } from '../ptrace/attach.js';
import { STAGE_DELIVER } from '../ptrace/stages.js';
import { eventStop } from '../ptrace/stop.js';
import { removeLink, wantsEvent } from '../ptrace/tracee.js';
import { leaveGroupStop, notifyParent } from '../signal/job-control.js';
import { type SigInfo, siginfo, userSiginfo } from '../signal/siginfo.js';
import { SIG_IGN } from '../signal/signal-state.js';
import { isValidSignal } from '../signal/sigset.js';
import { withdrawGroupAnswers } from './answers.js';
import { disassociateTty } from './controlling-tty.js';
import { processSystemTime, processUserTime, taskSystemTime, taskUserTime, toTicks } from './cputime.js';
import { addIo } from './io-accounting.js';
import { peakRss } from './rusage.js';
import type { ProcessGroup } from './session.js';
import type { Task } from './task.js';
import { TASK_STOPPED, TASK_TRACED, TASK_ZOMBIE } from './task-state.js';
import type { ThreadGroup } from './thread-group.js';

/**
 * A thread ends (Linux: do_exit). `status` is a wait status word (wait(2)). The task must not run: it is in
 * the kernel, or its context was lost. With the last thread the process ends: children go to a new parent,
 * the parent is told.
 */
export function exitTask(task: Task, status: number): void {
  if (task.state >= TASK_ZOMBIE) return;
  const { kernel, group } = task;
  const state = task.signals;
  state.exiting = true;
  state.work = true;
  task.exitCode = status;
  if (!group.exiting) kernel.signals.retarget(task, ~state.blocked.lo, ~state.blocked.hi);
  if (leaveGroupStop(task)) notifyParent(group, CLD_STOPPED, group.signals.stopSignal);
  kernel.tracer?.exited(task, status);
  const last = group.tasks.length === 1 && group.tasks[0] === task;
  for (const watcher of kernel.hooks.watchers) watcher.exiting?.(task, last);
  for (const hook of kernel.hooks.taskExit) hook(task);
  if (last && group.pids.init === group) endNamespace(group);
  if (last) for (const hook of kernel.hooks.processExit) hook(group, task);
  releaseUserState(task);
  releaseFiles(task);
  leaveNet(task);
  bookUsage(task);
  group.tasks.splice(group.tasks.indexOf(task), 1);
  kernel.cgroups.exited(task);
  task.markZombie();
  task.seccomp?.release(kernel.pids.tasks.values());
  task.mm.dropUser();
  kernel.signals.taskGone(task);
  leaveChildren(task);
  tracerExits(task);
  if (task !== group.leader) {
    if (task.tracee === null) releaseThread(task);
    else {
      group.unreaped++;
      notifyTracerOfExit(task);
    }
  }
  if (group.tasks.length === 0) lastThreadLeft(group, status);
  else group.exitQueue.wake(POLLIN);
  for (const watcher of kernel.hooks.watchers) watcher.exited?.(task, status);
}

/** A thread leaves for good, unless its tracer is to see it go first (PTRACE_EVENT_EXIT). */
export function endThread(task: Task, status: number): void {
  const { tracee } = task;
  if (tracee !== null && !tracee.exitReported && wantsEvent(task, PTRACE_EVENT_EXIT)) {
    tracee.exitReported = true;
    task.exitCode = status;
    task.signals.exiting = true;
    task.signals.work = true;
    eventStop(task, PTRACE_EVENT_EXIT, status, STAGE_DELIVER);
    return;
  }
  exitTask(task, status);
}

function releaseThread(task: Task): void {
  task.pids.removeTask(task);
  task.kernel.cgroups.released(task);
  task.markDead();
}

/** No thread runs any more. The process has ended once tracers have seen all its other threads end. */
function lastThreadLeft(group: ThreadGroup, status: number): void {
  if (!group.exiting) {
    // The last thread to leave speaks for the process (synchronize_group_exit).
    group.exiting = true;
    group.exitStatus = status;
  }
  if (group.unreaped === 0) endUnlessInit(group);
}

/**
 * Process 1 of a pid namespace takes all of it along, and its own end waits for that (zap_pid_ns_processes).
 */
function endUnlessInit(group: ThreadGroup): void {
  const { pids } = group;
  if (pids.init === group && pids.processes.size > 1) return;
  endProcess(group);
}

function endNamespace(group: ThreadGroup): void {
  const { pids } = group;
  pids.ended = true;
  if (pids.rebootSignal !== 0) {
    group.exiting = true;
    group.exitStatus = pids.rebootSignal;
  }
  for (const other of [...pids.processes.values()]) if (other !== group) exitGroup(other, SIGKILL);
}

/** A traced thread other than the leader, which has ended, was waited for or is traced no more. */
function traceeGone(task: Task): void {
  const { group } = task;
  releaseThread(task);
  group.unreaped--;
  if (group.tasks.length === 0 && group.unreaped === 0) endUnlessInit(group);
}

/** The tracer ends: its tracees are let go, or killed when they were to be (exit_ptrace). */
function tracerExits(tracer: Task): void {
  for (const task of tracer.tracees.slice()) {
    if (task.state >= TASK_ZOMBIE) {
      unlinkEnded(task);
      continue;
    }
    const kill = (task.tracee!.options & PTRACE_O_EXITKILL) !== 0;
    task.detachSignal = 0;
    unlink(task);
    if (kill) exitGroup(task.group, SIGKILL);
  }
}

/** Nobody traces the ended `task` any more. */
function unlinkEnded(task: Task): void {
  const { group } = task;
  const { tracer } = task.tracee!;
  removeLink(task);
  if (task !== group.leader) {
    if (task.state === TASK_ZOMBIE) traceeGone(task);
    return;
  }
  if (!group.zombie || task.state !== TASK_ZOMBIE) return;
  // Its parent learns of the end only now, if the tracer was another.
  if (group.parent !== tracer.group && notifyOfExit(group)) reap(group);
}

/** SIGCHLD for the tracer of an ended thread; one that ignores it lets it go at once. */
function notifyTracerOfExit(task: Task): void {
  const { tracer } = task.tracee!;
  const info = exitInfo(task, SIGCHLD, task.tid, task.exitCode);
  if (tellOfExit(tracer.group, SIGCHLD, info)) unlinkEnded(task);
}

/**
 * All threads of a process are to end (exit_group(2), a fatal signal). Each does so when it next comes by;
 * the caller's own by `exitTask`.
 */
export function exitGroup(group: ThreadGroup, status: number): void {
  if (group.exiting) return;
  group.exiting = true;
  group.exitStatus = status;
  group.signals.stopCount = 0;
  for (const t of group.tasks) endSoon(t);
}

/** Have a thread exit at its next return to the guest, whatever it does now. */
function endSoon(task: Task): void {
  const state = task.signals;
  state.stopPending = false;
  state.exiting = true;
  state.work = true;
  if (task.state === TASK_STOPPED) task.continueFromStop();
  else if (task.state === TASK_TRACED) {
    // It may stop once more, to show that it ends.
    if (task.stage !== STAGE_DELIVER || task.tracee?.exitReported !== true || task.group.exiting) {
      task.stage = STAGE_DELIVER;
      task.untrap();
    }
  } else task.kick();
}

/**
 * execve: end all other threads and become the leader (Linux: de_thread). 0 when this thread is alone;
 * BLOCKED when others are on their way out (to be returned by the handler, which runs again); -EAGAIN when
 * the process is ending, or another thread does the same.
 */
export function killOtherThreads(task: Task): number {
  const group = task.group;
  if (group.exiting || task.signals.exiting) return -EAGAIN;
  if (group.execTask !== null && group.execTask !== task) return -EAGAIN;
  if (group.tasks.length > 1) {
    group.execTask = task;
    for (const t of group.tasks) if (t !== task && !t.signals.exiting) endSoon(t);
    task.wait.on(group.exitQueue, POLLIN);
    return BLOCKED;
  }
  group.execTask = null;
  if (group.leader !== task) becomeLeader(task);
  group.exitSignal = SIGCHLD;
  return 0;
}

function becomeLeader(task: Task): void {
  const group = task.group;
  const old = group.leader;
  task.formerTid = task.tid;
  task.pids.removeTask(task);
  task.tid = group.pid;
  task.ids = group.ids;
  task.startTime = old.startTime;
  if (old.tracee !== null) removeLink(old);
  task.kernel.cgroups.released(old);
  old.markDead();
  group.leader = task;
  task.pids.addTask(task);
}

/**
 * The thread stops using its memory, by exit or execve (Linux: mm_release): locks it holds are marked, its
 * tid word is cleared and woken, a vfork parent goes on.
 */
export function releaseUserState(task: Task): void {
  const { dead } = task.group;
  dead.maxrss = Math.max(dead.maxrss, peakRss(task));
  task.rseq?.leave();
  task.rseq = null;
  exitRobustList(task);
  const addr = task.clearChildTid;
  task.clearChildTid = 0;
  // With nobody else to see it, the word is left alone.
  if (addr !== 0 && task.mm.users > 1 && task.mm.store32(addr, 0) === 0) {
    task.kernel.futexes.wakeAddress(task, addr, 1);
  }
  const parent = task.vforkParent;
  if (parent) {
    task.vforkParent = null;
    task.vforkEnded = true;
    parent.wakeUp();
  }
}

function releaseFiles(task: Task): void {
  if (--task.files.users === 0) task.files.closeAll();
  task.fs.release();
}

/** Add what the thread used to its process's account. */
function bookUsage(task: Task): void {
  const { group } = task;
  group.deadUtime += taskUserTime(task);
  group.deadStime += taskSystemTime(task);
  group.dead.minflt += task.minflt;
  group.dead.majflt += task.majflt;
  group.dead.nvcsw += task.nvcsw;
  group.dead.nivcsw += task.nivcsw;
  group.dead.elapsed += task.kernel.clock.monotonic() - task.startTime;
  addIo(group.pastIo, task.io);
}

/**
 * Children this thread created pass to another thread of the process, or to a new process; those who asked
 * get their signal (PR_SET_PDEATHSIG).
 */
function leaveChildren(task: Task): void {
  const group = task.group;
  const ending = group.tasks.length === 0;
  if (group.children.length === 0) return;
  const reaper = ending ? findReaper(group) : group;
  const heir = ending ? (reaper?.tasks[0] ?? null) : group.tasks[0];
  for (const child of group.children.slice()) {
    if (child.creator !== task && !ending) continue;
    child.creator = heir;
    if (ending) setParent(child, reaper);
    for (const t of child.tasks.slice()) {
      if (t.pdeathsig === 0) continue;
      const info = userSiginfo(t.pdeathsig, group.pid, task.cred.uid);
      task.kernel.signals.sendToProcess(child, info);
    }
    if (ending) adopted(child, group);
  }
}

function setParent(child: ThreadGroup, parent: ThreadGroup | null): void {
  const old = child.parent;
  if (old) old.children.splice(old.children.indexOf(child), 1);
  child.parent = parent;
  withdrawGroupAnswers(child);
  parent?.children.push(child);
}

/**
 * A child has a new parent: an ended one is reported again, and its process group may have lost its last link
 * to a shell.
 */
function adopted(child: ThreadGroup, former: ThreadGroup): void {
  child.exitSignal = SIGCHLD;
  if (child.zombie) {
    if (notifyOfExit(child)) reap(child);
    return;
  }
  hangUpOrphans(child, former, null);
}

/** Who takes the orphans: the nearest ancestor that is a subreaper (PR_SET_CHILD_SUBREAPER), else pid 1. */
function findReaper(group: ThreadGroup): ThreadGroup | null {
  const { pids } = group;
  // Of a namespace's own process 1 what it leaves behind is the sandbox's.
  const init = pids.init === null || pids.init === group || pids.ended ? group.kernel.init : pids.init;
  for (let p = group.parent; p && p !== init && p.pids === pids; p = p.parent) {
    if (p.childSubreaper && p.tasks.length > 0 && !p.exiting) return p;
  }
  return init;
}

/** All threads are gone; `exitStatus` is set. */
function endProcess(group: ThreadGroup): void {
  const { kernel } = group;
  if (group.session.leader === group) leaveSession(group);
  if (group.parent) hangUpOrphans(group, group.parent, group);
  group.zombie = true;
  kernel.signals.processGone(group);
  const autoreap = notifyOfExit(group);
  group.exitQueue.wake(POLLIN);
  group.onExit?.(group.exitStatus);
  kernel.reporter.processExited(group);
  if (autoreap) reap(group);
}

/**
 * The session leader is gone: the terminal's foreground hears SIGHUP, the session has no terminal any more
 * (credentials(7), tty_ioctl(4)).
 */
function leaveSession(group: ThreadGroup): void {
  disassociateTty(group, true);
  group.session.leader = null;
}

/**
 * When a process group loses its last parent in the session and has stopped members, it gets SIGHUP and
 * SIGCONT (POSIX, "orphaned process group").
 */
function hangUpOrphans(group: ThreadGroup, parent: ThreadGroup, ignore: ThreadGroup | null): void {
  const pgrp = group.processGroup;
  if (!parent.leader || parent.processGroup === pgrp || parent.session !== group.session) return;
  if (!hasStopped(pgrp) || !pgrp.isOrphaned(ignore)) return;
  group.kernel.signals.kernelSignal(pgrp, SIGHUP);
  group.kernel.signals.kernelSignal(pgrp, SIGCONT);
}

function hasStopped(pgrp: ProcessGroup): boolean {
  for (const member of pgrp.members) if (member.signals.stopped) return true;
  return false;
}

/** si_code and si_status of an ended process. */
export function describeExit(info: SigInfo, status: number): void {
  if ((status & 0x7f) === 0) {
    info.code = CLD_EXITED;
    info.status = (status >> 8) & 0xff;
  } else {
    info.code = (status & WCOREFLAG) !== 0 ? CLD_DUMPED : CLD_KILLED;
    info.status = status & 0x7f;
  }
}

/**
 * Tell the parent, or the tracer of the leader, that a process has ended. True when nobody is going to wait
 * for it, because the parent ignores SIGCHLD, set SA_NOCLDWAIT, or is pid 1, which reaps by itself.
 */
function notifyOfExit(group: ThreadGroup): boolean {
  const { leader, parent } = group;
  const tracer = leader.tracee?.tracer ?? null;
  if (tracer !== null) {
    // A tracer that is not the parent hears SIGCHLD, whatever the parent asked for.
    const sig = tracer.group === parent ? group.exitSignal : SIGCHLD;
    if (!tellOfExit(tracer.group, sig, exitInfo(leader, sig, leader.tid, group.exitStatus))) return false;
    removeLink(leader);
    if (tracer.group === parent) return true;
  }
  if (!parent || !parent.leader) return true;
  const sig = group.exitSignal;
  return tellOfExit(parent, sig, exitInfo(leader, sig, group.pid, group.exitStatus));
}

function exitInfo(task: Task, sig: number, pid: number, status: number): SigInfo {
  const info = siginfo(sig, CLD_EXITED);
  info.child = true;
  info.pid = pid;
  info.uid = task.cred.uid;
  info.utime = toTicks(processUserTime(task.group));
  info.stime = toTicks(processSystemTime(task.group));
  describeExit(info, status);
  return info;
}

/** True when `receiver` is not going to wait. */
function tellOfExit(receiver: ThreadGroup, wanted: number, info: SigInfo): boolean {
  const action = receiver.signals.handlers.actions[SIGCHLD]!;
  let sig = wanted;
  let autoreap = false;
  if (sig === SIGCHLD && (action.handler === SIG_IGN || (action.flags & SA_NOCLDWAIT) !== 0)) {
    autoreap = true;
    if (action.handler === SIG_IGN) sig = 0;
  }
  if (isValidSignal(sig)) receiver.kernel.signals.sendToProcess(receiver, info);
  receiver.childQueue.wake(POLLIN);
  return autoreap;
}

/**
 * A wait of the tracer has taken an ended tracee. The process of a leader goes on to its parent, if that is
 * another, or is gone.
 */
export function takeTracee(task: Task, tracer: Task): void {
  const { group } = task;
  const own = group.parent === tracer.group;
  unlinkEnded(task);
  if (task === group.leader && own && task.state === TASK_ZOMBIE) reap(group);
}

/** Remove an ended process (Linux: release_task). Its pid is free again. */
export function reap(group: ThreadGroup): void {
  const { parent, leader } = group;
  if (parent) {
    const i = parent.children.indexOf(group);
    if (i >= 0) parent.children.splice(i, 1);
  }
  leader.markDead();
  leader.pids.removeTask(leader);
  group.kernel.cgroups.released(leader);
  group.pids.removeProcess(group);
  // Its directories in /proc would keep all of it (proc_flush_pid).
  for (const { fs, name } of group.shown)
    if (fs.rootDentry !== null) group.kernel.vfs.forget(fs.rootDentry, name);
  group.processGroup.remove(group);
  group.exitQueue.wake(POLLIN | POLLHUP);
  // The last one of a namespace whose process 1 waits for that.
  const { init } = group.pids;
  if (init && init !== group && group.pids.ended && init.tasks.length === 0 && !init.zombie) {
    if (init.unreaped === 0) endUnlessInit(init);
  }
}

/** What has exited is in no network namespace (exit_task_namespaces). */
function leaveNet(task: Task): void {
  const { net } = task.nsSet;
  const { initial } = task.kernel.namespaces;
  task.nsSet = { ...task.nsSet, net: initial.net };
  net.drop();
}
