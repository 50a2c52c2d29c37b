import { CAP_KILL, EINVAL, EPERM, LANDLOCK_SCOPE_SIGNAL, SI_USER, SIGCONT } from '@sandbox/abi';
import { Cred } from '../cred/cred.js';
import { isScoped } from '../landlock/scope.js';
import type { Task } from '../task/task.js';
import type { ThreadGroup } from '../task/thread-group.js';
import type { SigInfo } from './siginfo.js';
import { isValidSignal } from './sigset.js';

const INIT_CRED = Cred.forUser(0, 0);

/** Rights by which a process is judged as a target: its leader's; pid 1 is root's. */
export function credOf(group: ThreadGroup): Cred {
  return group.leader ? group.leader.cred : INIT_CRED;
}

/** Do the sender's ids allow it to signal a process with `target`'s (kill(2))? */
export function mayKillByCred(sender: Cred, target: Cred): boolean {
  return (
    sender.euid === target.suid ||
    sender.euid === target.uid ||
    sender.uid === target.suid ||
    sender.uid === target.uid ||
    sender.capableIn(target.userNs, CAP_KILL)
  );
}

/**
 * May `sender` send `sig` (0: just asking) to a process or thread of `group` with the rights `target`? `info`
 * is what it made up itself, with a kernel's code only towards itself. 0, -EINVAL (no such signal), -EPERM.
 */
export function checkKill(
  sender: Task,
  group: ThreadGroup,
  target: Cred,
  sig: number,
  info: SigInfo | null = null,
): number {
  if (sig !== 0 && !isValidSignal(sig)) return -EINVAL;
  if (info && info.code > SI_USER) return 0;
  if (group === sender.group) return 0;
  // SIGCONT may go anywhere in the session.
  const inSession = sig === SIGCONT && group.leader && group.session === sender.group.session;
  if (!inSession && !mayKillByCred(sender.cred, target)) return -EPERM;
  return isScoped(sender.cred.guard, target.guard, LANDLOCK_SCOPE_SIGNAL) ? -EPERM : 0;
}
