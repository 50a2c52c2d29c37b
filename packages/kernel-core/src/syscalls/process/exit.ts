import { SYS_exit, SYS_exit_group } from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { NO_RESULT } from '../../call/result.js';
import { row } from '../../call/row.js';
import { endThread, exitGroup } from '../../process/task/exit.js';
import type { Task } from '../../process/task/task.js';

/** _exit(2) as a system call: ends the calling thread. */
function sysExit(t: Task, a: SyscallArgs): number {
  endThread(t, (a.i32(0) & 0xff) << 8);
  return NO_RESULT;
}

/** exit_group(2): ends all threads. When the process is ending already, the first status counts. */
function sysExitGroup(t: Task, a: SyscallArgs): number {
  // A thread that another's execve is ending has no say about the process.
  if (!t.signals.exiting || t.group.exiting) exitGroup(t.group, (a.i32(0) & 0xff) << 8);
  endThread(t, t.group.exitStatus);
  return NO_RESULT;
}

export const rows = [
  row(SYS_exit, 'exit', sysExit, ['int']),
  row(SYS_exit_group, 'exit_group', sysExitGroup, ['int']),
];
