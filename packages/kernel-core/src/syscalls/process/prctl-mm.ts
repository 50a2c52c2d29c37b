import {
  CAP_SYS_RESOURCE,
  EBADF,
  EFAULT,
  EINVAL,
  EPERM,
  PR_SET_MM_ARG_END,
  PR_SET_MM_ARG_START,
  PR_SET_MM_AUXV,
  PR_SET_MM_BRK,
  PR_SET_MM_END_CODE,
  PR_SET_MM_END_DATA,
  PR_SET_MM_ENV_END,
  PR_SET_MM_ENV_START,
  PR_SET_MM_EXE_FILE,
  PR_SET_MM_START_BRK,
  PR_SET_MM_START_CODE,
  PR_SET_MM_START_DATA,
  PR_SET_MM_START_STACK,
  PR_SET_VMA_ANON_NAME,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { setAnonName } from '../../mm/anon-name.js';
import type { ExecRecord } from '../../mm/exec-record.js';
import type { Task } from '../../process/task/task.js';

/** Longest name of an anonymous mapping, with its NUL. */
const ANON_NAME_MAX = 80;
const MMAP_MIN_ADDR = 65536;
/** Most bytes of an auxiliary vector. */
const AUXV_MAX = 416;

/**
 * PR_SET_VMA_ANON_NAME: names what /proc/pid/maps shows as [anon:name]. EBADF (a file mapping), EFAULT,
 * EINVAL, ENOMEM.
 */
export function setVma(t: Task, a: SyscallArgs): number {
  if (a.u64(1) !== PR_SET_VMA_ANON_NAME) return -EINVAL;
  const address = a.u64(4);
  let name = '';
  if (address !== 0) {
    const s = t.mm.readString(address, ANON_NAME_MAX);
    if (typeof s === 'number') return s === -EFAULT ? s : -EINVAL;
    if (!isValidName(s)) return -EINVAL;
    name = s;
  }
  return setAnonName(t.mm, a.u64(2), a.u64(3), name);
}

/** Printable, and nothing that would confuse a reader of maps (is_valid_name_char). */
function isValidName(name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const c = name.charCodeAt(i);
    if (c <= 0x1f || c >= 0x7f || '\\`$[]'.includes(name[i])) return false;
  }
  return true;
}

const FIELDS: ReadonlyMap<number, keyof ExecRecord & string> = new Map([
  [PR_SET_MM_START_CODE, 'startCode'],
  [PR_SET_MM_END_CODE, 'endCode'],
  [PR_SET_MM_START_DATA, 'startData'],
  [PR_SET_MM_END_DATA, 'endData'],
  [PR_SET_MM_START_STACK, 'startStack'],
  [PR_SET_MM_ARG_START, 'argStart'],
  [PR_SET_MM_ARG_END, 'argEnd'],
  [PR_SET_MM_ENV_START, 'envStart'],
  [PR_SET_MM_ENV_END, 'envEnd'],
] as const);

/** PR_SET_MM for single fields: what /proc shows of the program's layout. EINVAL, EPERM, EFAULT, EBADF. */
export function setMm(t: Task, a: SyscallArgs): number {
  const what = a.u64(1);
  const value = a.u64(2);
  if (a.u64(4) !== 0 || (a.u64(3) !== 0 && what !== PR_SET_MM_AUXV)) return -EINVAL;
  if (!t.cred.capable(CAP_SYS_RESOURCE)) return -EPERM;
  const record = t.mm.exec;
  if (what === PR_SET_MM_EXE_FILE) {
    const file = t.files.get(a.i32(2));
    if (!file) return -EBADF;
    if (!file.inode.isRegular) return -EINVAL;
    record.setExeFile(file);
    return 0;
  }
  if (what === PR_SET_MM_AUXV) return setAuxv(t, value, a.u64(3));
  if (value < MMAP_MIN_ADDR || value >= 0x7ffffffff000) return -EINVAL;
  const field = FIELDS.get(what);
  // Moving the heap is the memory manager's: brk(2).
  if (!field || what === PR_SET_MM_START_BRK || what === PR_SET_MM_BRK) return -EINVAL;
  Object.assign(record, { [field]: value });
  return 0;
}

function setAuxv(t: Task, address: number, length: number): number {
  if (length > AUXV_MAX) return -EINVAL;
  const auxv = new Uint8Array(AUXV_MAX);
  if (t.mm.copyIn(address, auxv, 0, length) < 0) return -EFAULT;
  // The last entry is always AT_NULL.
  auxv.fill(0, AUXV_MAX - 16);
  t.mm.exec.auxv = auxv;
  return 0;
}
