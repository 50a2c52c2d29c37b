import {
  CAP_SETGID,
  CAP_SETUID,
  CAP_SYS_ADMIN,
  CAP_SYS_RESOURCE,
  CMSGHDR,
  EBADF,
  EINVAL,
  EPERM,
  ESRCH,
  ETOOMANYREFS,
  RLIMIT_NOFILE,
  SCM_CREDENTIALS,
  SCM_RIGHTS,
  SOL_SOCKET,
} from '@sandbox/abi';
import type { File } from '@sandbox/vfs';
import type { Task } from '../../process/task/task.js';
import type { SendMessage } from '../socket/message.js';
import type { UnixDomain } from './domain.js';

/** Files one message can carry (SCM_MAX_FD). */
const SCM_MAX_FD = 253;
const HEADER = CMSGHDR.SIZE;
const UCRED_SIZE = 12;

/** Ancillary messages lie at multiples of 8. */
export function cmsgAlign(length: number): number {
  return (length + 7) & ~7;
}

/**
 * Read the ancillary data of a sendmsg on a Unix socket (Linux: __scm_send). Files get one more reference
 * each, owned by `message`. 0, -EINVAL, -EBADF, -EPERM (credentials that are not the caller's), -ESRCH,
 * -ETOOMANYREFS.
 */
export function parseScm(
  unix: UnixDomain,
  t: Task,
  bytes: Uint8Array,
  length: number,
  message: SendMessage,
): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  let at = 0;
  while (length - at >= HEADER) {
    const lo = view.getUint32(at, true);
    const hi = view.getUint32(at + 4, true);
    if (hi !== 0 || lo < HEADER || lo > length - at) return -EINVAL;
    if (view.getInt32(at + CMSGHDR.cmsg_level, true) === SOL_SOCKET) {
      const type = view.getInt32(at + CMSGHDR.cmsg_type, true);
      let r: number = -EINVAL;
      if (type === SCM_RIGHTS) r = addFiles(unix, t, view, at + HEADER, lo - HEADER, message);
      else if (type === SCM_CREDENTIALS) r = setCredentials(t, view, at + HEADER, lo - HEADER, message);
      if (r < 0) return r;
    }
    at += cmsgAlign(lo);
  }
  return 0;
}

function addFiles(
  unix: UnixDomain,
  t: Task,
  view: DataView,
  at: number,
  size: number,
  message: SendMessage,
): number {
  const n = size >> 2;
  if (n === 0) return 0;
  const files: File[] = message.rights ?? [];
  if (files.length + n > SCM_MAX_FD) return -EINVAL;
  message.rights = files;
  for (let i = 0; i < n; i++) {
    const file = t.files.get(view.getInt32(at + i * 4, true));
    if (file === null) return -EBADF;
    file.refs++;
    files.push(file);
  }
  const limit = t.group.limits.soft[RLIMIT_NOFILE];
  const privileged = t.cred.capable(CAP_SYS_RESOURCE) || t.cred.capable(CAP_SYS_ADMIN);
  if (unix.inflightFull || (!privileged && unix.tooManyInFlight(t.cred.uid, limit))) return -ETOOMANYREFS;
  return 0;
}

/** A sender may name itself; privileges allow more (unix(7), SCM_CREDENTIALS; Linux: scm_check_creds). */
function setCredentials(t: Task, view: DataView, at: number, size: number, message: SendMessage): number {
  if (size !== UCRED_SIZE) return -EINVAL;
  const pid = view.getInt32(at, true);
  const c = t.cred;
  const uid = c.userNs.uids.toKernel(view.getUint32(at + 4, true));
  const gid = c.userNs.gids.toKernel(view.getUint32(at + 8, true));
  if (uid < 0 || gid < 0 || uid === 0xffffffff || gid === 0xffffffff) return -EINVAL;
  const pidOk = pid === t.pidFor(t) || c.capableIn(t.pids.userNs, CAP_SYS_ADMIN);
  const uidOk = uid === c.uid || uid === c.euid || uid === c.suid || c.has(CAP_SETUID);
  const gidOk = gid === c.gid || gid === c.egid || gid === c.sgid || c.has(CAP_SETGID);
  if (!pidOk || !uidOk || !gidOk) return -EPERM;
  const named = t.pids.processes.get(pid) ?? t.pids.tasks.get(pid)?.group;
  if (!named) return -ESRCH;
  message.credentials = { pid: t.pids.parent === null ? pid : named.pid, uid, gid };
  return 0;
}
