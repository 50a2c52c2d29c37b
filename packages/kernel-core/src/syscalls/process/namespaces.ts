import {
  CAP_SYS_ADMIN,
  CAP_SYS_CHROOT,
  CLONE_FILES,
  CLONE_FS,
  CLONE_NEWCGROUP,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWTIME,
  CLONE_NEWUSER,
  CLONE_NEWUTS,
  CLONE_SIGHAND,
  CLONE_SYSVSEM,
  CLONE_THREAD,
  CLONE_VM,
  EBADF,
  EINVAL,
  EPERM,
  ESRCH,
  EUSERS,
  SYS_setns,
  SYS_unshare,
} from '@sandbox/abi';
import type { MountNamespace } from '@sandbox/vfs';
import { FsContext } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import type { Cred } from '../../process/cred/cred.js';
import { asPidfd } from '../../process/files/pidfd.js';
import { PidTable } from '../../process/kernel/pid-table.js';
import { joinClocks } from '../../process/loader/vdso-mapping.js';
import { credIn, makeNamespaces } from '../../process/ns/make.js';
import {
  CgroupNamespace,
  IpcNamespace,
  NetNamespace,
  type NsSet,
  TimeNamespace,
  UtsNamespace,
} from '../../process/ns/namespaces.js';
import { namespaceOf } from '../../process/ns/nsfs.js';
import { UserNamespace } from '../../process/ns/user-ns.js';
import { ptraceAccess } from '../../process/task/access.js';
import { withdrawAnswers } from '../../process/task/answers.js';
import type { Task } from '../../process/task/task.js';
import { unshareFiles } from '../io/close.js';

const NAMESPACES =
  CLONE_NEWNS |
  CLONE_NEWCGROUP |
  CLONE_NEWUTS |
  CLONE_NEWIPC |
  CLONE_NEWUSER |
  CLONE_NEWPID |
  CLONE_NEWNET |
  CLONE_NEWTIME;
const UNSHARE_FLAGS =
  CLONE_THREAD | CLONE_FS | CLONE_SIGHAND | CLONE_VM | CLONE_FILES | CLONE_SYSVSEM | NAMESPACES;

/** unshare(2): EINVAL (flags; what needs a process of one thread), EPERM, ENOSPC. */
function sysUnshare(t: Task, a: SyscallArgs): number {
  let flags = a.u32(0);
  if (a.hi(0) !== 0 || (flags & ~UNSHARE_FLAGS) !== 0) return -EINVAL;
  if ((flags & CLONE_NEWUSER) !== 0) flags |= CLONE_THREAD | CLONE_FS;
  if ((flags & (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)) !== 0) {
    if (t.group.tasks.length > 1) return -EINVAL;
    if ((flags & CLONE_VM) !== 0 && t.mm.users > 1) return -EINVAL;
  }
  const made = makeNamespaces(t, flags);
  if (typeof made === 'number') return made;
  if ((flags & CLONE_FILES) !== 0) unshareFiles(t);
  // A mount namespace of one's own means a place in it of one's own.
  if ((flags & (CLONE_FS | CLONE_NEWNS)) !== 0) ownPlace(t);
  if ((flags & CLONE_NEWNS) !== 0) {
    t.kernel.vfs.unshareNamespace(t.fs);
    t.kernel.namespaces.ownMounts(t.fs.namespace, made.cred.userNs);
  }
  enter(t, made.cred, made.ns);
  return 0;
}

function ownPlace(t: Task): void {
  if (t.fs.users === 1) return;
  const own = t.fs.clone();
  t.fs.release();
  t.fs = own;
}

function enter(t: Task, cred: Cred, ns: NsSet): void {
  ns.net.hold();
  t.nsSet.net.drop();
  if (ns.time !== t.nsSet.time) joinClocks(t.mm, t.kernel.vdso, ns.time);
  t.nsSet = ns;
  if (cred === t.cred) return;
  const old = t.cred;
  t.cred = cred;
  withdrawAnswers(t);
  // To its creator a namespace within gives nothing it did not have (cred_cap_issubset).
  for (let at: UserNamespace | null = cred.userNs; at !== null; at = at.parent) {
    if (at.parent === old.userNs && at.ownerUid === old.euid) return;
  }
  t.group.dumpable = 0;
  t.pdeathsig = 0;
}

/** What setns is about to enter: put together first, so that it is all or nothing. */
interface Change {
  cred: Cred;
  ns: NsSet;
  mounts: MountNamespace | null;
}

type AnyNamespace =
  | UserNamespace
  | PidTable
  | UtsNamespace
  | IpcNamespace
  | NetNamespace
  | CgroupNamespace
  | TimeNamespace
  | MountNamespace;

/** CAP_SYS_ADMIN over the namespace and over where one will be. */
function mayEnter(change: Change, owner: UserNamespace, now: Cred): boolean {
  return now.capableIn(owner, CAP_SYS_ADMIN) && change.cred.has(CAP_SYS_ADMIN);
}

/** Take `ns` into the change. 0, -EINVAL, -EPERM, -EUSERS. */
function install(t: Task, change: Change, ns: AnyNamespace): number {
  if (ns instanceof UserNamespace) return installUser(t, change, ns);
  if (ns instanceof PidTable) {
    if (!mayEnter(change, ns.userNs, t.cred)) return -EPERM;
    if (!ns.isWithin(t.pids)) return -EINVAL;
    change.ns = { ...change.ns, pidForChildren: ns };
    return 0;
  }
  if (ns instanceof TimeNamespace) {
    if (t.group.tasks.length > 1) return -EUSERS;
    if (!mayEnter(change, ns.userNs, t.cred)) return -EPERM;
    ns.entered = true;
    change.ns = { ...change.ns, time: ns, timeForChildren: ns };
    return 0;
  }
  if (
    ns instanceof UtsNamespace ||
    ns instanceof IpcNamespace ||
    ns instanceof NetNamespace ||
    ns instanceof CgroupNamespace
  ) {
    if (!mayEnter(change, ns.userNs, t.cred)) return -EPERM;
    change.ns = { ...change.ns, [ns.kind]: ns };
    return 0;
  }
  return installMounts(t, change, ns);
}

function installUser(t: Task, change: Change, ns: UserNamespace): number {
  // One cannot gain what one gave up.
  if (ns === t.cred.userNs) return -EINVAL;
  if (t.group.tasks.length > 1 || t.fs.users > 1) return -EINVAL;
  if (!t.cred.capableIn(ns, CAP_SYS_ADMIN)) return -EPERM;
  change.cred = credIn(t.cred, ns);
  return 0;
}

function installMounts(t: Task, change: Change, ns: MountNamespace): number {
  const owner = t.kernel.namespaces.ownerOf(ns);
  if (!mayEnter(change, owner, t.cred) || !change.cred.has(CAP_SYS_CHROOT)) return -EPERM;
  if (t.fs.users > 1) return -EINVAL;
  change.mounts = ns;
  return 0;
}

/** All namespaces of `target` that `flags` name, in the order the kernel enters them. */
function namespacesOf(t: Task, target: Task, flags: number): AnyNamespace[] {
  const found: AnyNamespace[] = [];
  const ns = target.nsSet;
  if ((flags & CLONE_NEWUSER) !== 0) found.push(target.cred.userNs);
  if ((flags & CLONE_NEWNS) !== 0) found.push(target.fs.namespace);
  if ((flags & CLONE_NEWUTS) !== 0) found.push(ns.uts);
  if ((flags & CLONE_NEWIPC) !== 0) found.push(ns.ipc);
  if ((flags & CLONE_NEWPID) !== 0) found.push(target.pids);
  if ((flags & CLONE_NEWCGROUP) !== 0) found.push(ns.cgroup);
  if ((flags & CLONE_NEWNET) !== 0) found.push(ns.net);
  if ((flags & CLONE_NEWTIME) !== 0) found.push(ns.time);
  return found.filter((n) => n !== t.cred.userNs || flags === CLONE_NEWUSER);
}

/** setns(2): EBADF, EINVAL, EPERM, ESRCH, EUSERS. */
function sysSetns(t: Task, a: SyscallArgs): number {
  const file = t.files.get(a.i32(0));
  const flags = a.i32(1);
  if (!file) return -EBADF;
  let wanted: AnyNamespace[];
  const ns = namespaceOf(file);
  const pidfd = asPidfd(file);
  if (ns !== null) {
    if (flags !== 0 && flags !== ns.flag) return -EINVAL;
    wanted = [ns.object];
  } else if (pidfd !== null) {
    if (flags === 0 || (flags & ~NAMESPACES) !== 0) return -EINVAL;
    if (pidfd.hasExited) return -ESRCH;
    const target = pidfd.isThread ? pidfd.task : pidfd.group.leader;
    if (ptraceAccess(t, target, true) < 0) return -EPERM;
    wanted = namespacesOf(t, target, flags);
  } else return -EINVAL;
  const change: Change = { cred: t.cred, ns: t.nsSet, mounts: null };
  for (const n of wanted) {
    const r = install(t, change, n);
    if (r < 0) return r;
  }
  if (change.mounts !== null) {
    const place = FsContext.atRoot(change.mounts, t.fs.umask);
    t.fs.root = place.root;
    t.fs.cwd = place.root;
    t.fs.namespace = change.mounts;
    place.release();
  }
  enter(t, change.cred, change.ns);
  return 0;
}

const CLONE_FLAGS = {
  flags: {
    CLONE_FILES,
    CLONE_FS,
    CLONE_NEWCGROUP,
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWTIME,
    CLONE_NEWUSER,
    CLONE_NEWUTS,
    CLONE_SYSVSEM,
  },
} as const;

export const rows = [
  row(SYS_unshare, 'unshare', sysUnshare, [CLONE_FLAGS]),
  row(SYS_setns, 'setns', sysSetns, ['fd', CLONE_FLAGS]),
];
