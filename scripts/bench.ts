/**
 * `npm run bench`: the micro benchmarks of bench/micro.c and a few programs, natively, in the sandbox and, where installed, under gVisor's
 * runsc, in one run; writes docs/benchmarks.md with ratios to native, a bar chart, and what changed against the figures committed
 * before. Timing decides no test. `--quick` leaves the programs out.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { cpus, loadavg, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const page = join(root, 'docs/benchmarks.md');
const figures = join(root, 'bench/figures.json');
const TIMEOUT = 600_000;
const STARTS = 5;

interface Launcher {
  readonly name: string;
  /** Command line put before the program's. */
  readonly prefix: readonly string[];
}

/** Value and unit by benchmark. */
type Results = Map<string, { value: number; unit: string }>;

function launchers(binDir: string): Launcher[] {
  const sandbox = join(root, 'node_modules/.bin/sandbox');
  const out: Launcher[] = [
    { name: 'native', prefix: [] },
    { name: 'sandbox', prefix: [sandbox, 'run', '--no-tty', '--bind', `${binDir}:${binDir}:ro`, '--'] },
  ];
  if (spawnSync('runsc', ['--version']).status === 0) {
    out.push({
      name: 'runsc',
      prefix: ['runsc', '--ignore-cgroups', '--network=none', '--platform=systrap', 'do'],
    });
  }
  return out;
}

function run(launcher: Launcher, command: readonly string[]): { stdout: string; ms: number } | null {
  const [file, ...args] = [...launcher.prefix, ...command];
  const start = process.hrtime.bigint();
  const r = spawnSync(file, args, { encoding: 'utf8', timeout: TIMEOUT, stdio: ['ignore', 'pipe', 'pipe'] });
  const ms = Number(process.hrtime.bigint() - start) / 1e6;
  return r.status === 0 ? { stdout: r.stdout, ms } : null;
}

function parse(output: string | undefined): Results {
  const results: Results = new Map();
  for (const line of output?.split('\n') ?? []) {
    const [name, value, unit] = line.split('\t');
    if (unit) results.set(name, { value: Number(value), unit });
  }
  return results;
}

/** Starting the launcher itself, then real programs, each some times over in one and the same system. */
function programs(launcher: Launcher, binDir: string): Results {
  const times = Array.from({ length: STARTS }, () => run(launcher, ['/bin/true'])?.ms ?? Number.NaN);
  const start = times.sort((a, b) => a - b)[STARTS >> 1];
  const results: Results = new Map([['start to exit of true', { value: start, unit: 'ms' }]]);
  const out = run(launcher, ['/bin/bash', join(binDir, 'apps.sh'), join(binDir, 'repeat')]);
  return new Map([...results, ...parse(out?.stdout)]);
}

/** Times slower than native (rates turned round). */
function ratio(native: { value: number; unit: string }, other: { value: number }): number {
  return native.unit === 'GB/s' ? native.value / other.value : other.value / native.value;
}

function bar(times: number): string {
  const length = Math.max(1, Math.min(30, Math.round(Math.log2(Math.max(times, 0.5)) * 4) + 4));
  return '█'.repeat(length);
}

function render(names: readonly string[], all: readonly Results[], before: Record<string, number>): string {
  const [native, ours] = all;
  const head = ['benchmark', 'unit', ...names, ...names.slice(1).map((n) => `${n} x`), 'before x', ''];
  const lines = [`| ${head.join(' | ')} |`, `|${head.map(() => '---|').join('')}`];
  for (const [key, base] of native) {
    const values = all.map((r) => r.get(key)?.value.toPrecision(4) ?? '-');
    const ratios = all.slice(1).map((r) => {
      const v = r.get(key);
      return v ? ratio(base, v).toFixed(2) : '-';
    });
    const mine = ours.get(key);
    const old = before[key];
    const chart = mine ? `\`${bar(ratio(base, mine))}\`` : '';
    lines.push(
      `| ${[key, base.unit, ...values, ...ratios, old ? old.toFixed(2) : '-', chart].join(' | ')} |`,
    );
  }
  return lines.join('\n');
}

const quick = process.argv.includes('--quick');
const dir = mkdtempSync(join(tmpdir(), 'sandbox-bench-'));
try {
  const binary = join(dir, 'micro');
  execFileSync('gcc', [
    '-O2',
    '-static',
    '-pthread',
    '-w',
    '-o',
    binary,
    join(root, 'bench/micro.c'),
    join(root, 'bench/net.c'),
  ]);
  execFileSync('gcc', ['-O2', '-static', '-w', '-o', join(dir, 'repeat'), join(root, 'bench/repeat.c')]);
  copyFileSync(join(root, 'bench/apps.sh'), join(dir, 'apps.sh'));
  const all = launchers(dir);
  const before: Record<string, number> = existsSync(figures) ? JSON.parse(readFileSync(figures, 'utf8')) : {};
  const results = all.map((launcher) => {
    process.stderr.write(`${launcher.name}...\n`);
    return new Map([
      ...parse(run(launcher, [binary, '/dev/shm'])?.stdout),
      ...(quick ? [] : programs(launcher, dir)),
    ]);
  });
  const [native, ours] = results;
  const table = render(
    all.map((l) => l.name),
    results,
    before,
  );
  const load = loadavg()[0].toFixed(1);
  mkdirSync(join(root, 'docs'), { recursive: true });
  writeFileSync(
    page,
    `# Benchmarks\n\nGenerated by \`npm run bench\`: the same programs natively, in the sandbox and, where installed, under runsc (systrap), in one
run. \`x\` is times slower than native (below 1: faster); the bar is the sandbox's, a step each 1.2 x; \`before\` is the ratio committed last.
Machine: ${cpus().length} x ${cpus()[0]?.model.trim()}, Linux ${release()}, load ${load} at the end. Figures of a shared virtual machine vary by a factor of two.\n\n${table}\n`,
  );
  const now: Record<string, number> = {};
  for (const [key, base] of native) {
    const mine = ours.get(key);
    if (mine) now[key] = Number(ratio(base, mine).toFixed(3));
  }
  writeFileSync(figures, `${JSON.stringify(now, null, 2)}\n`);
  console.log(table);
} finally {
  rmSync(dir, { recursive: true, force: true });
}
