import { SYS_ptrace } from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { type PtraceArguments, ptrace } from '../../process/ptrace/requests.js';
import type { Task } from '../../process/task/task.js';

const args: PtraceArguments = { addr: 0, data: 0, dataLo: 0, dataHi: 0 };

/** ptrace(2): EPERM, ESRCH, EIO, EINVAL, EFAULT, ENOSPC. */
function sysPtrace(t: Task, a: SyscallArgs): number {
  args.addr = a.u64(2);
  args.data = a.u64(3);
  args.dataLo = a.u32(3);
  args.dataHi = a.hi(3);
  return ptrace(t, a.u32(0), a.i32(1), args);
}

export const rows = [
  row(SYS_ptrace, 'ptrace', sysPtrace, ['ulong', 'pid', 'ptr', 'ptr'], {
    support: 'partial',
    note: 'hardware breakpoints where the platform has them (ptrace, kvm but for PVM; else ENOSPC); PTRACE_SINGLEBLOCK steps one instruction',
  }),
];
