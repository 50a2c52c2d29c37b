import {
  CAP_SYS_ADMIN,
  EIO,
  EPERM,
  ERESTARTSYS,
  O_NOCTTY,
  SI_KERNEL,
  SIGCONT,
  SIGHUP,
  SIGTTIN,
} from '@sandbox/abi';
import { siginfo } from '../../process/signal/siginfo.js';
import { SIG_IGN } from '../../process/signal/signal-state.js';
import type { Task } from '../../process/task/task.js';
import type { ThreadGroup } from '../../process/task/thread-group.js';
import type { Tty } from './tty.js';

/** The controlling terminal of a process (credentials(7)), or null. */
export function controllingTty(group: ThreadGroup): Tty | null {
  if (group.droppedTty) return null;
  // No other kind of terminal exists.
  return group.session.tty as Tty | null;
}

/**
 * May `task` use its terminal in this way now? `sig` SIGTTIN for reading, SIGTTOU for writing and changing
 * (Linux: tty_check_change). 0: yes. A background process group is stopped: -ERESTARTSYS; where that cannot
 * be, because the signal is ignored or blocked or the group orphaned: -EIO, or 0 for SIGTTOU ignored.
 */
export function checkForeground(tty: Tty, task: Task | null, sig: number): number {
  if (task === null) return 0;
  const group = task.group;
  const foreground = tty.foreground;
  if (foreground === null || group.processGroup === foreground || controllingTty(group) !== tty) return 0;
  const ignored = task.signals.blocked.has(sig) || group.signals.handlers.actions[sig]!.handler === SIG_IGN;
  if (ignored) return sig === SIGTTIN ? -EIO : 0;
  if (group.processGroup.isOrphaned()) return -EIO;
  tty.kernel.signals.kernelSignal(group.processGroup, sig);
  return -ERESTARTSYS;
}

/** How a description was opened. */
interface Openness {
  readonly readable: boolean;
}

function acquire(tty: Tty, group: ThreadGroup): void {
  tty.session = group.session;
  tty.foreground = group.processGroup;
  group.session.tty = tty;
  group.droppedTty = false;
}

/**
 * open(2) without O_NOCTTY: a session leader without a terminal gets this one, unless it may not read it or
 * another session has it.
 */
export function acquireOnOpen(tty: Tty, task: Task | null, file: Openness, flags: number): void {
  if (task === null || (flags & O_NOCTTY) !== 0 || tty.session !== null) return;
  const group = task.group;
  if (group.session.leader !== group || controllingTty(group) !== null || !file.readable) return;
  acquire(tty, group);
}

/** TIOCSCTTY. 0 or -EPERM. */
export function setControllingTty(tty: Tty, task: Task, file: Openness, steal: boolean): number {
  const group = task.group;
  const leads = group.session.leader === group;
  if (leads && tty.session === group.session) return 0;
  if (!leads || controllingTty(group) !== null) return -EPERM;
  const admin = task.cred.capable(CAP_SYS_ADMIN);
  if (tty.session !== null) {
    if (!steal || !admin) return -EPERM;
    tty.session.tty = null;
  }
  if (!file.readable && !admin) return -EPERM;
  acquire(tty, group);
  return 0;
}

/** Make `tty` the controlling terminal of a process that is about to run: it leads a new session. */
export function giveTerminal(tty: Tty, group: ThreadGroup): void {
  if (tty.session !== null) tty.session.tty = null;
  acquire(tty, group);
}

/** The line of `tty` is dead: its session has no terminal any more, the leader hears SIGHUP and SIGCONT. */
export function hangUpSession(tty: Tty): void {
  const session = tty.session;
  if (session !== null) {
    session.tty = null;
    const leader = session.leader;
    if (leader !== null && leader.tasks.length > 0) {
      tty.kernel.signals.sendToProcess(leader, siginfo(SIGHUP, SI_KERNEL));
      tty.kernel.signals.sendToProcess(leader, siginfo(SIGCONT, SI_KERNEL));
      session.hungUpForeground = tty.foreground;
    }
  }
  tty.session = null;
  tty.foreground = null;
}
