import { EINVAL, USERFAULTFD_IOC_NEW } from '@sandbox/abi';
import { File, type IoctlCaller } from '@sandbox/vfs';
import type { Task } from '../../process/task/task.js';
import { makeUserfault } from './file.js';

/**
 * /dev/userfaultfd: whoever may open it may serve faults of the kernel, too, without the capability the
 * system call asks for.
 */
export class UserfaultDevice extends File {
  override ioctl(cmd: number, arg: number, caller: IoctlCaller): number {
    return cmd === USERFAULTFD_IOC_NEW ? makeUserfault(caller.task as Task, arg >>> 0) : -EINVAL;
  }
}
