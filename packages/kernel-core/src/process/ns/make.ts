import {
  CAP_SYS_ADMIN,
  CLONE_NEWCGROUP,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWTIME,
  CLONE_NEWUSER,
  CLONE_NEWUTS,
  ENOSPC,
  EPERM,
} from '@sandbox/abi';
import type { Cred } from '../cred/cred.js';
import { PidTable } from '../kernel/pid-table.js';
import type { Task } from '../task/task.js';
import { CgroupNamespace, IpcNamespace, type NsSet, TimeNamespace, UtsNamespace } from './namespaces.js';
import { MAX_NS_LEVEL, UserNamespace } from './user-ns.js';

/** All CLONE_NEW* but that of users. */
const OTHERS =
  CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWTIME;

/** A copy of `cred` with all capabilities in the user namespace `ns` (set_cred_user_ns). */
export function credIn(cred: Cred, ns: UserNamespace): Cred {
  const next = cred.clone();
  next.userNs = ns;
  next.securebits = 0;
  next.inheritableLo = next.inheritableHi = 0;
  next.ambientLo = next.ambientHi = 0;
  next.setAll();
  return next;
}

/**
 * The credentials of a process in a new user namespace: EPERM (in a chroot; its ids have no place here),
 * ENOSPC (too deep).
 */
function newUserNs(task: Task): Cred | number {
  const { cred, fs, kernel } = task;
  if (cred.userNs.level >= MAX_NS_LEVEL) return -ENOSPC;
  // A place below the root would be a way to forget that (current_chrooted).
  const top = fs.root;
  if (
    top.mount.parent !== null
      ? top.dentry !== top.mount.root || top.mount.parent.namespace === null
      : top.dentry !== top.mount.root
  ) {
    return -EPERM;
  }
  if (cred.userNs.uids.fromKernel(cred.euid) < 0 || cred.userNs.gids.fromKernel(cred.egid) < 0) return -EPERM;
  return credIn(cred, new UserNamespace(cred.userNs, kernel.namespaces.nextIno(), cred.euid, cred.egid));
}

/**
 * `ns` in the time namespace that was for children: a new process, or a new program, enters it
 * (exec_task_namespaces).
 */
export function inOwnTime(ns: NsSet): NsSet {
  const { timeForChildren } = ns;
  timeForChildren.entered = true;
  return ns.time === timeForChildren ? ns : { ...ns, time: timeForChildren };
}

/** What clone(2) and unshare(2) make: credentials and namespaces for the flags, or -EPERM, -ENOSPC. */
export interface NewNamespaces {
  cred: Cred;
  ns: NsSet;
}

/** The namespaces CLONE_NEW* ask for (mounts excepted, whose right is checked here). */
export function makeNamespaces(task: Task, flags: number): NewNamespaces | number {
  let { cred } = task;
  if ((flags & CLONE_NEWUSER) !== 0) {
    const made = newUserNs(task);
    if (typeof made === 'number') return made;
    cred = made;
  }
  if ((flags & OTHERS) === 0) return { cred, ns: task.nsSet };
  if (!cred.capableIn(cred.userNs, CAP_SYS_ADMIN)) return -EPERM;
  const { userNs } = cred;
  const { nsSet: ns, kernel } = task;
  const ino = (): number => kernel.namespaces.nextIno();
  let pidForChildren = ns.pidForChildren;
  if ((flags & CLONE_NEWPID) !== 0) {
    if (pidForChildren.level >= MAX_NS_LEVEL) return -ENOSPC;
    pidForChildren = new PidTable(pidForChildren.max, pidForChildren, ino(), userNs);
  }
  let { timeForChildren } = ns;
  if ((flags & CLONE_NEWTIME) !== 0) {
    const { monotonic, boottime } = timeForChildren;
    timeForChildren = new TimeNamespace(ino(), userNs);
    timeForChildren.monotonic = monotonic;
    timeForChildren.boottime = boottime;
  }
  const net = (flags & CLONE_NEWNET) !== 0 ? kernel.namespaces.makeNet(kernel, userNs) : ns.net;
  if (typeof net === 'number') return net;
  const { hostname, domainname } = ns.uts;
  return {
    cred,
    ns: {
      uts: (flags & CLONE_NEWUTS) !== 0 ? new UtsNamespace(ino(), userNs, hostname, domainname) : ns.uts,
      ipc: (flags & CLONE_NEWIPC) !== 0 ? new IpcNamespace(kernel, ino(), userNs) : ns.ipc,
      net,
      cgroup: (flags & CLONE_NEWCGROUP) !== 0 ? new CgroupNamespace(ino(), userNs, task.cgroup) : ns.cgroup,
      time: ns.time,
      timeForChildren,
      pidForChildren,
    },
  };
}
