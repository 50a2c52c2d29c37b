/** `npx tsx conformance/run.ts [--no-fast-path] [FILTER...]`: judge guest programs one by one and print the differences. */
import { ptrace } from '@sandbox/platform-ptrace';
import { difference, judge, listGuests, makeKernel } from './harness.js';

const fastPath = !process.argv.includes('--no-fast-path');
let same = 0;
let differ = 0;
for (const guest of listGuests(process.argv.slice(2).filter((a) => !a.startsWith('-')))) {
  const kernel = await makeKernel(fastPath ? 'auto' : ptrace({ fastPath: false }));
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
