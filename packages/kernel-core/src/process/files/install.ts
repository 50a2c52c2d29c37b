import { EFAULT, ENFILE, RLIMIT_NOFILE } from '@sandbox/abi';
import { type File, releaseFile } from '@sandbox/vfs';
import type { Task } from '../task/task.js';

/**
 * Give two new anonymous descriptions descriptors and store them as two ints at `addr`. The references are
 * taken over, or dropped on failure: -EMFILE, -ENFILE, -EFAULT.
 */
export function installPair(t: Task, first: File, second: File, addr: number, cloexec: boolean): number {
  if (!countOpen(t, first) || !countOpen(t, second)) {
    releaseFile(first);
    releaseFile(second);
    return -ENFILE;
  }
  const limit = t.group.limits.soft[RLIMIT_NOFILE];
  const fd0 = t.files.install(first, cloexec, limit);
  if (fd0 < 0) {
    releaseFile(first);
    releaseFile(second);
    return fd0;
  }
  const fd1 = t.files.install(second, cloexec, limit);
  if (fd1 < 0) {
    t.files.close(fd0);
    releaseFile(second);
    return fd1;
  }
  const { scratch, scratchView } = t.kernel;
  scratchView.setInt32(0, fd0, true);
  scratchView.setInt32(4, fd1, true);
  if (t.mm.copyOut(addr, scratch, 0, 8) < 0) {
    t.files.close(fd0);
    t.files.close(fd1);
    return -EFAULT;
  }
  return 0;
}

/** Count a new description against the kernel's limit. False: there are too many (ENFILE). */
function countOpen(t: Task, file: File): boolean {
  const { vfs, limits } = t.kernel;
  // A connection that was waiting to be accepted is counted already.
  if (file.openCounter !== null) return true;
  if (vfs.openFiles >= limits.openFiles) return false;
  vfs.openFiles++;
  file.openCounter = vfs;
  return true;
}

/** Give a new anonymous description a descriptor; drops the reference on failure (-EMFILE, -ENFILE). */
export function installFile(t: Task, file: File, cloexec: boolean): number {
  const fd = countOpen(t, file)
    ? t.files.install(file, cloexec, t.group.limits.soft[RLIMIT_NOFILE])
    : -ENFILE;
  if (fd < 0) releaseFile(file);
  return fd;
}
