import { syscallCoverage } from '@sandbox/kernel';

/** Print the coverage table. */
export function syscalls(flags: { json?: boolean }): void {
  const coverage = syscallCoverage();
  if (flags.json) {
    console.log(JSON.stringify(coverage, null, 2));
    return;
  }
  for (const c of coverage.calls) {
    console.log(
      `${String(c.nr).padStart(4)}  ${c.name.padEnd(26)} ${c.support.padEnd(14)} ${c.note}`.trimEnd(),
    );
  }
  const { full, partial, unimplemented } = coverage.totals;
  console.log(`\n${full} full, ${partial} partial, ${unimplemented} unimplemented`);
}
