import { ARG_MAX, E2BIG, EFAULT, ENAMETOOLONG, MAX_ARG_STRLEN, RLIMIT_STACK } from '@sandbox/abi';
import type { GuestMemory } from '../../mm/guest-memory.js';
import type { Limits } from '../../mm/rlimits.js';

/** Three quarters of the default stack: argument space is never larger, whatever the limit. */
const MOST = (8 * 1024 * 1024 * 3) / 4;
/** No array of pointers is longer than what fits the space limit, whatever the guest points at. */
const MAX_STRINGS = MOST / 8;

/**
 * A NULL-terminated array of strings (argv, envp) as byte strings, or -EFAULT, -E2BIG. A null array is empty
 * (Linux allows it).
 */
export function readStrings(memory: GuestMemory, array: number): string[] | number {
  const strings: string[] = [];
  if (array === 0) return strings;
  let bytes = 0;
  for (let at = array; ; at += 8) {
    const pointer = memory.load64(at);
    if (pointer < 0) return -EFAULT;
    if (pointer === 0) return strings;
    const s = memory.readString(pointer, MAX_ARG_STRLEN);
    if (typeof s === 'number') return s === -ENAMETOOLONG ? -E2BIG : s;
    bytes += s.length + 1;
    if (bytes > MOST || strings.length >= MAX_STRINGS) return -E2BIG;
    strings.push(s);
  }
}

/**
 * The space rule of execve(2), "Limits on size of arguments and environment": strings and pointers together
 * within a quarter of the stack limit. 0 or -E2BIG. `extra`: further strings on the stack (the program's
 * path).
 */
export function checkArgumentSpace(
  limits: Limits,
  argv: readonly string[],
  envp: readonly string[],
  extra: string,
): number {
  const room = Math.max(ARG_MAX, Math.min(MOST, Math.floor(limits.soft[RLIMIT_STACK]! / 4)));
  let used = (Math.max(argv.length, 1) + envp.length) * 8 + extra.length + 1;
  for (const s of argv) used += s.length + 1;
  for (const s of envp) used += s.length + 1;
  return used > room ? -E2BIG : 0;
}
