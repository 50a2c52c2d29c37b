/**
 * `npx tsx conformance/run.ts [--platform NAME] [--no-fast-path | --spin] [FILTER...]`: judge guest programs
 * one by one and print the differences.
 */
import { parseArgs } from 'node:util';
import { difference, judge, listGuests, makeKernel } from './harness.js';
import { chosenPlatform, PLATFORM_OPTIONS } from './platform-options.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: PLATFORM_OPTIONS,
});
const platform = chosenPlatform(values);
let same = 0;
let differ = 0;
for (const guest of listGuests(positionals)) {
  const kernel = await makeKernel(platform);
  kernel.on('panic', (error) => console.log(`PANIC ${guest.topic}/${guest.name}`, error.cause));
  try {
    const verdict = await judge(kernel, guest);
    if (verdict.kind === 'same') same++;
    else if (verdict.kind === 'skip') console.log(`SKIP ${guest.topic}/${guest.name}: ${verdict.why}`);
    else {
      differ++;
      console.log(`DIFF ${guest.topic}/${guest.name}\n${difference(verdict.native, verdict.ours)}`);
      if (verdict.stderr) console.log(`  stderr ${verdict.stderr.slice(0, 300)}`);
    }
  } catch (error) {
    differ++;
    console.log(`FAIL ${guest.topic}/${guest.name}: ${String(error)}`);
  }
  await kernel.dispose();
}
console.log(`${same} same, ${differ} differ`);
