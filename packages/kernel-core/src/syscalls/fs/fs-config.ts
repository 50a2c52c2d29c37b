import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  EBADF,
  EBUSY,
  EFAULT,
  EINVAL,
  ENAMETOOLONG,
  ENODEV,
  ENOENT,
  EOPNOTSUPP,
  EPERM,
  FSCONFIG_CMD_CREATE,
  FSCONFIG_CMD_CREATE_EXCL,
  FSCONFIG_CMD_RECONFIGURE,
  FSCONFIG_SET_BINARY,
  FSCONFIG_SET_FD,
  FSCONFIG_SET_FLAG,
  FSCONFIG_SET_PATH,
  FSCONFIG_SET_PATH_EMPTY,
  FSCONFIG_SET_STRING,
  FSOPEN_CLOEXEC,
  FSPICK_CLOEXEC,
  FSPICK_EMPTY_PATH,
  FSPICK_NO_AUTOMOUNT,
  FSPICK_SYMLINK_NOFOLLOW,
  O_RDWR,
  SYS_fsconfig,
  SYS_fsopen,
  SYS_fspick,
} from '@sandbox/abi';
import { type FsParam, reconfigure } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import {
  AWAITING_MOUNT,
  CREATE_PARAMS,
  FAILED,
  FsContextFile,
  RECONF_PARAMS,
} from '../../files/mount/fs-context-file.js';
import { installFile } from '../../process/files/install.js';
import type { Task } from '../../process/task/task.js';
import { placeAt } from './mount-fd.js';
import { mayMount, mayMountType, noteUserNs } from './mount-rights.js';
import { lookupFlags, startOf } from './paths.js';

/** A string the kernel copies for itself (strndup_user). */
function copyString(t: Task, addr: number, max: number): string | number {
  const s = t.mm.readString(addr, max);
  return s === -ENAMETOOLONG ? -EINVAL : s;
}

/** fsopen(2) */
function sysFsopen(t: Task, a: SyscallArgs): number {
  if (!mayMount(t)) return -EPERM;
  const flags = a.u32(1);
  if ((flags & ~FSOPEN_CLOEXEC) !== 0) return -EINVAL;
  const name = copyString(t, a.u64(0), 4096);
  if (typeof name === 'number') return name;
  const factory = t.kernel.vfs.fsTypes.get(name);
  if (factory === undefined) return -ENODEV;
  if (!mayMountType(t, name)) return -EPERM;
  return installFile(
    t,
    new FsContextFile(t.kernel, O_RDWR, name, factory, null),
    (flags & FSOPEN_CLOEXEC) !== 0,
  );
}

/** fspick(2) */
function sysFspick(t: Task, a: SyscallArgs): number {
  if (!mayMount(t)) return -EPERM;
  const flags = a.u32(2);
  const known = FSPICK_CLOEXEC | FSPICK_SYMLINK_NOFOLLOW | FSPICK_NO_AUTOMOUNT | FSPICK_EMPTY_PATH;
  if ((flags & ~known) !== 0) return -EINVAL;
  const at =
    ((flags & FSPICK_SYMLINK_NOFOLLOW) !== 0 ? AT_SYMLINK_NOFOLLOW : 0) |
    ((flags & FSPICK_EMPTY_PATH) !== 0 ? AT_EMPTY_PATH : 0);
  const place = placeAt(t, a.i32(0), a.u64(1), lookupFlags(at));
  if (typeof place === 'number') return place;
  if (place.dentry !== place.mount.root) return -EINVAL;
  const { typeName } = place.mount.fs;
  const factory = t.kernel.vfs.fsTypes.get(typeName);
  if (factory === undefined) return -EOPNOTSUPP;
  const file = new FsContextFile(t.kernel, O_RDWR, typeName, factory, place.mount);
  return installFile(t, file, (flags & FSPICK_CLOEXEC) !== 0);
}

/** Does the command have the arguments it needs, and no others? */
function argumentsFit(cmd: number, key: number, value: number, aux: number): number {
  switch (cmd) {
    case FSCONFIG_SET_FLAG:
      return key === 0 || value !== 0 || aux !== 0 ? -EINVAL : 0;
    case FSCONFIG_SET_STRING:
      return key === 0 || value === 0 || aux !== 0 ? -EINVAL : 0;
    case FSCONFIG_SET_BINARY:
      return key === 0 || value === 0 || aux <= 0 || aux > 1048576 ? -EINVAL : 0;
    case FSCONFIG_SET_PATH:
    case FSCONFIG_SET_PATH_EMPTY:
      return key === 0 || value === 0 || (aux !== AT_FDCWD && aux < 0) ? -EINVAL : 0;
    case FSCONFIG_SET_FD:
      return key === 0 || value !== 0 || aux < 0 ? -EINVAL : 0;
    case FSCONFIG_CMD_CREATE:
    case FSCONFIG_CMD_CREATE_EXCL:
    case FSCONFIG_CMD_RECONFIGURE:
      return key !== 0 || value !== 0 || aux !== 0 ? -EINVAL : 0;
    default:
      return -EOPNOTSUPP;
  }
}

/** fsconfig(2) */
function sysFsconfig(t: Task, a: SyscallArgs): number {
  const fd = a.i32(0);
  if (fd < 0) return -EINVAL;
  const cmd = a.u32(1);
  const keyAddr = a.u64(2);
  const valueAddr = a.u64(3);
  const e = argumentsFit(cmd, keyAddr, valueAddr, a.i32(4));
  if (e !== 0) return e;
  const file = t.files.get(fd);
  if (file === null) return -EBADF;
  if (!(file instanceof FsContextFile)) return -EINVAL;
  if (cmd === FSCONFIG_CMD_CREATE || cmd === FSCONFIG_CMD_CREATE_EXCL) return create(t, file);
  if (cmd === FSCONFIG_CMD_RECONFIGURE) return change(file);
  const param = readParam(t, cmd, keyAddr, valueAddr, a.i32(4));
  if (typeof param === 'number') return param;
  return file.phase === CREATE_PARAMS || file.phase === RECONF_PARAMS ? file.set(param) : -EBUSY;
}

/** The parameter in the caller's memory, copied; or -errno. */
function readParam(t: Task, cmd: number, keyAddr: number, valueAddr: number, aux: number): FsParam | number {
  const key = copyString(t, keyAddr, 256);
  if (typeof key === 'number') return key;
  switch (cmd) {
    case FSCONFIG_SET_STRING: {
      const text = copyString(t, valueAddr, 256);
      return typeof text === 'number' ? text : { key, kind: 'string', text };
    }
    case FSCONFIG_SET_BINARY: {
      const bytes = new Uint8Array(aux);
      return t.mm.copyIn(valueAddr, bytes, 0, aux) !== 0 ? -EFAULT : { key, kind: 'blob', bytes };
    }
    case FSCONFIG_SET_PATH:
    case FSCONFIG_SET_PATH_EMPTY: {
      const text = t.mm.readPath(valueAddr);
      if (typeof text === 'number') return text;
      const empty = cmd === FSCONFIG_SET_PATH_EMPTY;
      if (text === '' && !empty) return -ENOENT;
      const at = startOf(t, aux, text);
      return typeof at === 'number' ? at : { key, kind: 'path', text, at, empty };
    }
    case FSCONFIG_SET_FD: {
      const given = t.files.get(aux);
      return given === null ? -EBADF : { key, kind: 'file', file: given };
    }
    default:
      return { key, kind: 'flag' };
  }
}

function create(t: Task, file: FsContextFile): number {
  if (file.phase !== CREATE_PARAMS) return -EBUSY;
  if (!mayMount(t)) return -EPERM;
  const fs = file.create();
  if (typeof fs === 'number') {
    file.phase = FAILED;
    return fs;
  }
  fs.source = file.source === '' ? 'none' : file.source;
  noteUserNs(t, fs);
  if (file.readOnly) fs.readOnly ||= !fs.single;
  file.made = fs;
  file.phase = AWAITING_MOUNT;
  return 0;
}

function change(file: FsContextFile): number {
  if (file.phase !== RECONF_PARAMS || file.picked === null) return -EBUSY;
  const e = reconfigure(file.picked, file.readOnly, file.takeOptions());
  if (e === 0) file.picked.namespace?.touch();
  return e;
}

const COMMANDS = {
  base: {
    FSCONFIG_SET_FLAG,
    FSCONFIG_SET_STRING,
    FSCONFIG_SET_BINARY,
    FSCONFIG_SET_PATH,
    FSCONFIG_SET_PATH_EMPTY,
    FSCONFIG_SET_FD,
    FSCONFIG_CMD_CREATE,
    FSCONFIG_CMD_RECONFIGURE,
    FSCONFIG_CMD_CREATE_EXCL,
  },
  baseMask: 15,
  flags: {},
} as const;
const PICK_FLAGS = {
  flags: { FSPICK_CLOEXEC, FSPICK_SYMLINK_NOFOLLOW, FSPICK_NO_AUTOMOUNT, FSPICK_EMPTY_PATH },
} as const;

export const rows = [
  row(SYS_fsopen, 'fsopen', sysFsopen, ['str', { flags: { FSOPEN_CLOEXEC } }]),
  row(SYS_fsconfig, 'fsconfig', sysFsconfig, ['fd', COMMANDS, 'str', 'ptr', 'int']),
  row(SYS_fspick, 'fspick', sysFspick, ['dirfd', 'path', PICK_FLAGS]),
];
