import { EINVAL, ENODEV } from '@sandbox/abi';
import {
  type FileSystem,
  FsLog,
  type FsTypeFactory,
  parseTmpfsOptions,
  TMPFS_PARAMS,
  TmpfsFileSystem,
  UpperUse,
} from '@sandbox/vfs';
import { OverlaySetup, overlayOptions } from '../files/mount/overlay-setup.js';
import { mqueuesOf } from '../files/mqueue/mqueue.js';
import { Devpts, parseDevptsOptions } from '../files/tty/devpts.js';
import { ttysOf } from '../files/tty/ttys.js';
import type { KernelCore } from '../process/kernel/kernel-core.js';
import { INITIAL_USER_NS } from '../process/ns/user-ns.js';
import { CGROUP2_PARAMS, mountCgroup2 } from './cgroup/fs.js';
import { devfs } from './dev/devfs.js';
import { procfs } from './proc/procfs.js';
import { RamFs } from './ramfs.js';
import { sysfs } from './sys/sysfs.js';

/** What mount(2) can make, in the order of /proc/filesystems. Once per kernel. */
export function registerFsTypes(kernel: KernelCore): void {
  const { fsTypes } = kernel.vfs;
  const named = <T extends { source: string }>(fs: T, source: string): T => {
    if (source !== '') fs.source = source;
    return fs;
  };
  const tmpfs = (source: string, data: string) => {
    const options = parseTmpfsOptions(data, kernel.limits.memory);
    if (typeof options === 'number') return options;
    // Whoever mounts it owns its root.
    const cred = kernel.current?.cred;
    const hasQuotas = options.userQuota !== undefined || options.groupQuota !== undefined;
    if (hasQuotas && cred !== undefined && cred.userNs !== INITIAL_USER_NS) return -EINVAL;
    const { uid = cred?.fsuid, gid = cred?.fsgid } = options;
    return named(new TmpfsFileSystem(kernel.mountEnv, { ...options, uid, gid }), source);
  };
  fsTypes.set('sysfs', (source) => named(sysfs(kernel), source));
  const checkTmpfs = (data: string): number => {
    const options = parseTmpfsOptions(data, kernel.limits.memory);
    return typeof options === 'number' ? options : 0;
  };
  fsTypes.set('tmpfs', Object.assign(tmpfs, { params: TMPFS_PARAMS, check: checkTmpfs }));
  fsTypes.set('ramfs', (source, data) => {
    // Of its options it knows the mode; others are passed over (ramfs_parse_param).
    const mode = /(?:^|,)mode=([0-7]{1,5})(?:,|$)/.exec(data);
    const options = { mode: mode === null ? 0o755 : Number.parseInt(mode[1], 8) & 0o7777 };
    return named(new RamFs(kernel.mountEnv, options), source);
  });
  fsTypes.set('proc', (source) => named(procfs(kernel, kernel.current?.pids), source));
  const cgroup = (_source: string, data: string) => mountCgroup2(kernel, data);
  fsTypes.set('cgroup2', Object.assign(cgroup, { params: CGROUP2_PARAMS }));
  const mqueue = (_source: string, data: string) =>
    data === '' ? mqueuesOf(kernel.currentNs.ipc).fs : -EINVAL;
  fsTypes.set('mqueue', mqueue);
  fsTypes.set('devtmpfs', (source) => named(devfs(kernel), source));
  fsTypes.set('devpts', (source, data) => {
    const options = parseDevptsOptions(data);
    return typeof options === 'number' ? options : named(new Devpts(ttysOf(kernel), options), source);
  });
  fsTypes.set('overlay', overlayType(kernel));
}

/**
 * Flags any file system takes among its options; they change nothing but 'ro' and 'rw' (vfs_parse_sb_flag).
 */
const COMMON_FLAGS = ['ro', 'rw', 'sync', 'async', 'dirsync', 'lazytime', 'nolazytime', 'mand', 'nomand'];

function overlayType(kernel: KernelCore): FsTypeFactory {
  const use = new UpperUse();
  const setup = (log: FsLog): OverlaySetup => new OverlaySetup(kernel, use, log);
  const factory = (source: string, data: string) => {
    // Its directories are those of whoever mounts it.
    if (kernel.current === null) return -ENODEV;
    const parts = setup(new FsLog());
    let readOnly = false;
    let made: FileSystem | number = 0;
    for (const param of overlayOptions(data)) {
      if (param.key === 'ro' || param.key === 'rw') readOnly = param.key === 'ro';
      if (made === 0 && !COMMON_FLAGS.includes(param.key)) made = parts.set(param);
    }
    if (made === 0) made = parts.create(source);
    parts.release();
    if (typeof made !== 'number' && readOnly) made.readOnly = true;
    return made;
  };
  return Object.assign(factory, { setup });
}
