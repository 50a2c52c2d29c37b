/**
 * `npx tsx conformance/suites/liburing.ts [TEST...] [--again]`: the tests of liburing (Debian's source),
 * built here and run one by one, natively and in the sandbox. Results go to results/liburing.json.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { judgePart } from './compare.js';
import { fetchSource, SOURCES } from './debian-source.js';
import { canRun, type Ran } from './execute.js';

const NATIVE_SECONDS = 60;
/** Its exit status for what it cannot test (test/helpers.h). */
const SKIPPED = 77;
const SOURCE = join(SOURCES, 'liburing');
const TESTS = join(SOURCE, 'test');
const SHOWN = '/mnt';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    again: { type: 'boolean', default: false },
    suite: { type: 'string', default: 'trixie' },
  },
});

function build(): void {
  if (!existsSync(join(SOURCE, 'config-host.h')))
    spawnSync(join(SOURCE, 'configure'), { cwd: SOURCE, stdio: 'ignore' });
  for (const part of ['src', 'test'])
    spawnSync('make', ['-k', '-j2', '-C', join(SOURCE, part)], { stdio: 'ignore' });
}

function outcome(ran: Ran): string {
  if (ran.timedOut) return 'hangs';
  if (ran.code === SKIPPED) return 'skipped';
  return ran.code === 0 ? 'ok' : `fails: ${ran.output.trim().split('\n').at(-1)?.slice(0, 100) ?? ''}`;
}

if (!canRun() || !fetchSource('liburing', values.suite)) {
  console.log("skipped: needs root, a compiler and liburing's source");
  process.exit(0);
}
build();
const built = readdirSync(TESTS)
  .filter((name) => name.endsWith('.t'))
  .map((name) => name.slice(0, -2))
  .sort();
for (const name of positionals.length > 0 ? positionals : built) {
  await judgePart(
    {
      suite: 'liburing',
      name,
      command: [`${SHOWN}/${name}.t`],
      seconds: NATIVE_SECONDS,
      show: { [TESTS]: SHOWN },
      outcomes: (ran) => new Map([[name, outcome(ran)]]),
    },
    { again: values.again },
  );
}
