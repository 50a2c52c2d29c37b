/**
 * `npx tsx conformance/suites/selftests.ts [DIRECTORY[/PROGRAM]...] [--source TAR] [--again]`: Linux's own
 * selftests (Debian's `linux-source-6.12`), built here, run natively and in the sandbox, compared test by
 * test of their TAP output. Results go to results/selftests.json.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { BASE, judgePart } from './compare.js';
import { canRun, type Ran } from './execute.js';

const DIRECTORIES = [
  ...[
    'futex/functional',
    'timers',
    'pidfd',
    'clone3',
    'mqueue',
    'openat2',
    'exec',
    'sigaltstack',
    'splice',
    'mincore',
  ],
  ...[
    'kcmp',
    'membarrier',
    'rseq',
    'seccomp',
    'ptrace',
    'cachestat',
    'fchmodat2',
    'memfd',
    'filelock',
    'rlimits',
    'ipc',
  ],
  ...['prctl', 'landlock', 'tmpfs', 'timens', 'syscall_user_dispatch', 'core', 'pid_namespace', 'cgroup'],
  'mm',
];
/** Of directories most of whose programs are about other things: those that are built and run. */
const ONLY: Record<string, string[]> = { mm: ['uffd-unit-tests', 'uffd-stress'] };
/** One run for each, where a failure would end the rest; `%` is what differs. */
const PARTS: Record<string, { readonly arguments: string; readonly of: readonly string[] }> = {
  'uffd-unit-tests': {
    arguments: '-f %',
    of: [
      ...['register-ioctls', 'zeropage', 'move', 'wp-fork', 'wp-fork-with-event', 'wp-unpopulated', 'minor'],
      ...['minor-wp', 'minor-collapse', 'sigbus', 'sigbus-wp', 'events', 'events-wp', 'poison'],
    ],
  },
  'uffd-stress': { arguments: '% 8 2', of: ['anon', 'shmem', 'shmem-private'] },
};
/** Set the machine's clock, or take minutes. */
const NOT_HERE = new Set([
  ...[
    'alarmtimer-suspend',
    'change_skew',
    'skew_consistency',
    'clocksource-switch',
    'freq-step',
    'leap-a-day',
    'leapcrash',
  ],
  ...[
    'set-tai',
    'set-2038',
    'adjtick',
    'raw_skew',
    'rtcpie',
    'threadtest',
    'inconsistency-check',
    'nsleep-lat',
    'mq_perf_tests',
  ],
  ...[
    'valid-adjtimex',
    'set-timer-lat',
    'mqueue-lat',
    'basic_percpu_ops_test',
    'basic_percpu_ops_mm_cid_test',
    'param_test',
  ],
  ...['param_test_benchmark', 'param_test_compare_twice', 'param_test_mm_cid', 'param_test_mm_cid_benchmark'],
  ...['param_test_mm_cid_compare_twice', 'gettime_perf', 'sud_benchmark'],
]);
/** What programs are called with. */
const ARGUMENTS: Record<string, string[]> = { mq_open_tests: ['/test'] };
const NATIVE_SECONDS = 90;
const TREE = join(BASE, 'linux');
const SELFTESTS = join(TREE, 'tools/testing/selftests');
const SHOWN = '/mnt';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    source: { type: 'string', default: '/usr/src/linux-source-6.12.tar.xz' },
    again: { type: 'boolean', default: false },
  },
});

/** Unpack what the tests need of the source. */
function unpack(): void {
  if (existsSync(SELFTESTS)) return;
  mkdirSync(TREE, { recursive: true });
  const parts = [
    'tools/testing/selftests',
    'tools/include',
    'tools/arch',
    'usr/include',
    'include/uapi',
    'scripts',
    'mm',
  ];
  const patterns = parts.map((part) => `*/${part}/*`);
  const args = ['xf', values.source, '-C', TREE, '--strip-components=1', '--wildcards', ...patterns];
  execFileSync('tar', args, { stdio: 'ignore' });
}

/** Build a directory; its programs. */
function build(directory: string): string[] {
  const dir = join(SELFTESTS, directory);
  if (ONLY[directory]) {
    const paths = ONLY[directory].map((name) => join(dir, name));
    spawnSync('make', ['-k', '-C', dir, ...paths], { stdio: 'ignore', timeout: 300_000 });
    return ONLY[directory].filter((name) => existsSync(join(dir, name)));
  }
  spawnSync('make', ['-k', '-C', dir], { stdio: 'ignore', timeout: 300_000 });
  const { stdout } = spawnSync('make', ['-pn', '-C', dir], { encoding: 'utf8', maxBuffer: 2 ** 26 });
  const line = /^TEST_GEN_PROGS :?= (.*)$/m.exec(stdout)?.[1] ?? '';
  const names = line
    .split(/\s+/)
    .filter(Boolean)
    .map((name) => basename(name));
  return [...new Set(names)].filter((name) => existsSync(join(dir, name)) && !NOT_HERE.has(name));
}

type Outcome = 'ok' | 'fails' | 'skipped';

/** Every test of a program's TAP output by its name, or the program as one by its exit status. */
function outcomes(program: string, ran: Ran): Map<string, Outcome> {
  const found = new Map<string, Outcome>();
  for (const m of ran.output.matchAll(/^(ok|not ok) \d+ *-? *(.*)$/gm)) {
    const skipped = /# *SKIP/i.test(m[2]);
    const name = m[2]
      .replace(/#.*$/, '')
      .trim()
      .replace(/\d{3,}|(?<=\/proc\/)\d+/g, 'N');
    let unique = name;
    for (let i = 2; found.has(unique); i++) unique = `${name} (${i})`;
    found.set(unique, skipped ? 'skipped' : m[1] === 'ok' ? 'ok' : 'fails');
  }
  for (const m of ran.output.matchAll(/^Testing (.*)\.\.\. (done|skipped)?/gm))
    found.set(m[1], m[2] === 'done' ? 'ok' : m[2] === 'skipped' ? 'skipped' : 'fails');
  // Of a program that does not say itself which tests it has, each run is one.
  const whole = found.size === 0;
  for (const m of ran.output.matchAll(/^== (\S.*): (\d+)$/gm))
    if (whole) found.set(m[1], m[2] === '0' ? 'ok' : 'fails');
  if (found.size === 0) found.set(program, ran.code === 0 ? 'ok' : ran.code === 4 ? 'skipped' : 'fails');
  return found;
}

function command(directory: string, program: string): string[] {
  const args = (ARGUMENTS[program] ?? []).map((a) => ` ${a}`).join('');
  const parts = PARTS[program];
  let run = `exec ./${program}${args}`;
  if (parts !== undefined)
    run = parts.of
      .map((part) => `./${program} ${parts.arguments.replace('%', part)}`)
      .map((part) => `${part}; echo "== ${part.slice(2)}: $?"`)
      .join('\n');
  return ['sh', '-c', `cp -r ${SHOWN}/${directory} work && cd work && chmod 755 . && { ${run}\n}`];
}

if (!canRun() || !existsSync(values.source)) {
  console.log('skipped: needs root, a compiler and linux-source-6.12');
  process.exit(0);
}
unpack();
for (const directory of DIRECTORIES) {
  const wanted = positionals.filter((p) => `${p}/`.startsWith(`${directory}/`));
  if (positionals.length > 0 && wanted.length === 0) continue;
  for (const program of build(directory)) {
    if (positionals.length > 0 && !wanted.some((w) => w === directory || w === `${directory}/${program}`))
      continue;
    await judgePart(
      {
        suite: 'selftests',
        name: `${directory}/${program}`,
        command: command(directory, program),
        seconds: NATIVE_SECONDS,
        show: { [SELFTESTS]: SHOWN },
        outcomes: (ran) => outcomes(program, ran),
      },
      { again: values.again },
    );
  }
}
