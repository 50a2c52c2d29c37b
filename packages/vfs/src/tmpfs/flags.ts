import { EFAULT, ENOTTY, EOPNOTSUPP, EPERM, FS_IOC_GETFLAGS, FS_IOC_SETFLAGS } from '@sandbox/abi';
import type { IoctlCaller } from '../core/file.js';
import type { Inode } from '../core/inode.js';
import { ownerOrCapable } from '../core/permission.js';

const word = new Uint8Array(4);

/** ioctl_iflags(2): lsattr(1) finds no flags, and chattr(1) can set none. */
export function ioctlFlags(cmd: number, arg: number, caller: IoctlCaller, inode: Inode): number {
  if (cmd === FS_IOC_GETFLAGS) {
    word.fill(0);
    return caller.memory.copyOut(arg, word, 0, 4) === 0 ? 0 : -EFAULT;
  }
  if (cmd !== FS_IOC_SETFLAGS) return -ENOTTY;
  if (caller.memory.copyIn(arg, word, 0, 4) !== 0) return -EFAULT;
  if (!ownerOrCapable(inode, caller.cred)) return -EPERM;
  return word.every((b) => b === 0) ? 0 : -EOPNOTSUPP;
}
