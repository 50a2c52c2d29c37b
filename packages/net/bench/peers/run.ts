/**
 * What the stack and Linux get from each other over a bad path, and what two Linuxes get over the same.
 * `npx tsx packages/net/bench/peers/run.ts [--size MB] [--limit SECONDS] [--write]`
 *
 * The three pairs run at once, so that a busy machine is busy for all. `--write` puts the table into
 * docs/network.md.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Impairment } from '../../src/index.js';
import { PAIRS, type Transfer, World, whyNot } from './world.js';

const PAGE = fileURLToPath(new URL('../../../../docs/network.md', import.meta.url));
const BEGIN = '<!-- peers -->\n';
const END = '<!-- /peers -->';

/** Each way: half of the round trip. */
const PATHS: readonly { readonly name: string; readonly size: number; readonly way: Impairment }[] = [
  { name: '100 ms, 5 % loss, 2 % reordered', size: 1, way: { latency: 50, loss: 0.05, reorder: 0.02 } },
  { name: '100 ms, 1 % loss', size: 0.2, way: { latency: 50, loss: 0.01 } },
  { name: '20 ms, 2 % reordered', size: 0.5, way: { latency: 10, reorder: 0.02 } },
];

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '100' },
    limit: { type: 'string', default: '2400' },
    path: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});
const reason = whyNot();
if (reason !== null) throw new Error(`needs TAP devices and network namespaces: ${reason}`);

function rate({ bytes, seconds }: Transfer): number {
  return bytes / seconds / 1000;
}

const cell = (t: Transfer, base: Transfer): string =>
  `${rate(t).toFixed(0)} kB/s, ${(rate(t) / rate(base)).toFixed(2)}${t.whole ? '' : ` (${(t.bytes / 1e6).toFixed(0)} MB in the time given)`}`;

const lines = [
  '| path, both ways together | MB | Linux to Linux | the stack to Linux | Linux to the stack |',
  '| --- | --- | --- | --- | --- |',
];
for (const [i, { name, size, way }] of PATHS.entries()) {
  if (values.path !== undefined && Number(values.path) !== i) continue;
  const bytes = Math.round(Number(values.size) * size * 1e6);
  const results = await Promise.all(
    PAIRS.map((pair) => new World(pair, way, way).run(bytes, Number(values.limit))),
  );
  const [base, ...ours] = results;
  const line = `| ${name} | ${bytes / 1e6} | ${[base, ...ours].map((t) => cell(t, base)).join(' | ')} |`;
  console.log(line);
  lines.push(line);
}
if (values.write) {
  const text = readFileSync(PAGE, 'utf8');
  const [before, rest] = [text.slice(0, text.indexOf(BEGIN) + BEGIN.length), text.slice(text.indexOf(END))];
  writeFileSync(PAGE, `${before}${lines.join('\n')}\n${rest}`);
}
process.exit();
