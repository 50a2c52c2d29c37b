/**
 * `npx tsx conformance/suites/cpython.ts [MODULE...] [--all] [--again] [--patience N]`: CPython's own tests (Debian's
 * `libpython3.13-testsuite`), natively and in the sandbox, compared test case by test case. Without names: the modules about the
 * operating system; `--all`: every module. Native results are kept and used again unless `--again` is given. `--patience`: time
 * limits are N times as long, for a machine busy with other things.
 * Results go to conformance/suites/results/cpython.json, from which docs/suites.md is made.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { judgePart } from './compare.js';
import { parseCases } from './cpython-output.js';
import { canRun } from './execute.js';

const PYTHON = '/usr/bin/python3.13';
/** What exercises the kernel most. */
const CORE = [
  ...['test_os', 'test_posix', 'test_subprocess', 'test_signal', 'test_threading', 'test_thread'],
  ...['test_mmap', 'test_fcntl', 'test_select', 'test_poll', 'test_epoll', 'test_selectors', 'test_pty'],
  ...['test_resource', 'test_time', 'test_tempfile', 'test_shutil', 'test_pathlib', 'test_io', 'test_file'],
  ...['test_eintr', 'test_wait3', 'test_wait4', 'test_fork1', 'test_asyncio', 'test_concurrent_futures'],
  ...['test_multiprocessing_spawn', 'test_multiprocessing_fork'],
];
const RESOURCES = 'all,-network,-urlfetch,-largefile,-gui,-audio,-cpu';
const NATIVE_SECONDS = 300;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    all: { type: 'boolean', default: false },
    again: { type: 'boolean', default: false },
    patience: { type: 'string', default: '1' },
    match: { type: 'string', short: 'm' },
  },
});

/** Modules of the suite below a name: packages of tests are run module by module. */
function modules(): string[] {
  const all = execFileSync(PYTHON, ['-m', 'test', '--list-tests'], { encoding: 'utf8' }).trim().split('\n');
  const short = all.map((name) => name.replace(/^test\./, ''));
  if (values.all) return short;
  const wanted = positionals.length > 0 ? positionals : CORE;
  return wanted.flatMap((w) => short.filter((name) => name === w || name.startsWith(`${w}.`)));
}

function command(module: string): string[] {
  const match = values.match ? `-m '${values.match}' ` : '';
  const run = `${PYTHON} -m test -v -u ${RESOURCES} ${match}--junit-xml /tmp/suite/results.xml ${module}`;
  return ['sh', '-c', `${run}; status=$?; echo; echo '=== junit'; cat /tmp/suite/results.xml; exit $status`];
}

if (!canRun() || !existsSync(PYTHON)) {
  console.log('skipped: needs root and python3.13 with libpython3.13-testsuite');
  process.exit(0);
}
for (const name of modules()) {
  await judgePart(
    {
      suite: 'cpython',
      name,
      command: command(name),
      seconds: NATIVE_SECONDS,
      outcomes: (ran) => parseCases(ran.output),
    },
    { again: values.again, patience: Number(values.patience), unrecorded: values.match !== undefined },
  );
}
