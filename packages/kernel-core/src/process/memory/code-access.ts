import { PROT_EXEC, PROT_WRITE } from '@sandbox/abi';
import type { CodeAccess, Context } from '@sandbox/platform';
import { VM_SHARED } from '../../mm/vma.js';
import type { Task } from '../task/task.js';

/**
 * The platform's way to guest code: it may replace instructions in private, file-backed, unwritable code,
 * such as a program's or a library's text. The page changed is the process's own copy from then on; the page
 * cache keeps the file's bytes.
 */
export const codeAccess: CodeAccess = {
  read(context: Context, addr: number, dst: Uint8Array): boolean {
    return taskOf(context).mm.accessForced(addr, dst, 0, dst.length, false) === dst.length;
  },
  patch(context: Context, addr: number, bytes: Uint8Array): boolean {
    const { mm } = taskOf(context);
    const vma = mm.vmas.find(addr);
    if (vma === null || vma.file === null || (vma.flags & VM_SHARED) !== 0) return false;
    if ((vma.prot & (PROT_EXEC | PROT_WRITE)) !== PROT_EXEC) return false;
    return mm.accessForced(addr, bytes, 0, bytes.length, true) === bytes.length;
  },
};

function taskOf(context: Context): Task {
  return context.sink as Task;
}
