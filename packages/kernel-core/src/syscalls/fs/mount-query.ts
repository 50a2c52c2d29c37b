import {
  E2BIG,
  EFAULT,
  EINVAL,
  ENOENT,
  EOVERFLOW,
  LISTMOUNT_REVERSE,
  LSMT_ROOT,
  MNT_ID_REQ,
  MNT_ID_REQ_SIZE_VER0,
  MOUNT_ATTR_NOATIME,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NODIRATIME,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_NOSYMFOLLOW,
  MOUNT_ATTR_RDONLY,
  MOUNT_ATTR_STRICTATIME,
  MS_NOATIME,
  MS_NODEV,
  MS_NODIRATIME,
  MS_NOEXEC,
  MS_NOSUID,
  MS_NOSYMFOLLOW,
  MS_PRIVATE,
  MS_RDONLY,
  MS_RELATIME,
  MS_SHARED,
  MS_SLAVE,
  MS_UNBINDABLE,
  major,
  minor,
  STATMOUNT,
  STATMOUNT_FS_TYPE,
  STATMOUNT_MNT_BASIC,
  STATMOUNT_MNT_OPTS,
  STATMOUNT_MNT_POINT,
  STATMOUNT_MNT_ROOT,
  STATMOUNT_PROPAGATE_FROM,
  STATMOUNT_SB_BASIC,
  SYS_listmount,
  SYS_statmount,
} from '@sandbox/abi';
import { isReachable, MOUNT_UNIQUE_BASE, type Mount, Path, pathText } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { copyStructIn } from '../../mm/extensible.js';
import type { Task } from '../../process/task/task.js';
import { insideText } from '../../views/proc/mounts.js';
import { put64 } from './structs.js';

const TWO32 = 4294967296;
const MOST_LISTED = 1_000_000;

/** What `struct mnt_id_req` asks for. `root`: of the caller's own root. */
const request = { id: 0, root: false, param: 0 };

function readRequest(t: Task, addr: number): number {
  const { scratch, scratchView: v } = t.kernel;
  if (t.mm.copyIn(addr, scratch, 0, 4) !== 0) return -EFAULT;
  const size = v.getUint32(0, true);
  if (size > 4096) return -E2BIG;
  if (size < MNT_ID_REQ_SIZE_VER0) return -EINVAL;
  const r = copyStructIn(t.mm, addr, size, scratch, MNT_ID_REQ.SIZE);
  if (r < 0) return r;
  if (v.getUint32(4, true) !== 0) return -EINVAL;
  const lo = v.getUint32(MNT_ID_REQ.mnt_id, true);
  const hi = v.getUint32(MNT_ID_REQ.mnt_id + 4, true);
  request.root = lo === LSMT_ROOT.lo && hi === LSMT_ROOT.hi;
  request.id = lo + hi * TWO32;
  request.param = v.getUint32(MNT_ID_REQ.param, true) + v.getUint32(MNT_ID_REQ.param + 4, true) * TWO32;
  if (!request.root && request.id <= MOUNT_UNIQUE_BASE) return -EINVAL;
  // Another mount namespace, which is named by a number nobody here was told.
  const other = v.getUint32(MNT_ID_REQ.mnt_ns_id, true) + v.getUint32(MNT_ID_REQ.mnt_ns_id + 4, true);
  return size > MNT_ID_REQ_SIZE_VER0 && other !== 0 ? -ENOENT : 0;
}

/** The mount numbered as asked, if the caller can reach it. */
function asked(t: Task): Mount | null {
  for (const m of t.fs.namespace.mounts) {
    if (m.id + MOUNT_UNIQUE_BASE !== request.id) continue;
    return isReachable(t.fs.root, new Path(m, m.root)) ? m : null;
  }
  return null;
}

function attributes(flags: number): number {
  let attr = 0;
  if ((flags & MS_RDONLY) !== 0) attr |= MOUNT_ATTR_RDONLY;
  if ((flags & MS_NOSUID) !== 0) attr |= MOUNT_ATTR_NOSUID;
  if ((flags & MS_NODEV) !== 0) attr |= MOUNT_ATTR_NODEV;
  if ((flags & MS_NOEXEC) !== 0) attr |= MOUNT_ATTR_NOEXEC;
  if ((flags & MS_NODIRATIME) !== 0) attr |= MOUNT_ATTR_NODIRATIME;
  if ((flags & MS_NOSYMFOLLOW) !== 0) attr |= MOUNT_ATTR_NOSYMFOLLOW;
  if ((flags & MS_NOATIME) !== 0) attr |= MOUNT_ATTR_NOATIME;
  else if ((flags & MS_RELATIME) === 0) attr |= MOUNT_ATTR_STRICTATIME;
  return attr;
}

function propagationOf(m: Mount): number {
  let kind = 0;
  if (m.peers !== null) kind |= MS_SHARED;
  if (m.master !== null) kind |= MS_SLAVE;
  if (m.unbindable) kind |= MS_UNBINDABLE;
  return kind === 0 ? MS_PRIVATE : kind;
}

const KNOWN =
  STATMOUNT_SB_BASIC |
  STATMOUNT_MNT_BASIC |
  STATMOUNT_PROPAGATE_FROM |
  STATMOUNT_MNT_ROOT |
  STATMOUNT_MNT_POINT |
  STATMOUNT_FS_TYPE |
  STATMOUNT_MNT_OPTS;

/** statmount(2) */
function sysStatmount(t: Task, a: SyscallArgs): number {
  if (a.u32(3) !== 0) return -EINVAL;
  const e = readRequest(t, a.u64(0));
  if (e !== 0) return e;
  const want = (request.param % TWO32) & KNOWN;
  const m = asked(t);
  if (m === null) return -ENOENT;
  const { scratch, scratchView: v } = t.kernel;
  scratch.fill(0, 0, STATMOUNT.SIZE);
  if ((want & STATMOUNT_SB_BASIC) !== 0) {
    v.setUint32(STATMOUNT.sb_dev_major, major(m.fs.dev), true);
    v.setUint32(STATMOUNT.sb_dev_minor, minor(m.fs.dev), true);
    put64(v, STATMOUNT.sb_magic, m.fs.statfs().type);
    v.setUint32(STATMOUNT.sb_flags, m.fs.readOnly ? MS_RDONLY : 0, true);
  }
  if ((want & STATMOUNT_MNT_BASIC) !== 0) {
    const parent = m.parent ?? m;
    put64(v, STATMOUNT.mnt_id, m.id + MOUNT_UNIQUE_BASE);
    put64(v, STATMOUNT.mnt_parent_id, parent.id + MOUNT_UNIQUE_BASE);
    v.setUint32(STATMOUNT.mnt_id_old, m.id, true);
    v.setUint32(STATMOUNT.mnt_parent_id_old, parent.id, true);
    put64(v, STATMOUNT.mnt_attr, attributes(m.flags));
    put64(v, STATMOUNT.mnt_propagation, propagationOf(m));
    put64(v, STATMOUNT.mnt_peer_group, m.peers?.id ?? 0);
    put64(v, STATMOUNT.mnt_master, m.master?.id ?? 0);
  }
  const strings = new Strings();
  if ((want & STATMOUNT_FS_TYPE) !== 0) strings.add(STATMOUNT.fs_type, m.fs.typeName);
  if ((want & STATMOUNT_MNT_ROOT) !== 0) strings.add(STATMOUNT.mnt_root, insideText(m.root));
  if ((want & STATMOUNT_MNT_POINT) !== 0) {
    strings.add(STATMOUNT.mnt_point, pathText(t.fs.root, new Path(m, m.root)));
  }
  if ((want & STATMOUNT_MNT_OPTS) !== 0) strings.add(STATMOUNT.mnt_opts, m.fs.options);
  const room = a.u64(2);
  const size = STATMOUNT.SIZE + strings.length;
  if (strings.length > 0 && room < size) return -EOVERFLOW;
  put64(v, STATMOUNT.mask, want);
  v.setUint32(STATMOUNT.size, size, true);
  for (const { field, offset } of strings.fields) v.setUint32(field, offset, true);
  const bytes = Buffer.concat([Buffer.from(scratch.subarray(0, STATMOUNT.SIZE)), strings.bytes]);
  return t.mm.copyOut(a.u64(1), bytes, 0, Math.min(size, room)) === 0 ? 0 : -EFAULT;
}

/** The strings behind a struct statmount. */
class Strings {
  readonly fields: { field: number; offset: number }[] = [];
  bytes: Buffer = Buffer.alloc(0);

  add(field: number, text: string): void {
    this.fields.push({ field, offset: this.bytes.length });
    this.bytes = Buffer.concat([this.bytes, Buffer.from(`${text}\0`, 'latin1')]);
  }
  get length(): number {
    return this.bytes.length;
  }
}

/** listmount(2): all mounts below one, by number. */
function sysListmount(t: Task, a: SyscallArgs): number {
  const flags = a.u32(3);
  if ((flags & ~LISTMOUNT_REVERSE) !== 0) return -EINVAL;
  const room = a.u64(2);
  if (room > MOST_LISTED) return -EOVERFLOW;
  const e = readRequest(t, a.u64(0));
  if (e !== 0) return e;
  const { root } = t.fs;
  const top = request.root ? root.mount : asked(t);
  if (top === null) return -ENOENT;
  const reverse = (flags & LISTMOUNT_REVERSE) !== 0;
  const last = request.param;
  const ids: number[] = [];
  for (const m of t.fs.namespace.mounts) {
    const id = m.id + MOUNT_UNIQUE_BASE;
    if (m === top || !isWithin(m, top)) continue;
    if (!isReachable(root, new Path(m, m.root))) continue;
    if (last === 0 || (reverse ? id < last : id > last)) ids.push(id);
  }
  ids.sort((x, y) => (reverse ? y - x : x - y));
  const n = Math.min(ids.length, room);
  const bytes = new Uint8Array(n * 8);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < n; i++) put64(view, i * 8, ids[i]!);
  return t.mm.copyOut(a.u64(1), bytes, 0, bytes.length) === 0 ? n : -EFAULT;
}

function isWithin(mount: Mount, top: Mount): boolean {
  for (let m: Mount | null = mount; m !== null; m = m.parent) if (m === top) return true;
  return false;
}

export const rows = [
  row(SYS_statmount, 'statmount', sysStatmount, ['ptr', 'outbuf', 'size', 'uint'], {
    support: 'partial',
    note: "the fields of Linux 6.8 and MNT_OPTS; the caller's own mount namespace only",
  }),
  row(SYS_listmount, 'listmount', sysListmount, ['ptr', 'outbuf', 'size', { flags: { LISTMOUNT_REVERSE } }], {
    support: 'partial',
    note: "the caller's own mount namespace only",
  }),
];
