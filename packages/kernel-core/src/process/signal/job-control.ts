import { CLD_CONTINUED, CLD_STOPPED, POLLIN, SA_NOCLDSTOP, SIGCHLD, SIGCONT } from '@sandbox/abi';
import { groupStateChanged } from '../ptrace/attach.js';
import { processSystemTime, processUserTime, toTicks } from '../task/cputime.js';
import type { Task } from '../task/task.js';
import { TASK_STOPPED, TASK_TRACED } from '../task/task-state.js';
import type { ThreadGroup } from '../task/thread-group.js';
import { siginfo } from './siginfo.js';
import { SIG_IGN } from './signal-state.js';
import type { Signals } from './signals.js';

/**
 * A stop signal's default action: all threads of the process are to stop, this one at once. False when it is
 * traced: it stops for its tracer next.
 */
export function startGroupStop(signals: Signals, task: Task, sig: number): boolean {
  const group = task.group;
  const shared = group.signals;
  shared.stopSignal = sig;
  if (!shared.stopped) shared.stopReport = sig;
  shared.stopCount = 0;
  for (const t of group.tasks) {
    if (t.state === TASK_STOPPED || t.signals.exiting) continue;
    t.signals.stopPending = true;
    shared.stopCount++;
    if (t !== task) {
      if (t.state === TASK_TRACED) groupStateChanged(t);
      else signals.wake(t);
    }
  }
  if (task.tracee !== null) return false;
  stopNow(task);
  return true;
}

/** The thread has come to where it can stop. The last one tells the parent. */
export function stopNow(task: Task): void {
  const last = leaveGroupStop(task);
  task.stop();
  if (last) notifyParent(task.group, CLD_STOPPED, task.group.signals.stopSignal);
}

/** One thread fewer to wait for (it stops or exits); true when the process has stopped by that. */
export function leaveGroupStop(task: Task): boolean {
  const shared = task.group.signals;
  if (!task.signals.stopPending) return false;
  task.signals.stopPending = false;
  if (shared.stopCount > 0) shared.stopCount--;
  if (shared.stopCount > 0 || shared.stopped) return false;
  shared.stopped = true;
  return true;
}

/** SIGCONT was sent: what is stopped or stopping runs on at once, whatever becomes of the signal. */
export function continueGroup(signals: Signals, group: ThreadGroup): void {
  const shared = group.signals;
  const wasStopped = shared.stopped;
  const wasStopping = shared.stopCount > 0;
  const sig = shared.stopSignal;
  shared.stopped = false;
  shared.stopCount = 0;
  shared.stopSignal = 0;
  for (const t of group.tasks) {
    t.signals.stopPending = false;
    signals.recompute(t);
    t.continueFromStop();
    groupStateChanged(t);
  }
  if (!wasStopped && !wasStopping) return;
  shared.stopReport = 0;
  shared.continueReport = true;
  if (wasStopped) notifyParent(group, CLD_CONTINUED, SIGCONT);
  else notifyParent(group, CLD_STOPPED, sig);
}

/**
 * SIGCHLD for a stop or continue, unless the parent does not care (SA_NOCLDSTOP); its waits are woken in any
 * case.
 */
export function notifyParent(group: ThreadGroup, code: number, status: number): void {
  const parent = group.parent;
  if (!parent) return;
  const action = parent.signals.handlers.actions[SIGCHLD];
  if (action.handler !== SIG_IGN && (action.flags & SA_NOCLDSTOP) === 0) {
    const info = siginfo(SIGCHLD, code);
    info.pid = group.pid;
    info.uid = group.leader.cred.uid;
    info.status = status;
    info.utime = toTicks(processUserTime(group));
    info.stime = toTicks(processSystemTime(group));
    group.kernel.signals.sendToProcess(parent, info);
  }
  parent.childQueue.wake(POLLIN);
}
