/**
 * `npx tsx conformance/suites/selftests.ts [DIRECTORY[/PROGRAM]...] [--source TAR] [--again]`: Linux's own selftests (Debian's
 * `linux-source-6.12`), built here, run natively and in the sandbox, compared test by test of their TAP output.
 * Results go to results/selftests.json.
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
];
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
  ];
  const patterns = parts.map((part) => `*/${part}/*`);
  const args = ['xf', values.source, '-C', TREE, '--strip-components=1', '--wildcards', ...patterns];
  execFileSync('tar', args, { stdio: 'ignore' });
}

/** Build a directory; its programs. */
function build(directory: string): string[] {
  const dir = join(SELFTESTS, directory);
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
  if (found.size === 0) found.set(program, ran.code === 0 ? 'ok' : ran.code === 4 ? 'skipped' : 'fails');
  return found;
}

function command(directory: string, program: string): string[] {
  const args = (ARGUMENTS[program] ?? []).map((a) => ` ${a}`).join('');
  const run = `cp -r ${SHOWN}/${directory} work && cd work && chmod 755 . && exec ./${program}${args}`;
  return ['sh', '-c', run];
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
