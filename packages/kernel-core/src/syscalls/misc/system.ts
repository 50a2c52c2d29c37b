import {
  CAP_SYS_BOOT,
  CAP_SYS_TTY_CONFIG,
  CAP_SYSLOG,
  EFAULT,
  EINVAL,
  EPERM,
  ERESTARTSYS,
  LINUX_REBOOT_CMD_HALT,
  LINUX_REBOOT_CMD_POWER_OFF,
  LINUX_REBOOT_CMD_RESTART,
  LINUX_REBOOT_CMD_RESTART2,
  LINUX_REBOOT_MAGIC1,
  LINUX_REBOOT_MAGIC2,
  LINUX_REBOOT_MAGIC2A,
  LINUX_REBOOT_MAGIC2B,
  LINUX_REBOOT_MAGIC2C,
  POLLIN,
  SI_KERNEL,
  SIGHUP,
  SIGINT,
  SIGKILL,
  SYS_getcpu,
  SYS_reboot,
  SYS_sysinfo,
  SYS_syslog,
  SYS_vhangup,
  SYSINFO,
  SYSLOG_ACTION_CLEAR,
  SYSLOG_ACTION_CLOSE,
  SYSLOG_ACTION_CONSOLE_LEVEL,
  SYSLOG_ACTION_READ,
  SYSLOG_ACTION_READ_ALL,
  SYSLOG_ACTION_READ_CLEAR,
  SYSLOG_ACTION_SIZE_BUFFER,
  SYSLOG_ACTION_SIZE_UNREAD,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { NO_RESULT } from '../../call/result.js';
import { row } from '../../call/row.js';
import { Tty } from '../../files/tty/tty.js';
import { LOG_SIZE } from '../../process/kernel/log.js';
import { siginfo } from '../../process/signal/siginfo.js';
import { endThread, exitGroup } from '../../process/task/exit.js';
import { currentCpu } from '../../process/task/sched.js';
import type { Task } from '../../process/task/task.js';

/** sysinfo(2): EFAULT. Memory is the sandbox's limit and what is left of it; load averages are not kept. */
function sysSysinfo(task: Task, args: SyscallArgs): number {
  const kernel = task.kernel;
  const { scratch, scratchView: view } = kernel;
  scratch.fill(0, 0, SYSINFO.SIZE);
  const total = kernel.limits.memory;
  const put = (at: number, value: number): void => {
    view.setUint32(at, value >>> 0, true);
    view.setUint32(at + 4, Math.floor(value / 4294967296), true);
  };
  put(SYSINFO.uptime, Math.ceil((kernel.clock.monotonic() + task.nsSet.time.boottime) / 1e9));
  put(SYSINFO.totalram, total);
  put(SYSINFO.freeram, Math.max(0, total - kernel.memory.allocatedBytes));
  view.setUint16(SYSINFO.procs, Math.min(kernel.pids.tasks.size, 0xffff), true);
  view.setUint32(SYSINFO.mem_unit, 1, true);
  return task.mm.copyOut(args.u64(0), scratch, 0, SYSINFO.SIZE);
}

/** getcpu(2): EFAULT. */
function sysGetcpu(task: Task, args: SyscallArgs): number {
  const cpu = args.u64(0);
  const node = args.u64(1);
  if (cpu !== 0 && task.mm.store32(cpu, currentCpu(task)) < 0) return -EFAULT;
  if (node !== 0 && task.mm.store32(node, 0) < 0) return -EFAULT;
  return 0;
}

/** syslog(2): EPERM, EINVAL, EFAULT, EINTR. */
function sysSyslog(task: Task, args: SyscallArgs): number {
  const action = args.i32(0);
  const length = args.i32(2);
  const open = action === SYSLOG_ACTION_READ_ALL || action === SYSLOG_ACTION_SIZE_BUFFER;
  if (!open && !task.cred.capable(CAP_SYSLOG)) return -EPERM;
  switch (action) {
    case SYSLOG_ACTION_READ:
    case SYSLOG_ACTION_READ_ALL:
    case SYSLOG_ACTION_READ_CLEAR:
      if (args.u64(1) === 0 || length < 0) return -EINVAL;
      if (length === 0) return 0;
      if (action === SYSLOG_ACTION_READ) return readLog(task, args.u64(1), length);
      return readWholeLog(task, args.u64(1), length, action === SYSLOG_ACTION_READ_CLEAR);
    case SYSLOG_ACTION_CLEAR:
      task.kernel.log.clearedUpTo = task.kernel.log.next;
      return 0;
    case SYSLOG_ACTION_SIZE_UNREAD: {
      let size = 0;
      for (const { line } of task.kernel.log.lines(task.kernel.log.readUpTo)) size += line.length;
      return size;
    }
    case SYSLOG_ACTION_CONSOLE_LEVEL:
      return length < 1 || length > 8 ? -EINVAL : 0;
    case SYSLOG_ACTION_SIZE_BUFFER:
      return LOG_SIZE;
    default:
      return action < SYSLOG_ACTION_CLOSE || action > SYSLOG_ACTION_SIZE_BUFFER ? -EINVAL : 0;
  }
}

/** Whole records that were not read before; waits for one. */
function readLog(task: Task, addr: number, length: number): number {
  const { log } = task.kernel;
  let done = 0;
  for (const { record, line } of log.lines(log.readUpTo)) {
    if (done + line.length > length) break;
    const bytes = Buffer.from(line, 'latin1');
    if (task.mm.copyOut(addr + done, bytes, 0, bytes.length) < 0) return done > 0 ? done : -EFAULT;
    done += bytes.length;
    log.readUpTo = record.sequence + 1;
  }
  return done > 0 || log.from(log.readUpTo) !== undefined
    ? done
    : task.sleep(log.queue, POLLIN, -ERESTARTSYS);
}

/** The last records that fit, since the log was cleared. */
function readWholeLog(task: Task, addr: number, length: number, clear: boolean): number {
  const { log } = task.kernel;
  const lines = [...log.lines(log.clearedUpTo)].map(({ line }) => Buffer.from(line, 'latin1'));
  let size = lines.reduce((sum, line) => sum + line.length, 0);
  while (size > length) size -= lines.shift()!.length;
  const bytes = Buffer.concat(lines);
  if (task.mm.copyOut(addr, bytes, 0, bytes.length) < 0) return -EFAULT;
  if (clear) log.clearedUpTo = log.next;
  return bytes.length;
}

function validMagic(magic: number, magic2: number): boolean {
  return (
    magic === LINUX_REBOOT_MAGIC1 &&
    (magic2 === LINUX_REBOOT_MAGIC2 ||
      magic2 === LINUX_REBOOT_MAGIC2A ||
      magic2 === LINUX_REBOOT_MAGIC2B ||
      magic2 === LINUX_REBOOT_MAGIC2C)
  );
}

/**
 * What process 1 of a pid namespace is said to have died of when the namespace is restarted, halted or
 * powered off; 0: no such command.
 */
function rebootSignal(command: number): number {
  switch (command) {
    case LINUX_REBOOT_CMD_RESTART:
    case LINUX_REBOOT_CMD_RESTART2:
      return SIGHUP;
    case LINUX_REBOOT_CMD_HALT:
    case LINUX_REBOOT_CMD_POWER_OFF:
      return SIGINT;
    default:
      // There is no keyboard whose Ctrl-Alt-Del could be caught, nothing to load another kernel with, and no
      // disk to sleep on.
      return 0;
  }
}

/**
 * reboot(2), as in a pid namespace: EPERM, EINVAL. Halting, restarting or powering off ends every process of
 * the caller's namespace. In the first one, which has no process 1, that is all there are; the embedder
 * decides whether anything starts again.
 */
function sysReboot(task: Task, args: SyscallArgs): number {
  const { pids, kernel } = task;
  if (!task.cred.capableIn(pids.userNs, CAP_SYS_BOOT)) return -EPERM;
  if (!validMagic(args.u32(0), args.u32(1))) return -EINVAL;
  const signal = rebootSignal(args.u32(2));
  if (signal === 0) return -EINVAL;
  if (pids.init === null) {
    for (const process of [...pids.processes.values()]) {
      if (process.tasks.length > 0) kernel.signals.sendToProcess(process, siginfo(SIGKILL, SI_KERNEL));
    }
    return 0;
  }
  pids.rebootSignal = signal;
  exitGroup(pids.init, SIGKILL);
  endThread(task, 0);
  return NO_RESULT;
}

/** vhangup(2): EPERM. The caller's terminal is hung up. */
function sysVhangup(task: Task): number {
  if (!task.cred.capable(CAP_SYS_TTY_CONFIG)) return -EPERM;
  const { tty } = task.group.session;
  if (tty instanceof Tty) tty.hangUp();
  return 0;
}

export const rows = [
  row(SYS_vhangup, 'vhangup', sysVhangup, []),
  row(SYS_sysinfo, 'sysinfo', sysSysinfo, ['sysinfo'], { note: 'load averages are 0' }),
  row(SYS_getcpu, 'getcpu', sysGetcpu, ['ptr', 'ptr', 'ptr'], {
    note: 'the CPU rseq(2) tells, or the first of the affinity mask, on node 0',
  }),
  row(SYS_syslog, 'syslog', sysSyslog, ['int', 'outbuf', 'int'], {
    note: 'the log has what packet filters and writers of /dev/kmsg say',
  }),
  row(SYS_reboot, 'reboot', sysReboot, ['uint', 'uint', 'uint', 'ptr'], {
    support: 'partial',
    note: 'every restart or halt ends all processes of the pid namespace; no kexec, no suspend',
  }),
];
