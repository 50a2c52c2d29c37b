import { readFileSync } from 'node:fs';

/**
 * When a process of the host was started, in ticks since boot (proc_pid_stat(5), field 22); '' when there is
 * none, or only its zombie.
 */
export function startOf(pid: number): string {
  if (pid <= 0) return '';
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in parentheses may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? '' : fields[19]!;
  } catch {
    return '';
  }
}

/** Is `pid` still the process that was started at `started`? */
export function isSameProcess(pid: number, started: string): boolean {
  return started !== '' && startOf(pid) === started;
}
