import {
  CAP_SYS_ADMIN,
  DQF_SYS_FILE,
  EBADF,
  EEXIST,
  EFAULT,
  EINVAL,
  ENODEV,
  ENOENT,
  ENOSYS,
  ENOTBLK,
  EPERM,
  EROFS,
  ESRCH,
  GRPQUOTA,
  IF_DQBLK,
  IF_DQINFO,
  IIF_ALL,
  IIF_BGRACE,
  IIF_FLAGS,
  IIF_IGRACE,
  MAXQUOTAS,
  Q_GETFMT,
  Q_GETINFO,
  Q_GETNEXTQUOTA,
  Q_GETQUOTA,
  Q_QUOTAOFF,
  Q_QUOTAON,
  Q_SETINFO,
  Q_SETQUOTA,
  Q_SYNC,
  QFMT_SHMEM,
  QIF_ALL,
  QIF_BLIMITS,
  QIF_BTIME,
  QIF_DQBLKSIZE,
  QIF_ILIMITS,
  QIF_INODES,
  QIF_ITIME,
  QIF_SPACE,
  S_IFBLK,
  S_IFMT,
  SYS_quotactl,
  SYS_quotactl_fd,
  USRQUOTA,
} from '@sandbox/abi';
import type { Dquot, QuotaKind, Quotas } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { anyFileOf } from '../../files/io/files.js';
import type { Task } from '../../process/task/task.js';

const WRITING = [Q_QUOTAON, Q_QUOTAOFF, Q_SETINFO, Q_SETQUOTA];
const KNOWN = [...WRITING, Q_SYNC, Q_GETFMT, Q_GETINFO, Q_GETQUOTA, Q_GETNEXTQUOTA];

/** quotactl(2): by device, and no file system with quotas lies on one. */
function sysQuotactl(t: Task, a: SyscallArgs): number {
  const cmd = a.u32(0) >>> 8;
  if ((a.u32(0) & 0xff) >= MAXQUOTAS) return -EINVAL;
  if (a.u64(1) === 0) return cmd === Q_SYNC ? 0 : -ENODEV;
  const path = t.mm.readPath(a.u64(1));
  if (typeof path === 'number') return path;
  const at = t.kernel.vfs.resolve(t.fs, t.cred, null, path);
  if (typeof at === 'number') return at;
  return (at.inode.mode & S_IFMT) === S_IFBLK ? -ENODEV : -ENOTBLK;
}

/** quotactl_fd(2) */
function sysQuotactlFd(t: Task, a: SyscallArgs): number {
  const cmd = a.u32(1) >>> 8;
  const type = a.u32(1) & 0xff;
  const file = anyFileOf(t, a.i32(0));
  if (file === null) return -EBADF;
  if (type >= MAXQUOTAS) return -EINVAL;
  if (WRITING.includes(cmd) && file.path?.mount.readOnly === true) return -EROFS;
  const quotas = file.inode.fs.quotas;
  if (quotas === null) return -ENOSYS;
  if (type !== USRQUOTA && type !== GRPQUOTA) return -EINVAL;
  const id = a.u32(2);
  const denied = mayUse(t, type, cmd, id);
  return denied !== 0 ? denied : control(t, quotas, type, cmd, id, a.u64(3));
}

/** check_quotactl_permission */
function mayUse(t: Task, type: number, cmd: number, id: number): number {
  if (cmd === Q_GETFMT || cmd === Q_SYNC || cmd === Q_GETINFO) return 0;
  const { cred } = t;
  if (cmd === Q_GETQUOTA) {
    const own = type === USRQUOTA ? cred.euid === toKernel(t, type, id) : isMember(t, toKernel(t, type, id));
    if (own) return 0;
  }
  return cred.capable(CAP_SYS_ADMIN) ? 0 : -EPERM;
}

function isMember(t: Task, gid: number): boolean {
  return t.cred.egid === gid || t.cred.groups.includes(gid);
}

function toKernel(t: Task, type: number, id: number): number {
  const { uids, gids } = t.cred.userNs;
  return (type === USRQUOTA ? uids : gids).toKernel(id);
}

function control(t: Task, quotas: Quotas, type: 0 | 1, cmd: number, id: number, addr: number): number {
  const kind = quotas.kinds[type];
  if (!KNOWN.includes(cmd)) return -EINVAL;
  if (cmd === Q_SYNC) return 0;
  if (cmd === Q_QUOTAON || cmd === Q_QUOTAOFF) return enforce(kind, cmd === Q_QUOTAON);
  if (kind === null) return -ESRCH;
  if (cmd === Q_GETFMT) return t.mm.store32(addr, QFMT_SHMEM) < 0 ? -EFAULT : 0;
  if (cmd === Q_GETINFO) return getInfo(t, kind, addr);
  if (cmd === Q_SETINFO) return setInfo(t, kind, addr);
  if (cmd === Q_SETQUOTA) return setQuota(t, kind, toKernel(t, type, id), addr);
  const kernelId = toKernel(t, type, id);
  if (kernelId < 0) return -EINVAL;
  const found = cmd === Q_GETQUOTA ? kernelId : kind.next(kernelId);
  return found < 0 ? -ENOENT : getQuota(t, kind, type, found, addr, cmd === Q_GETNEXTQUOTA);
}

/** Accounting goes on as long as the mount; limits are switched. */
function enforce(kind: QuotaKind | null, on: boolean): number {
  if (kind === null) return on ? -EINVAL : -EEXIST;
  if (kind.enforced === on) return -EEXIST;
  kind.enforced = on;
  return 0;
}

function put64(t: Task, at: number, value: number): void {
  t.kernel.scratchView.setUint32(at, value >>> 0, true);
  t.kernel.scratchView.setUint32(at + 4, Math.floor(value / 4294967296), true);
}
function get64(t: Task, at: number): number {
  const v = t.kernel.scratchView;
  return v.getUint32(at, true) + v.getUint32(at + 4, true) * 4294967296;
}

function getInfo(t: Task, kind: QuotaKind, addr: number): number {
  put64(t, IF_DQINFO.dqi_bgrace, kind.spaceGrace);
  put64(t, IF_DQINFO.dqi_igrace, kind.inodeGrace);
  t.kernel.scratchView.setUint32(IF_DQINFO.dqi_flags, DQF_SYS_FILE, true);
  t.kernel.scratchView.setUint32(IF_DQINFO.dqi_valid, IIF_ALL, true);
  return t.mm.copyOut(addr, t.kernel.scratch, 0, IF_DQINFO.SIZE) !== 0 ? -EFAULT : 0;
}

function setInfo(t: Task, kind: QuotaKind, addr: number): number {
  if (t.mm.copyIn(addr, t.kernel.scratch, 0, IF_DQINFO.SIZE) !== 0) return -EFAULT;
  const valid = t.kernel.scratchView.getUint32(IF_DQINFO.dqi_valid, true);
  if ((valid & ~IIF_ALL) !== 0) return -EINVAL;
  // The flags one may set are about formats of old.
  if ((valid & IIF_FLAGS) !== 0 && t.kernel.scratchView.getUint32(IF_DQINFO.dqi_flags, true) !== 0)
    return -EINVAL;
  if ((valid & IIF_BGRACE) !== 0) kind.spaceGrace = get64(t, IF_DQINFO.dqi_bgrace);
  if ((valid & IIF_IGRACE) !== 0) kind.inodeGrace = get64(t, IF_DQINFO.dqi_igrace);
  return 0;
}

function getQuota(t: Task, kind: QuotaKind, type: 0 | 1, id: number, addr: number, next: boolean): number {
  const known = kind.dquots.get(id);
  const d = known ?? kind.of(id);
  if (known === undefined) kind.dquots.delete(id);
  const { scratch, scratchView } = t.kernel;
  scratch.fill(0, 0, IF_DQBLK.SIZE);
  put64(t, IF_DQBLK.dqb_bhardlimit, Math.ceil(d.spaceHard / QIF_DQBLKSIZE));
  put64(t, IF_DQBLK.dqb_bsoftlimit, Math.ceil(d.spaceSoft / QIF_DQBLKSIZE));
  put64(t, IF_DQBLK.dqb_curspace, d.space);
  put64(t, IF_DQBLK.dqb_ihardlimit, d.inodeHard);
  put64(t, IF_DQBLK.dqb_isoftlimit, d.inodeSoft);
  put64(t, IF_DQBLK.dqb_curinodes, d.inodes);
  put64(t, IF_DQBLK.dqb_btime, d.spaceTime);
  put64(t, IF_DQBLK.dqb_itime, d.inodeTime);
  scratchView.setUint32(IF_DQBLK.dqb_valid, QIF_ALL, true);
  const { uids, gids } = t.cred.userNs;
  if (next) scratchView.setUint32(IF_DQBLK.dqb_id, (type === USRQUOTA ? uids : gids).show(id), true);
  return t.mm.copyOut(addr, scratch, 0, IF_DQBLK.SIZE) !== 0 ? -EFAULT : 0;
}

function setQuota(t: Task, kind: QuotaKind, id: number, addr: number): number {
  if (t.mm.copyIn(addr, t.kernel.scratch, 0, IF_DQBLK.SIZE) !== 0) return -EFAULT;
  if (id < 0) return -EINVAL;
  const valid = t.kernel.scratchView.getUint32(IF_DQBLK.dqb_valid, true);
  const d: Dquot = kind.of(id);
  d.custom = true;
  if ((valid & QIF_SPACE) !== 0) d.space = get64(t, IF_DQBLK.dqb_curspace);
  if ((valid & QIF_BLIMITS) !== 0) {
    d.spaceHard = get64(t, IF_DQBLK.dqb_bhardlimit) * QIF_DQBLKSIZE;
    d.spaceSoft = get64(t, IF_DQBLK.dqb_bsoftlimit) * QIF_DQBLKSIZE;
  }
  if ((valid & QIF_INODES) !== 0) d.inodes = get64(t, IF_DQBLK.dqb_curinodes);
  if ((valid & QIF_ILIMITS) !== 0) {
    d.inodeHard = get64(t, IF_DQBLK.dqb_ihardlimit);
    d.inodeSoft = get64(t, IF_DQBLK.dqb_isoftlimit);
  }
  if ((valid & QIF_BTIME) !== 0) d.spaceTime = get64(t, IF_DQBLK.dqb_btime);
  if ((valid & QIF_ITIME) !== 0) d.inodeTime = get64(t, IF_DQBLK.dqb_itime);
  kind.settle(d, t.kernel.clock.realtimeSec());
  return 0;
}

export const rows = [
  row(SYS_quotactl, 'quotactl', sysQuotactl, ['int', 'path', 'uint', 'ptr'], {
    support: 'partial',
    note: 'no file system lies on a device: quotas are reached by quotactl_fd',
  }),
  row(SYS_quotactl_fd, 'quotactl_fd', sysQuotactlFd, ['fd', 'int', 'uint', 'ptr'], {
    support: 'partial',
    note: 'of tmpfs (usrquota, grpquota); no commands of the kind of XFS',
  }),
];
