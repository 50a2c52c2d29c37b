import {
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  E2BIG,
  EBADF,
  EFAULT,
  EINVAL,
  ENAMETOOLONG,
  ERANGE,
  SYS_fgetxattr,
  SYS_flistxattr,
  SYS_fremovexattr,
  SYS_fsetxattr,
  SYS_getxattr,
  SYS_lgetxattr,
  SYS_listxattr,
  SYS_llistxattr,
  SYS_lremovexattr,
  SYS_lsetxattr,
  SYS_removexattr,
  SYS_setxattr,
  XATTR_CREATE,
  XATTR_NAME_MAX,
  XATTR_REPLACE,
  XATTR_SIZE_MAX,
} from '@sandbox/abi';
import { Acl, type AttrTarget, isAclName } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { fileOf } from '../../files/io/files.js';
import type { SyscallHandler } from '../../process/kernel/call-table.js';
import type { Task } from '../../process/task/task.js';
import { resolveTarget } from './paths.js';

/** Which file a variant of the call is about: argument 0 as path, path of a link itself, or descriptor. */
type Finder = (t: Task, a: SyscallArgs) => AttrTarget | number;

const byPath: Finder = (t, a) => resolveTarget(t, AT_FDCWD, a.u64(0), 0);
const byLink: Finder = (t, a) => resolveTarget(t, AT_FDCWD, a.u64(0), AT_SYMLINK_NOFOLLOW);
const byFd: Finder = (t, a) => fileOf(t, a.i32(0)) ?? -EBADF;

/** The attribute's name: -EFAULT, -ERANGE when empty or longer than 255. */
function readName(t: Task, addr: number): string | number {
  const name = t.mm.readString(addr, XATTR_NAME_MAX + 1);
  if (typeof name === 'number') return name === -ENAMETOOLONG ? -ERANGE : name;
  return name.length === 0 ? -ERANGE : name;
}

/** Access control lists name users and groups in the caller's user namespace (`out`), and in the kernel. */
function translated(t: Task, name: string, value: Uint8Array, out: boolean): Uint8Array {
  const { uids, gids } = t.cred.userNs;
  if (uids.ranges === null || !isAclName(name)) return value;
  return out
    ? Acl.translate(
        value,
        (id) => uids.fromKernel(id),
        (id) => gids.fromKernel(id),
      )
    : Acl.translate(
        value,
        (id) => uids.toKernel(id),
        (id) => gids.toKernel(id),
      );
}

/** setxattr(2) */
function setxattr(find: Finder): SyscallHandler {
  return (t, a) => {
    const flags = a.u32(4);
    if ((flags & ~(XATTR_CREATE | XATTR_REPLACE)) !== 0) return -EINVAL;
    const name = readName(t, a.u64(1));
    if (typeof name === 'number') return name;
    const size = a.u64(3);
    if (size > XATTR_SIZE_MAX) return -E2BIG;
    const value = new Uint8Array(size);
    if (size > 0 && t.mm.copyIn(a.u64(2), value, 0, size) !== 0) return -EFAULT;
    const target = find(t, a);
    if (typeof target === 'number') return target;
    return t.kernel.vfs.setxattr(target, t.cred, name, translated(t, name, value, false), flags);
  };
}

/** Hand `value` over as getxattr and listxattr do: size 0 asks for the length. */
function deliver(t: Task, value: Uint8Array, addr: number, size: number): number {
  if (size === 0) return value.length;
  if (value.length > size) return -ERANGE;
  return t.mm.copyOut(addr, value, 0, value.length) !== 0 ? -EFAULT : value.length;
}

/** getxattr(2) */
function getxattr(find: Finder): SyscallHandler {
  return (t, a) => {
    const name = readName(t, a.u64(1));
    if (typeof name === 'number') return name;
    const target = find(t, a);
    if (typeof target === 'number') return target;
    const value = t.kernel.vfs.getxattr(target, t.cred, name);
    if (typeof value === 'number') return value;
    return deliver(t, translated(t, name, value, true), a.u64(2), a.u64(3));
  };
}

/** listxattr(2): names with a NUL behind each. */
function listxattr(find: Finder): SyscallHandler {
  return (t, a) => {
    const target = find(t, a);
    if (typeof target === 'number') return target;
    const names = t.kernel.vfs.listxattr(target, t.cred);
    if (typeof names === 'number') return names;
    return deliver(t, Buffer.from(names.map((n) => `${n}\0`).join(''), 'latin1'), a.u64(1), a.u64(2));
  };
}

/** removexattr(2) */
function removexattr(find: Finder): SyscallHandler {
  return (t, a) => {
    const name = readName(t, a.u64(1));
    if (typeof name === 'number') return name;
    const target = find(t, a);
    return typeof target === 'number' ? target : t.kernel.vfs.removexattr(target, t.cred, name);
  };
}

const SET_FLAGS = { flags: { XATTR_CREATE, XATTR_REPLACE } } as const;

export const rows = [
  row(SYS_setxattr, 'setxattr', setxattr(byPath), ['path', 'str', 'buf', 'size', SET_FLAGS]),
  row(SYS_lsetxattr, 'lsetxattr', setxattr(byLink), ['path', 'str', 'buf', 'size', SET_FLAGS]),
  row(SYS_fsetxattr, 'fsetxattr', setxattr(byFd), ['fd', 'str', 'buf', 'size', SET_FLAGS]),
  row(SYS_getxattr, 'getxattr', getxattr(byPath), ['path', 'str', 'outbuf', 'size']),
  row(SYS_lgetxattr, 'lgetxattr', getxattr(byLink), ['path', 'str', 'outbuf', 'size']),
  row(SYS_fgetxattr, 'fgetxattr', getxattr(byFd), ['fd', 'str', 'outbuf', 'size']),
  row(SYS_listxattr, 'listxattr', listxattr(byPath), ['path', 'outbuf', 'size']),
  row(SYS_llistxattr, 'llistxattr', listxattr(byLink), ['path', 'outbuf', 'size']),
  row(SYS_flistxattr, 'flistxattr', listxattr(byFd), ['fd', 'outbuf', 'size']),
  row(SYS_removexattr, 'removexattr', removexattr(byPath), ['path', 'str']),
  row(SYS_lremovexattr, 'lremovexattr', removexattr(byLink), ['path', 'str']),
  row(SYS_fremovexattr, 'fremovexattr', removexattr(byFd), ['fd', 'str']),
];
