import { EFAULT, EINVAL, ESRCH, F_OWNER_PGRP, F_OWNER_PID, F_OWNER_TID, NSIG } from '@sandbox/abi';
import type { File } from '@sandbox/vfs';
import { existingFileSignals, fileSignals } from '../../files/locks/fasync.js';
import type { PidTable } from '../../process/kernel/pid-table.js';
import type { Task } from '../../process/task/task.js';

/**
 * fcntl F_SETOWN, F_GETOWN, F_SETOWN_EX, F_GETOWN_EX, F_GETOWNER_UIDS, F_SETSIG, F_GETSIG; ioctl FIOSETOWN,
 * SIOCSPGRP and their counterparts, of sockets.
 */

/** A positive `who` is a process, a negative one a process group. */
export function setOwn(t: Task, file: File, who: number): number {
  if (who === -0x80000000) return -EINVAL;
  return who < 0 ? setOwner(t, file, F_OWNER_PGRP, -who) : setOwner(t, file, F_OWNER_PID, who);
}

/** FIOSETOWN, SIOCSPGRP: as F_SETOWN, the number is in the caller's memory. */
export function ioctlSetOwn(t: Task, file: File, addr: number): number {
  const { scratch, scratchView } = t.kernel;
  return t.mm.copyIn(addr, scratch, 0, 4) < 0 ? -EFAULT : setOwn(t, file, scratchView.getInt32(0, true));
}

function setOwner(t: Task, file: File, type: number, id: number): number {
  if (id !== 0 && !exists(t.pids, id)) return -ESRCH;
  fileSignals(file).setBy(t, type, id);
  return 0;
}

/** Linux asks only for the number to be in use by something. */
function exists(pids: PidTable, id: number): boolean {
  const { tasks, processes, groups, sessions } = pids;
  return tasks.has(id) || processes.has(id) || groups.has(id) || sessions.has(id);
}

export function getOwn(file: File): number {
  const s = existingFileSignals(file);
  if (s === null) return 0;
  return s.type === F_OWNER_PGRP ? -s.id : s.id;
}

export function setOwnEx(t: Task, file: File, addr: number): number {
  const { scratch, scratchView } = t.kernel;
  if (t.mm.copyIn(addr, scratch, 0, 8) < 0) return -EFAULT;
  const type = scratchView.getInt32(0, true);
  const id = scratchView.getInt32(4, true);
  if (type !== F_OWNER_TID && type !== F_OWNER_PID && type !== F_OWNER_PGRP) return -EINVAL;
  return setOwner(t, file, type, id);
}

export function getOwnEx(t: Task, file: File, addr: number): number {
  const s = existingFileSignals(file);
  const { scratch, scratchView } = t.kernel;
  scratchView.setInt32(0, s === null ? F_OWNER_PID : s.type, true);
  scratchView.setInt32(4, s === null ? 0 : s.id, true);
  return t.mm.copyOut(addr, scratch, 0, 8) < 0 ? -EFAULT : 0;
}

export function getOwnerUids(t: Task, file: File, addr: number): number {
  const s = existingFileSignals(file);
  const { scratch, scratchView } = t.kernel;
  scratchView.setUint32(0, s === null ? 0 : s.uid, true);
  scratchView.setUint32(4, s === null ? 0 : s.euid, true);
  return t.mm.copyOut(addr, scratch, 0, 8) < 0 ? -EFAULT : 0;
}

export function setSig(file: File, signal: number): number {
  if (signal < 0 || signal > NSIG) return -EINVAL;
  fileSignals(file).signal = signal;
  return 0;
}

export function getSig(file: File): number {
  return existingFileSignals(file)?.signal ?? 0;
}
