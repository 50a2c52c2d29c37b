import { EFAULT, EINVAL, EPERM, ESRCH, SYS_process_vm_readv, SYS_process_vm_writev } from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { BLOCKED } from '../../call/result.js';
import { row } from '../../call/row.js';
import { GuestIo } from '../../mm/guest-io.js';
import { awaitMissingForCall } from '../../process/memory/await-page.js';
import { ptraceAccess } from '../../process/task/access.js';
import type { Task } from '../../process/task/task.js';

/** Copy from one cursor to the other until either ends or faults. Bytes copied. */
function transfer(from: GuestIo, to: GuestIo): number {
  let total = 0;
  while (from.remaining > 0 && to.remaining > 0) {
    const n = from.window(to.remaining, false);
    if (n === 0) break;
    const done = to.put(from.bytes, from.start, n);
    from.advance(done);
    total += done;
    if (done < n) break;
  }
  return total;
}

function processVm(task: Task, args: SyscallArgs, write: boolean): number {
  if (args.u64(5) !== 0) return -EINVAL;
  const local = new GuestIo(task.mm);
  let r = local.resetVector(task.mm, args.u64(1), args.u64(2));
  if (r < 0) return r;
  if (local.remaining === 0) return 0;
  const pid = args.i32(0);
  const target = task.pids.tasks.get(pid);
  // The remote vector is read before the process is looked up; what it points at is checked when it is used.
  const remote = new GuestIo(target?.mm ?? task.mm);
  r = remote.resetVector(task.mm, args.u64(3), args.u64(4), true);
  if (r < 0) return r;
  if (remote.remaining === 0) return 0;
  if (!target) return -ESRCH;
  if (ptraceAccess(task, target, true) < 0) return -EPERM;
  const { mm } = target;
  mm.missing = -1;
  const total = mm.asForeigner(() => (write ? transfer(local, remote) : transfer(remote, local)));
  // Once the page is there all of it is copied again.
  if (mm !== task.mm && mm.missing >= 0 && awaitMissingForCall(task, mm) === BLOCKED) return BLOCKED;
  return total > 0 ? total : -EFAULT;
}

/** process_vm_readv(2). */
function sysProcessVmReadv(task: Task, args: SyscallArgs): number {
  return processVm(task, args, false);
}

/** process_vm_writev(2). */
function sysProcessVmWritev(task: Task, args: SyscallArgs): number {
  return processVm(task, args, true);
}

const SHAPE = ['pid', 'iovec', 'ulong', 'iovec', 'ulong', 'ulong'] as const;

export const rows = [
  row(SYS_process_vm_readv, 'process_vm_readv', sysProcessVmReadv, SHAPE),
  row(SYS_process_vm_writev, 'process_vm_writev', sysProcessVmWritev, SHAPE),
];
