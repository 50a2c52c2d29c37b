import { RLIMIT_CORE } from '@sandbox/abi';
import type { Task } from '../task/task.js';
import type { CoreSettings } from './settings.js';

/** Slashes are no part of a name. */
function flat(text: string): string {
  return text.replaceAll('/', '!');
}

/**
 * The name a template of core(5), "Naming of core dump files", stands for. Unknown letters vanish, as does a
 * % at the end.
 */
export function coreName(settings: CoreSettings, task: Task, sig: number): string {
  const { group, cred } = task;
  let hasPid = false;
  const name = settings.pattern.replace(/%(.?)/gs, (_all, letter: string) => {
    switch (letter) {
      case '%':
        return '%';
      case 'p':
        hasPid = true;
        return String(group.pidFor(task));
      case 'P':
        return String(group.pid);
      case 'i':
        return String(task.tidFor(task));
      case 'I':
        return String(task.tid);
      case 'u':
        return String(cred.uid);
      case 'g':
        return String(cred.gid);
      case 'd':
        return String(group.dumpable);
      case 's':
        return String(sig);
      case 't':
        return String(task.kernel.clock.realtimeSec());
      case 'h':
        return flat(task.nsSet.uts.hostname);
      case 'e':
        return flat(task.comm);
      case 'f':
        return flat(group.exePath.slice(group.exePath.lastIndexOf('/') + 1));
      case 'E':
        return flat(group.exePath);
      case 'c':
        return String(coreLimit(task));
      default:
        return '';
    }
  });
  return settings.usesPid && !hasPid ? `${name}.${group.pidFor(task)}` : name;
}

/** RLIMIT_CORE as %c has it. */
function coreLimit(task: Task): string {
  const limit = task.group.limits.soft[RLIMIT_CORE]!;
  return Number.isFinite(limit) ? String(limit) : '18446744073709551615';
}
