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
import { reconfigure } from '@sandbox/vfs';
import {
  AWAITING_MOUNT,
  CREATE_PARAMS,
  FAILED,
  FsContextFile,
  RECONF_PARAMS,
} from '../../fs/fs-context-file.js';
import type { Task } from '../../task/task.js';
import type { SyscallArgs } from '../args.js';
import { installFile } from '../io/pipe.js';
import { row } from '../row.js';
import { placeAt } from './mount-fd.js';
import { mayMount, mayMountType } from './mount-rights.js';
import { lookupFlags } from './paths.js';

/** Options of the file system in its whole life, in bytes: more than any can need. */
const MOST_OPTIONS = 65536;

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
  return installFile(t, new FsContextFile(t.kernel, O_RDWR, factory, null), (flags & FSOPEN_CLOEXEC) !== 0);
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
  const factory = t.kernel.vfs.fsTypes.get(place.mount.fs.typeName);
  if (factory === undefined) return -EOPNOTSUPP;
  const file = new FsContextFile(t.kernel, O_RDWR, factory, place.mount);
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
  const key = copyString(t, keyAddr, 256);
  if (typeof key === 'number') return key;
  let value = '';
  if (cmd === FSCONFIG_SET_STRING) {
    const s = copyString(t, valueAddr, 256);
    if (typeof s === 'number') return s;
    value = s;
  } else if (cmd !== FSCONFIG_SET_FLAG)
    return t.mm.load8(valueAddr) < 0 && valueAddr !== 0 ? -EFAULT : -EINVAL;
  if (file.phase !== CREATE_PARAMS && file.phase !== RECONF_PARAMS) return -EBUSY;
  return setOption(file, key, value, cmd === FSCONFIG_SET_FLAG);
}

/** Options every file system has; the flag ones change nothing but 'ro' and 'rw'. */
const COMMON_FLAGS = ['sync', 'async', 'dirsync', 'lazytime', 'nolazytime', 'mand', 'nomand'];

function setOption(file: FsContextFile, key: string, value: string, flag: boolean): number {
  if (key === 'ro' || key === 'rw') {
    file.readOnly = key === 'ro';
    return 0;
  }
  if (COMMON_FLAGS.includes(key)) return 0;
  if (key === 'source') {
    if (flag || file.source !== '') return -EINVAL;
    file.source = value;
    return 0;
  }
  // A comma would become a further option.
  if (value.includes(',') || key.includes(',')) return -EINVAL;
  const option = flag ? key : `${key}=${value}`;
  const e = file.factory.check?.(option) ?? 0;
  if (e !== 0) return e;
  const length = file.options.reduce((n, o) => n + o.length + 1, option.length);
  if (length > MOST_OPTIONS) return -EINVAL;
  file.options.push(option);
  return 0;
}

function create(t: Task, file: FsContextFile): number {
  if (file.phase !== CREATE_PARAMS) return -EBUSY;
  if (!mayMount(t)) return -EPERM;
  const fs = file.factory(file.source, file.options.join(','), t.kernel.vfs.env);
  if (typeof fs === 'number') {
    file.phase = FAILED;
    return fs;
  }
  fs.source = file.source === '' ? 'none' : file.source;
  if (file.readOnly) fs.readOnly = true;
  file.made = fs;
  file.phase = AWAITING_MOUNT;
  return 0;
}

function change(file: FsContextFile): number {
  if (file.phase !== RECONF_PARAMS || file.picked === null) return -EBUSY;
  const e = reconfigure(file.picked, file.readOnly, file.options.join(','));
  file.options.length = 0;
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
  row(SYS_fsconfig, 'fsconfig', sysFsconfig, ['fd', COMMANDS, 'str', 'ptr', 'int'], {
    support: 'partial',
    note: 'options are flags and strings; nothing is written to the message log',
  }),
  row(SYS_fspick, 'fspick', sysFspick, ['dirfd', 'path', PICK_FLAGS]),
];
