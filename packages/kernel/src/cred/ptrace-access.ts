import { CAP_SYS_PTRACE } from '@sandbox/abi';
import type { Task } from '../task/task.js';

/**
 * May `task` look into `other` (ptrace(2), "Ptrace access mode checking", real credentials)? Its own threads always;
 * others when all their user and group ids are the caller's real ones and they are dumpable; CAP_SYS_PTRACE may look everywhere.
 */
export function mayPtrace(task: Task, other: Task): boolean {
  if (task.group === other.group) return true;
  const mine = task.cred;
  if (mine.capable(CAP_SYS_PTRACE)) return true;
  const c = other.cred;
  const sameUser = c.uid === mine.uid && c.euid === mine.uid && c.suid === mine.uid;
  const sameGroup = c.gid === mine.gid && c.egid === mine.gid && c.sgid === mine.gid;
  return sameUser && sameGroup && other.group.dumpable === 1;
}
