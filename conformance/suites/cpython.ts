/**
 * `npx tsx conformance/suites/cpython.ts [MODULE...] [--all] [--missing] [--together N] [-u RESOURCES]
 * [--again] [--patience N]`: CPython's own tests (Debian's `libpython3.13-testsuite`), natively and in the
 * sandbox, compared test case by test case. Without names: the modules about the operating system; `--all`:
 * every module; `--missing`: of those, the ones that have no result yet, so a run that was broken off goes on
 * where it was. `--together`: so many modules in one run, which saves their start. `-u`: regrtest's
 * resources. Native results are kept and used again unless `--again` is given. `--patience`: time limits are
 * N times as long, for a machine busy with other things. Results go to
 * conformance/suites/results/cpython.json, from which docs/suites.md is made.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { judgePart, judgeRuns, keepOutput, type Part, type PartOptions } from './compare.js';
import { parseCases, splitModules, whyNone } from './cpython-output.js';
import { canRun, runNative, runOurs } from './execute.js';
import { readResults } from './results.js';

const PYTHON = '/usr/bin/python3.13';
/** What exercises the kernel most. */
const CORE = [
  ...['test_os', 'test_posix', 'test_subprocess', 'test_signal', 'test_threading', 'test_thread'],
  ...['test_mmap', 'test_fcntl', 'test_select', 'test_poll', 'test_epoll', 'test_selectors', 'test_pty'],
  ...['test_resource', 'test_time', 'test_tempfile', 'test_shutil', 'test_pathlib', 'test_io', 'test_file'],
  ...['test_eintr', 'test_wait3', 'test_wait4', 'test_fork1', 'test_asyncio', 'test_concurrent_futures'],
  ...['test_multiprocessing_spawn', 'test_multiprocessing_fork'],
];
const NATIVE_SECONDS = 300;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    all: { type: 'boolean', default: false },
    missing: { type: 'boolean', default: false },
    again: { type: 'boolean', default: false },
    // Everything but what asks other machines.
    resources: { type: 'string', short: 'u', default: 'all,-network,-urlfetch' },
    together: { type: 'string', default: '1' },
    patience: { type: 'string', default: '1' },
    match: { type: 'string', short: 'm' },
  },
});

/** Modules of the suite below a name: packages of tests are run module by module. */
function modules(): string[] {
  const all = execFileSync(PYTHON, ['-m', 'test', '--list-tests'], { encoding: 'utf8' }).trim().split('\n');
  const short = all.map((name) => name.replace(/^test\./, ''));
  const asked = positionals.length > 0 ? positionals : CORE;
  const wanted = values.all
    ? short
    : asked.flatMap((w) => short.filter((name) => name === w || name.startsWith(`${w}.`)));
  const there = values.missing ? readResults('cpython') : {};
  return wanted.filter((name) => !(name in there));
}

function command(names: readonly string[]): string[] {
  const match = values.match ? `-m '${values.match}' ` : '';
  const run = `${PYTHON} -m test -v -u ${values.resources} ${match}--junit-xml /tmp/suite/results.xml ${names.join(' ')}`;
  return ['sh', '-c', `${run}; status=$?; echo; echo '=== junit'; cat /tmp/suite/results.xml; exit $status`];
}

function part(name: string): Part {
  return {
    suite: 'cpython',
    name,
    command: command([name]),
    seconds: NATIVE_SECONDS,
    outcomes: (ran) => parseCases(ran.output),
    whyNone: (ran) => whyNone(ran.output),
  };
}

/** Several modules in one run on each side; those that are not to be told apart, or differ, alone. */
async function judgeTogether(names: readonly string[]): Promise<void> {
  const seconds = patience * NATIVE_SECONDS;
  const there = await runNative(command(names), { seconds });
  const here = await runOurs(command(names), { seconds: 4 * seconds });
  keepOutput('cpython', 'together.native', there);
  keepOutput('cpython', 'together.ours', here);
  const theirs = splitModules(there.output);
  const ours = splitModules(here.output);
  for (const name of names) {
    const a = theirs.get(name);
    const b = ours.get(name);
    if (!a || !b || !judgeRuns(part(name), { ...there, ...a }, { ...here, ...b }, options))
      await judgePart(part(name), options);
  }
}

if (!canRun() || !existsSync(PYTHON)) {
  console.log('skipped: needs root and python3.13 with libpython3.13-testsuite');
  process.exit(0);
}
const patience = Number(values.patience);
const options: PartOptions = { again: values.again, patience, partial: values.match !== undefined };
const together = Number(values.together);
const names = modules();
for (let i = 0; i < names.length; i += together) {
  const some = names.slice(i, i + together);
  if (some.length > 1) await judgeTogether(some);
  else await judgePart(part(some[0]), options);
}
