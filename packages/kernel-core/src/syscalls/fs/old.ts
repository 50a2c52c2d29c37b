import { EFAULT, EINVAL, SYS_sysfs, SYS_ustat } from '@sandbox/abi';
import type { FileSystem } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import type { Task } from '../../process/task/task.js';

/** struct ustat: free blocks, free inodes, and two names nobody fills in. */
const USTAT_SIZE = 32;
const NAME_MAX = 4096;

/** A mounted file system by its device number. */
function byDevice(t: Task, dev: number): FileSystem | null {
  for (const mount of t.fs.namespace.mounts) if (mount.fs.dev === dev) return mount.fs;
  return null;
}

/** ustat(2) */
function sysUstat(t: Task, a: SyscallArgs): number {
  const fs = byDevice(t, a.u32(0));
  if (fs === null) return -EINVAL;
  const stats = fs.statfs();
  const { scratch, scratchView } = t.kernel;
  scratch.fill(0, 0, USTAT_SIZE);
  scratchView.setUint32(0, stats.bfree, true);
  scratchView.setUint32(8, stats.ffree, true);
  scratchView.setUint32(12, Math.floor(stats.ffree / 4294967296), true);
  return t.mm.copyOut(a.u64(1), scratch, 0, USTAT_SIZE);
}

/** sysfs(2): file system types by name (1) and number (2), and how many there are (3). */
function sysSysfs(t: Task, a: SyscallArgs): number {
  const names = [...t.kernel.vfs.fsTypes.keys()];
  switch (a.i32(0)) {
    case 1: {
      const name = t.mm.readString(a.u64(1), NAME_MAX);
      if (typeof name === 'number') return name;
      const index = names.indexOf(name);
      return index < 0 ? -EINVAL : index;
    }
    case 2: {
      const name = names[a.u32(1)];
      if (name === undefined) return -EINVAL;
      const bytes = Buffer.from(`${name}\0`, 'latin1');
      return t.mm.copyOut(a.u64(2), bytes, 0, bytes.length) < 0 ? -EFAULT : 0;
    }
    case 3:
      return names.length;
    default:
      return -EINVAL;
  }
}

export const rows = [
  row(SYS_ustat, 'ustat', sysUstat, ['dev', 'ptr']),
  row(SYS_sysfs, 'sysfs', sysSysfs, ['int', 'ulong', 'ptr']),
];
