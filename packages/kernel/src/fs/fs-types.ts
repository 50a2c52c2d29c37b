import { EINVAL } from '@sandbox/abi';
import { parseTmpfsOptions, TmpfsFileSystem } from '@sandbox/vfs';
import type { KernelCore } from '../kernel/kernel-core.js';
import { devfs } from './dev/devfs.js';
import { Devpts, parseDevptsOptions } from './dev/devpts.js';
import { procfs } from './proc/procfs.js';
import { cgroupfs } from './sys/cgroup.js';
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
    return typeof options === 'number'
      ? options
      : named(new TmpfsFileSystem(kernel.mountEnv, options), source);
  };
  fsTypes.set('sysfs', (source) => named(sysfs(kernel), source));
  fsTypes.set('tmpfs', tmpfs);
  fsTypes.set('proc', (source) => named(procfs(kernel), source));
  fsTypes.set('cgroup2', (source, data) => (data === '' ? named(cgroupfs(kernel), source) : -EINVAL));
  fsTypes.set('devtmpfs', (source) => named(devfs(kernel), source));
  fsTypes.set('devpts', (source, data) => {
    const options = parseDevptsOptions(data);
    return typeof options === 'number' ? options : named(new Devpts(kernel, options), source);
  });
}
