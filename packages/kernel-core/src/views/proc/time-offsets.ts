import { CAP_SYS_TIME, EACCES, EINVAL, EPERM, ERANGE, ESRCH } from '@sandbox/abi';
import type { Credentials } from '@sandbox/vfs';
import { Cred } from '../../process/cred/cred.js';
import type { Content } from '../../pseudo/text.js';
import type { ProcSubject } from './subject.js';

const LINE = /^\s*(monotonic|boottime|1|7)\s+(-?\d{1,11})\s+(\d{1,9})\s*$/;
/** Half of what 64 bits of nanoseconds hold, in seconds (KTIME_SEC_MAX / 2). */
const SECONDS_MAX = 4_611_686_018;

function line(name: string, ns: number): string {
  const sec = Math.floor(ns / 1e9);
  return `${name.padEnd(10)} ${String(sec).padStart(10)} ${String(ns - sec * 1e9).padStart(9)}\n`;
}

/**
 * /proc/PID/timens_offsets: what the namespace the process's children get adds to the clocks
 * (time_namespaces(7)).
 */
export function timeOffsetsText(s: ProcSubject): Content {
  if (!s.mayInspect) return -EACCES;
  const time = (s.task?.nsSet ?? s.kernel.namespaces.initial).timeForChildren;
  return line('monotonic', time.monotonic) + line('boottime', time.boottime);
}

/** Set them, before the first process is in the namespace: EACCES, EINVAL, EPERM, ERANGE, ESRCH. */
export function setTimeOffsets(s: ProcSubject, text: string, offset: number, cred: Credentials): number {
  const { task, kernel } = s;
  if (task === null) return -ESRCH;
  if (offset !== 0 || text.length >= 4096) return -EINVAL;
  const parsed: { monotonic: boolean; ns: number }[] = [];
  const lines = text.split('\n').filter((l) => l.trim() !== '');
  if (lines.length === 0 || lines.length > 2) return -EINVAL;
  for (const l of lines) {
    const m = LINE.exec(l);
    if (m === null || Number(m[3]) > 999_999_999) return -EINVAL;
    parsed.push({ monotonic: m[1] === 'monotonic' || m[1] === '1', ns: Number(m[2]) * 1e9 + Number(m[3]) });
  }
  const time = task.nsSet.timeForChildren;
  if (!(cred instanceof Cred) || !cred.capableIn(time.userNs, CAP_SYS_TIME)) return -EPERM;
  const now = kernel.clock.monotonic();
  for (const p of parsed) if (now + p.ns < 0 || Math.abs(p.ns) > SECONDS_MAX * 1e9) return -ERANGE;
  if (time.entered) return -EACCES;
  for (const p of parsed) {
    if (p.monotonic) time.monotonic = p.ns;
    else time.boottime = p.ns;
  }
  return text.length;
}
