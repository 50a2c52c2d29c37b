/**
 * `npx tsx conformance/suites/go.ts [PACKAGE...] [--again] [--patience N] [--run PATTERN]`: the tests of Go's
 * standard library (Debian's `golang-go`), as `go test -short` runs them, natively and in the sandbox,
 * compared test by test, subtests included. Without names: the packages about the operating system. The test
 * programs are built natively, once; what tests themselves build, they build where they run. Results go to
 * results/go.json; of a run of some tests (`--run`, as go's -run) only theirs do.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { BASE, judgePart, type Outcomes } from './compare.js';
import { canRun } from './execute.js';

const PACKAGES = ['os', 'os/exec', 'os/signal', 'syscall', 'time', 'runtime', 'sync', 'net'];
const NATIVE_SECONDS = 420;
const CACHE = join(BASE, 'go');
/** What the tests see of it: the programs, and the compiler's cache, which each run has a copy of. */
const SHOWN = '/mnt';
const RESULTS = { PASS: 'ok', FAIL: 'fails', SKIP: 'skipped' } as const;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    again: { type: 'boolean', default: false },
    patience: { type: 'string', default: '1' },
    run: { type: 'string' },
  },
});

/** The test program of a package; its file name. */
function build(name: string, root: string): string {
  const file = `${name.replaceAll('/', '-')}.test`;
  if (!existsSync(join(CACHE, file))) {
    const env = { ...process.env, GOCACHE: join(CACHE, 'build'), GOFLAGS: '' };
    execFileSync('go', ['test', '-c', '-o', join(CACHE, file), name], { cwd: join(root, 'src'), env });
  }
  return file;
}

function command(name: string, root: string): string[] {
  const only = values.run ? ` -test.run '${values.run}'` : '';
  const flags = `-test.short -test.v -test.timeout=0${only}`;
  const script = [
    `cp -r ${SHOWN}/build /tmp/suite/cache`,
    'export GOCACHE=/tmp/suite/cache',
    `cd ${root}/src/${name}`,
    `exec ${SHOWN}/${build(name, root)} ${flags}`,
  ];
  return ['sh', '-c', script.join(' && ')];
}

function outcomes(output: string): Outcomes {
  const found = new Map<string, string>();
  for (const m of output.matchAll(/^ *--- (PASS|FAIL|SKIP): (\S+) \(/gm))
    found.set(m[2], RESULTS[m[1] as keyof typeof RESULTS]);
  return found;
}

if (!canRun() || spawnSync('go', ['version']).error) {
  console.log('skipped: needs root and golang-go');
  process.exit(0);
}
mkdirSync(CACHE, { recursive: true });
const root = execFileSync('go', ['env', 'GOROOT'], { encoding: 'utf8' }).trim();
for (const name of positionals.length > 0 ? positionals : PACKAGES) {
  await judgePart(
    {
      suite: 'go',
      name,
      command: command(name, root),
      seconds: NATIVE_SECONDS,
      show: { [CACHE]: SHOWN },
      outcomes: (ran) => outcomes(ran.output),
    },
    { again: values.again, patience: Number(values.patience), partial: values.run !== undefined },
  );
}
