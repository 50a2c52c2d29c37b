/**
 * `npx tsx conformance/programs.ts [FILTER...] [--root host|debian] [--quick] [--platform NAME]
 * [--no-fast-path | --spin] [--patience N]`: judge real programs one by one on a tree (default: the host's)
 * and print the first differences, with the time natively and in the sandbox. N: how many times as long as
 * usual they may take.
 */
import { parseArgs } from 'node:util';
import { difference } from './harness.js';
import { chosenPlatform, PLATFORM_OPTIONS } from './platform-options.js';
import { listCases } from './programs/cases.js';
import { judgeProgram } from './programs/judge.js';
import { openRoot, type RootName } from './programs/roots.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    root: { type: 'string', default: 'host' },
    quick: { type: 'boolean', default: false },
    ...PLATFORM_OPTIONS,
    patience: { type: 'string', default: '1' },
  },
});
if (values.root !== 'host' && values.root !== 'debian') {
  console.error(`--root ${values.root}: host or debian`);
  process.exit(2);
}
const root = await openRoot(values.root as RootName);
if ('skip' in root) {
  console.log(`skipped: ${root.skip}`);
  process.exit(0);
}
const platform = chosenPlatform(values);
const counts = { same: 0, differs: 0, skip: 0 };
for (const test of listCases(positionals)) {
  if (values.quick && !test.quick) continue;
  const name = `${test.topic}/${test.name}`;
  try {
    const verdict = await judgeProgram(
      root,
      { ...test, timeout: test.timeout * Number(values.patience) },
      platform,
    );
    counts[verdict.kind]++;
    if (verdict.kind === 'skip') {
      console.log(`skip  ${name}: ${verdict.why}`);
      continue;
    }
    const times = `${(verdict.nativeMs / 1000).toFixed(2)} s natively, ${(verdict.ours / 1000).toFixed(2)} s`;
    console.log(`${verdict.kind === 'same' ? 'same ' : 'DIFF '} ${name}  ${times}`);
    if (verdict.kind === 'differs') console.log(difference(verdict.native, verdict.result));
  } catch (error) {
    counts.differs++;
    console.log(`FAIL  ${name}: ${error instanceof Error ? error.stack : String(error)}`);
  }
}
console.log(`${counts.same} same, ${counts.differs} differ, ${counts.skip} skipped`);
process.exit(counts.differs > 0 ? 1 : 0);
