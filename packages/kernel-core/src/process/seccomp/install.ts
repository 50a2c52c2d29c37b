import {
  BPF_MAXINSNS,
  CAP_SYS_ADMIN,
  EACCES,
  EBUSY,
  EFAULT,
  EINVAL,
  ENOMEM,
  EOPNOTSUPP,
  ESRCH,
  SECCOMP_DATA,
  SECCOMP_FILTER_FLAG_LOG,
  SECCOMP_FILTER_FLAG_NEW_LISTENER,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW,
  SECCOMP_FILTER_FLAG_TSYNC,
  SECCOMP_FILTER_FLAG_TSYNC_ESRCH,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
  SECCOMP_MODE_DISABLED,
  SECCOMP_MODE_FILTER,
  SECCOMP_MODE_STRICT,
  SECCOMP_NOTIF,
  SECCOMP_NOTIF_RESP,
  SECCOMP_NOTIF_SIZES,
  SECCOMP_RET_ALLOW,
  SECCOMP_RET_ERRNO,
  SECCOMP_RET_KILL_PROCESS,
  SECCOMP_RET_KILL_THREAD,
  SECCOMP_RET_LOG,
  SECCOMP_RET_TRACE,
  SECCOMP_RET_TRAP,
  SECCOMP_RET_USER_NOTIF,
  SOCK_FILTER,
  SOCK_FPROG,
} from '@sandbox/abi';
import type { BpfProgram } from '../../bpf/program.js';
import { installFile } from '../files/install.js';
import type { Task } from '../task/task.js';
import { parseSeccomp } from './data.js';
import { SeccompFilter } from './filter.js';
import { Notifier, NotifierFile } from './notifier.js';

/** Instructions of all filters of one thread together (MAX_INSNS_PER_PATH). */
const MAX_INSTRUCTIONS = (1 << 18) / SOCK_FILTER.SIZE;
const FLAGS =
  SECCOMP_FILTER_FLAG_TSYNC |
  SECCOMP_FILTER_FLAG_LOG |
  SECCOMP_FILTER_FLAG_SPEC_ALLOW |
  SECCOMP_FILTER_FLAG_NEW_LISTENER |
  SECCOMP_FILTER_FLAG_TSYNC_ESRCH |
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
const ACTIONS: ReadonlySet<number> = new Set([
  SECCOMP_RET_KILL_PROCESS,
  SECCOMP_RET_KILL_THREAD,
  SECCOMP_RET_TRAP,
  SECCOMP_RET_ERRNO,
  SECCOMP_RET_USER_NOTIF,
  SECCOMP_RET_TRACE,
  SECCOMP_RET_LOG,
  SECCOMP_RET_ALLOW,
]);

/** A thread that chose one mode cannot take another. */
function mayAssign(task: Task, mode: number): boolean {
  return task.seccompMode === SECCOMP_MODE_DISABLED || task.seccompMode === mode;
}

/** SECCOMP_SET_MODE_STRICT: EINVAL. */
export function setStrict(task: Task): number {
  if (!mayAssign(task, SECCOMP_MODE_STRICT)) return -EINVAL;
  task.setSeccomp(SECCOMP_MODE_STRICT, null);
  return 0;
}

/**
 * Read and check the program at `addr` (`struct sock_fprog`): EFAULT, EINVAL, EACCES (neither no_new_privs
 * nor CAP_SYS_ADMIN).
 */
function readProgram(task: Task, addr: number): BpfProgram | number {
  const { scratch, scratchView } = task.kernel;
  if (task.mm.copyIn(addr, scratch, 0, SOCK_FPROG.SIZE) < 0) return -EFAULT;
  const length = scratchView.getUint16(SOCK_FPROG.len, true);
  const from =
    scratchView.getUint32(SOCK_FPROG.filter, true) +
    scratchView.getUint32(SOCK_FPROG.filter + 4, true) * 4294967296;
  if (length === 0 || length > BPF_MAXINSNS) return -EINVAL;
  if (!task.cred.noNewPrivs && !task.cred.has(CAP_SYS_ADMIN)) return -EACCES;
  const bytes = new Uint8Array(length * SOCK_FILTER.SIZE);
  if (task.mm.copyIn(from, bytes, 0, bytes.length) < 0) return -EFAULT;
  return parseSeccomp(bytes) ?? -EINVAL;
}

/**
 * SECCOMP_SET_MODE_FILTER: 0, a listener's descriptor, or (TSYNC) the id of a thread that cannot follow;
 * EINVAL, EFAULT, EACCES, EBUSY, ENOMEM, ESRCH, EMFILE.
 */
export function setFilter(task: Task, flags: number, addr: number): number {
  if ((flags & ~FLAGS) !== 0) return -EINVAL;
  const listen = (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) !== 0;
  const sync = (flags & SECCOMP_FILTER_FLAG_TSYNC) !== 0;
  const syncEsrch = (flags & SECCOMP_FILTER_FLAG_TSYNC_ESRCH) !== 0;
  if (sync && listen && !syncEsrch) return -EINVAL;
  if ((flags & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) !== 0 && !listen) return -EINVAL;
  const program = readProgram(task, addr);
  if (typeof program === 'number') return program;
  if (!mayAssign(task, SECCOMP_MODE_FILTER)) return -EINVAL;
  if (listen && task.seccomp?.hasListener) return -EBUSY;
  if (program.charge + (task.seccomp === null ? 0 : task.seccomp.total + 4) > MAX_INSTRUCTIONS)
    return -ENOMEM;
  if (sync) {
    const stranger = cannotFollow(task);
    if (stranger !== 0) return syncEsrch ? -ESRCH : stranger;
  }
  let fd = 0;
  let notifier: Notifier | null = null;
  if (listen) {
    const killable = (flags & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) !== 0;
    notifier = new Notifier(killable, firstId(task));
    const file = new NotifierFile(task.kernel.anonInode, notifier, task.kernel.pids.tasks);
    fd = installFile(task, file, true);
    if (fd < 0) return fd;
  }
  const log = (flags & SECCOMP_FILTER_FLAG_LOG) !== 0;
  const filter = new SeccompFilter(program, task.seccomp, log, notifier);
  task.setSeccomp(SECCOMP_MODE_FILTER, filter);
  if (sync) followAll(task, filter);
  return fd;
}

function firstId(task: Task): number {
  const { random } = task.kernel;
  return random.uint32() + (random.uint32() & 0xfffff) * 4294967296;
}

/** The id of a thread whose filters are not those of `task` or earlier ones, 0 when all can follow. */
function cannotFollow(task: Task): number {
  for (const t of task.group.tasks) {
    if (t === task || t.signals.exiting || t.seccompMode === SECCOMP_MODE_DISABLED) continue;
    if (t.seccompMode === SECCOMP_MODE_FILTER && (t.seccomp === null || t.seccomp.isAncestorOf(task.seccomp)))
      continue;
    return t.tidFor(task);
  }
  return 0;
}

/** All threads come under `filter`, and under no_new_privs when the caller is (seccomp_sync_threads). */
function followAll(task: Task, filter: SeccompFilter): void {
  for (const t of task.group.tasks) {
    if (t === task || t.signals.exiting) continue;
    t.setSeccomp(SECCOMP_MODE_FILTER, filter);
    if (!task.cred.noNewPrivs || t.cred.noNewPrivs) continue;
    const next = t.cred.clone();
    next.noNewPrivs = true;
    t.cred = next;
  }
}

/** SECCOMP_GET_ACTION_AVAIL: EFAULT, EOPNOTSUPP. */
export function actionAvailable(task: Task, addr: number): number {
  const action = task.mm.load32(addr);
  if (action < 0) return -EFAULT;
  return ACTIONS.has(action) ? 0 : -EOPNOTSUPP;
}

/** SECCOMP_GET_NOTIF_SIZES: EFAULT. */
export function notifSizes(task: Task, addr: number): number {
  const { scratch, scratchView } = task.kernel;
  scratchView.setUint16(SECCOMP_NOTIF_SIZES.seccomp_notif, SECCOMP_NOTIF.SIZE, true);
  scratchView.setUint16(SECCOMP_NOTIF_SIZES.seccomp_notif_resp, SECCOMP_NOTIF_RESP.SIZE, true);
  scratchView.setUint16(SECCOMP_NOTIF_SIZES.seccomp_data, SECCOMP_DATA.SIZE, true);
  return task.mm.copyOut(addr, scratch, 0, SECCOMP_NOTIF_SIZES.SIZE);
}
