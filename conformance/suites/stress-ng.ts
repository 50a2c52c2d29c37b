/**
 * `npx tsx conformance/suites/stress-ng.ts [STRESSOR...] [--again] [--patience N]`: stress-ng's stressors of
 * seven classes, one second each with `--verify`, natively and in the sandbox. One that passes natively must
 * pass and end. `--patience`: time limits are N times as long. Results go to results/stress-ng.json.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { BASE } from './compare.js';
import { canRun, type Ran, runNative, runOurs } from './execute.js';
import { recordResult } from './results.js';

const CLASSES = ['os', 'memory', 'scheduler', 'interrupt', 'filesystem', 'pipe', 'vm'];
/** Would reach beyond their namespaces, or take the machine's memory or clock. */
const NOT_HERE = new Set([
  ...[
    'clock',
    'module',
    'cpu-online',
    'memhotplug',
    'watchdog',
    'softlockup',
    'sysrq',
    'swap',
    'binderfs',
    'rawdev',
  ],
  ...['oom-pipe', 'bigheap', 'brk', 'stack', 'resources', 'workload', 'forkheavy'],
]);
const SECONDS = 1;
const LIMIT_SECONDS = 40;
const CACHE = join(BASE, 'stress-ng');

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { again: { type: 'boolean', default: false }, patience: { type: 'string', default: '1' } },
});
const LIMIT = LIMIT_SECONDS * Number(values.patience);

function stressors(): string[] {
  if (positionals.length > 0) return positionals;
  const names = new Set<string>();
  for (const each of CLASSES) {
    const { stdout, stderr } = spawnSync('stress-ng', ['--class', `${each}?`], { encoding: 'utf8' });
    for (const name of `${stdout}${stderr}`.replace(/^class.*?: /gm, '').split(/\s+/)) {
      if (/^[a-z][\w-]*$/.test(name) && !NOT_HERE.has(name)) names.add(name);
    }
  }
  return [...names].sort();
}

function command(stressor: string): string[] {
  const common = ['--verify', '--timeout', `${SECONDS}s`, '--temp-path', '/tmp/suite', '--oom-avoid'];
  return ['stress-ng', `--${stressor}`, '1', ...common];
}

type Verdict = 'ok' | 'skipped' | 'fails' | 'hangs' | 'panic';

function judge(ran: Ran): Verdict {
  if (ran.panic) return 'panic';
  if (ran.timedOut) return 'hangs';
  if (/skipped: [1-9]/.test(ran.output) || ran.code === 4) return 'skipped';
  return ran.code === 0 ? 'ok' : 'fails';
}

async function native(stressor: string): Promise<Ran> {
  const kept = join(CACHE, `${stressor}.native.json`);
  if (!values.again && existsSync(kept)) return JSON.parse(readFileSync(kept, 'utf8')) as Ran;
  const ran = await runNative(command(stressor), { seconds: LIMIT });
  writeFileSync(kept, JSON.stringify(ran));
  return ran;
}

/** What stress-ng said went wrong, in a line. */
function complaint(output: string): string {
  const lines = output.split('\n').filter((l) => /fail:|error:|warn:|skipp|aborted|signal/i.test(l));
  return (lines[0] ?? '')
    .replace(/^stress-ng: /, '')
    .replace(/\[\d+\] /, '')
    .slice(0, 160);
}

if (!canRun() || spawnSync('stress-ng', ['--version']).error) {
  console.log('skipped: needs root and stress-ng');
  process.exit(0);
}
mkdirSync(CACHE, { recursive: true });
for (const stressor of stressors()) {
  const there = await native(stressor);
  if (judge(there) !== 'ok') {
    console.log(`${stressor}: natively ${judge(there)}`);
    continue;
  }
  const here = await runOurs(command(stressor), { seconds: LIMIT });
  writeFileSync(join(CACHE, `${stressor}.ours.log`), here.output);
  const how = judge(here);
  const what = how === 'ok' ? '' : `${how}: ${here.panic ?? complaint(here.output)}`;
  const asked = here.unimplemented.filter((u) => u !== 'rseq').join(', ');
  console.log(
    `${stressor}: ${what || 'ok'} (${here.seconds.toFixed(1)} s)${asked ? ` unimplemented ${asked}` : ''}`,
  );
  recordResult('stress-ng', stressor, {
    passedNatively: 1,
    passed: how === 'ok' ? 1 : 0,
    differences: how === 'ok' ? {} : { [stressor]: what },
    seconds: [Math.round(there.seconds), Math.round(here.seconds)],
    ended: how === 'panic' ? 'panic' : how === 'hangs' ? 'timeout' : 'yes',
  });
}
