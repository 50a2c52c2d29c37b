import {
  __NEW_UTS_LEN,
  CAP_SYS_ADMIN,
  EFAULT,
  EINVAL,
  EPERM,
  PER_LINUX32,
  PER_MASK,
  SYS_setdomainname,
  SYS_sethostname,
  SYS_uname,
  UTSNAME,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { UTS_MACHINE, UTS_RELEASE, UTS_SYSNAME, UTS_VERSION } from '../../process/ns/uts.js';
import type { Task } from '../../process/task/task.js';

function put(bytes: Uint8Array, at: number, s: string): void {
  const n = Math.min(s.length, __NEW_UTS_LEN);
  for (let i = 0; i < n; i++) bytes[at + i] = s.charCodeAt(i);
}

/** uname(2): EFAULT. */
function sysUname(task: Task, args: SyscallArgs): number {
  const kernel = task.kernel;
  const bytes = kernel.scratch;
  bytes.fill(0, 0, UTSNAME.SIZE);
  put(bytes, UTSNAME.sysname, UTS_SYSNAME);
  put(bytes, UTSNAME.nodename, task.nsSet.uts.hostname);
  put(bytes, UTSNAME.release, UTS_RELEASE);
  put(bytes, UTSNAME.version, UTS_VERSION);
  const old = (task.personality & PER_MASK) === PER_LINUX32;
  put(bytes, UTSNAME.machine, old ? 'i686' : UTS_MACHINE);
  put(bytes, UTSNAME.domainname, task.nsSet.uts.domainname);
  return task.mm.copyOut(args.u64(0), bytes, 0, UTSNAME.SIZE);
}

/** The new name as a byte string: EPERM, EINVAL, EFAULT. */
function readName(task: Task, addr: number, length: number): string | number {
  if (!task.cred.capableIn(task.nsSet.uts.userNs, CAP_SYS_ADMIN)) return -EPERM;
  if (length < 0 || length > __NEW_UTS_LEN) return -EINVAL;
  const bytes = task.kernel.scratch;
  if (task.mm.copyIn(addr, bytes, 0, length) < 0) return -EFAULT;
  const nul = bytes.subarray(0, length).indexOf(0);
  return Buffer.from(bytes.buffer, bytes.byteOffset, nul < 0 ? length : nul).toString('latin1');
}

/** sethostname(2). */
function sysSethostname(task: Task, args: SyscallArgs): number {
  const name = readName(task, args.u64(0), args.i32(1));
  if (typeof name === 'number') return name;
  task.nsSet.uts.hostname = name;
  return 0;
}

/** setdomainname(2). */
function sysSetdomainname(task: Task, args: SyscallArgs): number {
  const name = readName(task, args.u64(0), args.i32(1));
  if (typeof name === 'number') return name;
  task.nsSet.uts.domainname = name;
  return 0;
}

export const rows = [
  row(SYS_uname, 'uname', sysUname, ['utsname']),
  row(SYS_sethostname, 'sethostname', sysSethostname, ['buf', 'size']),
  row(SYS_setdomainname, 'setdomainname', sysSetdomainname, ['buf', 'size']),
];
