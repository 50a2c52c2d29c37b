/**
 * `npx tsx conformance/matrix.ts [NAME...]`: every case of the matrices in guests/matrix, on the host's tmpfs
 * and in the sandbox. The test suite runs one case in seven. MATRIX_SHOWN: how many differences of one matrix
 * are printed.
 */
import { listGuests } from './harness.js';
import { runMatrix } from './matrix-run.js';

const shown = Number(process.env.MATRIX_SHOWN ?? 12);
const names = process.argv.slice(2);
let cases = 0;
let different = 0;
for (const guest of listGuests(['matrix/'])) {
  if (names.length > 0 && !names.includes(guest.name)) continue;
  const result = await runMatrix(guest);
  if ('skip' in result) {
    console.log(`SKIP ${guest.name}: ${result.skip}`);
    continue;
  }
  for (const d of result.differences.slice(0, shown)) console.log(`  native ${d.native}\n  ours   ${d.ours}`);
  const n = result.differences.length;
  console.log(
    `${result.name}: ${result.cases} cases, ${n} differ (${result.seconds.toFixed(1)} s, ends with ${result.end})`,
  );
  cases += result.cases;
  different += n;
}
console.log(`${cases} cases, ${different} differ`);
process.exitCode = different === 0 ? 0 : 1;
