import { SYSCALL_NAMES } from '@sandbox/abi';
import type { SupportLevel } from '../call/row.js';
import { ABSENT } from './absent.js';
import { allRows } from './all.js';

export interface CallCoverage {
  readonly nr: number;
  readonly name: string;
  readonly support: SupportLevel;
  /** What is missing; of a call without a row, why. */
  readonly note: string;
}

export interface Coverage {
  readonly calls: readonly CallCoverage[];
  readonly totals: Readonly<Record<SupportLevel, number>>;
}

/** Every x86-64 system call and how far it is implemented. */
export function syscallCoverage(): Coverage {
  const byNr = new Map(allRows.map((r) => [r.nr, r]));
  const totals: Record<SupportLevel, number> = { full: 0, partial: 0, unimplemented: 0 };
  const calls: CallCoverage[] = [];
  SYSCALL_NAMES.forEach((name, nr) => {
    if (name === undefined) return;
    const row = byNr.get(nr);
    const support = row?.support ?? 'unimplemented';
    totals[support]++;
    calls.push({ nr, name, support, note: row?.note ?? ABSENT[name] ?? '' });
  });
  return { calls, totals };
}
