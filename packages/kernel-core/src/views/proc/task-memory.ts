import type { MemoryManager } from '../../mm/memory-manager.js';
import type { Content } from '../../pseudo/text.js';
import type { ProcSubject } from './subject.js';

const PAGE = 4096;
/**
 * Arguments and environment never get larger by execve; what a program claims with PR_SET_MM beyond that is
 * not shown.
 */
const SHOWN_MAX = 6 * 1024 * 1024;
const NOTHING = new Uint8Array(0);

/** Up to `end`, as much as can be read. */
function readRange(mm: MemoryManager, start: number, end: number): Uint8Array {
  const length = Math.min(end - start, SHOWN_MAX);
  if (!(length > 0)) return NOTHING;
  const bytes = new Uint8Array(length);
  const n = mm.asForeigner(() => mm.copyInPartial(start, bytes, 0, length));
  return n === length ? bytes : bytes.subarray(0, Math.max(n, 0));
}

/**
 * /proc/PID/cmdline: the arguments as they are in memory now. A program that wrote over the last NUL means a
 * title of its own, which may go on into the environment (Linux: get_mm_proctitle).
 */
export function cmdlineText(s: ProcSubject): Content {
  const { mm } = s;
  if (mm === null) return NOTHING;
  const { argStart, argEnd, envStart, envEnd } = mm.exec;
  if (argStart >= argEnd) return NOTHING;
  const contiguous = envStart === argEnd && envEnd >= envStart;
  const limit = contiguous ? envEnd : argEnd;
  const last = mm.asForeigner(() => mm.load8(argEnd - 1));
  if (last > 0 && contiguous) {
    const title = readRange(mm, argStart, Math.min(limit, argStart + PAGE));
    const nul = title.indexOf(0);
    return nul < 0 ? title : title.subarray(0, nul + 1);
  }
  return readRange(mm, argStart, argEnd);
}

/** /proc/PID/environ */
export function environText(s: ProcSubject): Content {
  const { mm } = s;
  return mm === null ? NOTHING : readRange(mm, mm.exec.envStart, mm.exec.envEnd);
}

/** /proc/PID/auxv */
export function auxvText(s: ProcSubject): Content {
  return s.mm?.exec.auxv.slice() ?? NOTHING;
}
