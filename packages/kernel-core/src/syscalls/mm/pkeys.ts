import {
  EINVAL,
  PKEY_DISABLE_ACCESS,
  PKEY_DISABLE_WRITE,
  SYS_mprotect,
  SYS_pkey_alloc,
  SYS_pkey_free,
  SYS_pkey_mprotect,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import type { SyscallHandler } from '../../process/kernel/call-table.js';
import type { Task } from '../../process/task/task.js';

/**
 * Protection keys (pkeys(7)), as on a processor without them: key 0, which all memory has, is the only one.
 * Guests run natively, and what a key means lies in a register the platform does not give to them.
 */

/** pkey_mprotect: mprotect(2) with key -1 (leave it) or 0; others EINVAL. */
function sysPkeyMprotect(t: Task, a: SyscallArgs): number {
  const key = a.i32(3);
  if (key !== -1 && key !== 0) return -EINVAL;
  return mprotect(t)(t, a);
}

function mprotect(t: Task): SyscallHandler {
  return t.kernel.syscalls.row(SYS_mprotect)!.handler!;
}

/**
 * pkey_alloc(2): EINVAL, as Linux answers where the processor has no keys (x86: arch_set_user_pkey_access).
 */
function sysPkeyAlloc(): number {
  return -EINVAL;
}

/** pkey_free(2): EINVAL, no key can have been allocated. */
function sysPkeyFree(): number {
  return -EINVAL;
}

const NOTE = 'as on a processor without protection keys';

export const rows = [
  row(SYS_pkey_mprotect, 'pkey_mprotect', sysPkeyMprotect, ['ptr', 'size', 'int', 'int'], {
    support: 'partial',
    note: NOTE,
  }),
  row(
    SYS_pkey_alloc,
    'pkey_alloc',
    sysPkeyAlloc,
    ['ulong', { flags: { PKEY_DISABLE_ACCESS, PKEY_DISABLE_WRITE } }],
    {
      support: 'partial',
      note: NOTE,
    },
  ),
  row(SYS_pkey_free, 'pkey_free', sysPkeyFree, ['int'], { support: 'partial', note: NOTE }),
];
