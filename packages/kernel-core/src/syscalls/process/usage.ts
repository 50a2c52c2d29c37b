import {
  EFAULT,
  EINVAL,
  RUSAGE,
  RUSAGE_CHILDREN,
  RUSAGE_SELF,
  RUSAGE_THREAD,
  SYS_getrusage,
  SYS_times,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { processSystemTime, processUserTime, toTicks } from '../../process/task/cputime.js';
import { rusage } from '../../process/task/rusage.js';
import type { Task } from '../../process/task/task.js';

/** getrusage(2): EFAULT, EINVAL. */
function sysGetrusage(t: Task, a: SyscallArgs): number {
  const who = a.i32(0);
  rusage.clear();
  if (who === RUSAGE_SELF) rusage.addProcess(t.group);
  else if (who === RUSAGE_CHILDREN) rusage.addChildren(t.group);
  else if (who === RUSAGE_THREAD) rusage.addTask(t);
  else return -EINVAL;
  const { scratch, scratchView } = t.kernel;
  rusage.write(scratchView, 0);
  return t.mm.copyOut(a.u64(1), scratch, 0, RUSAGE.SIZE);
}

/** times(2): clock ticks since some point in the past; EFAULT. */
function sysTimes(t: Task, a: SyscallArgs): number {
  const address = a.u64(0);
  if (address !== 0) {
    const { group } = t;
    const { scratch, scratchView } = t.kernel;
    const values = [processUserTime(group), processSystemTime(group), group.childUtime, group.childStime];
    for (let i = 0; i < 4; i++) {
      const ticks = toTicks(values[i]);
      scratchView.setUint32(i * 8, ticks >>> 0, true);
      scratchView.setUint32(i * 8 + 4, Math.floor(ticks / 4294967296), true);
    }
    if (t.mm.copyOut(address, scratch, 0, 32) < 0) return -EFAULT;
  }
  return toTicks(t.kernel.clock.monotonic());
}

const note = 'system time is not measured apart from user time';

export const rows = [
  row(SYS_getrusage, 'getrusage', sysGetrusage, ['int', 'rusage'], { support: 'partial', note }),
  row(SYS_times, 'times', sysTimes, ['ptr'], { support: 'partial', note }),
];
