/** What a call returned, with what strace(1) adds in brackets. */
import {
  ERESTART_RESTARTBLOCK,
  ERESTARTNOHAND,
  ERESTARTNOINTR,
  ERESTARTSYS,
  ERRNO_NAMES,
} from '@sandbox/abi';
import type { Call } from './call.js';
import { ERRNO_TEXT } from './errno-text.js';
import { openFlags } from './file-structs.js';
import { fdset, readyPollfds } from './io-structs.js';
import { hex } from './names.js';
import { signalName } from './signal-structs.js';
import { timeLeft, timevalLeft } from './time-structs.js';

const RESTARTS: Readonly<Record<number, string>> = {
  [ERESTARTSYS]: 'ERESTARTSYS (To be restarted if SA_RESTART is set)',
  [ERESTARTNOINTR]: 'ERESTARTNOINTR (To be restarted)',
  [ERESTARTNOHAND]: 'ERESTARTNOHAND (To be restarted if no handler)',
  [ERESTART_RESTARTBLOCK]: 'ERESTART_RESTARTBLOCK (Interrupted by signal)',
};

const address = (c: Call): string => hex(c.result);

function polled(c: Call): string {
  if (c.result === 0) return '0 (Timeout)';
  return `${c.result} (${readyPollfds(c, c.u64(0), c.u32(1))})`;
}

/** The sets that are left, and the time. */
function selected(c: Call, left: string | null): string {
  if (c.result === 0) return '0 (Timeout)';
  const names = ['in', 'out', 'except'];
  const sets = names.flatMap((name, k) => {
    const set = fdset(c, c.u64(k + 1), c.i32(0));
    return set === 'NULL' || set === '[]' ? [] : [`${name} ${set}`];
  });
  if (left !== null) sets.push(`left ${left}`);
  return `${c.result} (${sets.join(', ')})`;
}

const F_GETFD = 1;
const F_GETFL = 3;

function fcntl(c: Call): string {
  if (c.i32(1) === F_GETFL) return `${hex(c.result)} (flags ${openFlags(c.result)})`;
  if (c.i32(1) === F_GETFD && c.result !== 0) return `${hex(c.result)} (flags FD_CLOEXEC)`;
  return String(c.result);
}

const SUCCESS: Readonly<Record<string, (c: Call) => string>> = {
  mmap: address,
  mremap: address,
  brk: address,
  shmat: address,
  personality: address,
  umask: (c) => `0${c.result.toString(8).padStart(2, '0')}`,
  poll: polled,
  ppoll: polled,
  select: (c) => selected(c, c.u64(4) === 0 ? null : timevalLeft(c, c.u64(4))),
  pselect6: (c) => selected(c, c.u64(4) === 0 ? null : timeLeft(c, c.u64(4))),
  fcntl,
  rt_sigtimedwait: (c) => `${c.result} (${signalName(c.result)})`,
  time: (c) => `${c.result} (${new Date(c.result * 1000).toISOString().slice(0, 19)}+0000)`,
};

/** The text behind '= '. */
export function resultText(c: Call): string {
  const { result } = c;
  if (result >= 0) return SUCCESS[c.name]?.(c) ?? String(result);
  const restart = RESTARTS[-result];
  if (restart !== undefined) return `? ${restart}`;
  const name = ERRNO_NAMES[-result];
  return name === undefined ? `-1 (errno ${-result})` : `-1 ${name} (${ERRNO_TEXT[-result] ?? name})`;
}
