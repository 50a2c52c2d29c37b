/**
 * `npm run bench:platforms [ROUNDS]`: operations of bench/micro.c natively and on each platform, side by
 * side, into the README of platform-kvm. Rounds are interleaved and the best of each counts: other programs
 * of the machine only ever add.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kernel } from '@sandbox/kernel';
import type { Platform } from '@sandbox/platform';
import { kvm } from '@sandbox/platform-kvm';
import { ptrace } from '@sandbox/platform-ptrace';
import { hostfs, overlay, tmpfs } from '@sandbox/vfs';
import { compileMicro, parse, root } from './micro.js';

/** What one call that stops the guest costs is measured with this one. */
const CALL = 'read-1';
const OPERATIONS = [
  'getppid',
  CALL,
  'mmap+munmap',
  'mprotect',
  'first-touch',
  'fork+exit+wait',
  'fork+exec+wait',
  'thread',
  'pipe-ping-pong',
  'futex-ping-pong',
  'signal-self',
  'sigsegv+mprotect',
];
const README = join(root, 'packages/platform-kvm/README.md');
const MARKS = ['<!-- bench:platforms -->', '<!-- /bench:platforms -->'];
const TIMEOUT = 300_000;

type Best = Map<string, number>;

function note(best: Best, output: string): void {
  for (const [name, { value, unit }] of parse(output)) {
    const us = unit === 'ns' ? value / 1000 : value;
    best.set(name, Math.min(best.get(name) ?? Number.POSITIVE_INFINITY, us));
  }
}

async function inside(platform: Platform, binary: string, names: readonly string[]): Promise<string> {
  const shown = hostfs('/', { readOnly: true });
  await using kernel = await Kernel.create({ platform, root: overlay({ lower: shown, upper: tmpfs() }) });
  const { stdout } = await kernel.run(binary, ['/tmp', ...names], { signal: AbortSignal.timeout(TIMEOUT) });
  return stdout;
}

const rounds = Number(process.argv[2] ?? 3);
const dir = mkdtempSync(join(tmpdir(), 'sandbox-bench-'));
try {
  const probe = kvm().probe();
  if (!probe.ok) throw new Error(`kvm cannot run here: ${probe.why}`);
  const binary = compileMicro(dir);
  const [native, traced, virtual, stop, exit]: Best[] = [1, 2, 3, 4, 5].map(() => new Map());
  for (let i = 0; i < rounds; i++) {
    process.stderr.write(`round ${i + 1}...\n`);
    note(native, execFileSync(binary, ['/tmp', ...OPERATIONS], { encoding: 'utf8', timeout: TIMEOUT }));
    note(traced, await inside(ptrace(), binary, OPERATIONS));
    note(virtual, await inside(kvm(), binary, OPERATIONS));
    note(stop, await inside(ptrace({ fastPath: false }), binary, [CALL]));
    note(exit, await inside(kvm({ spin: 'never' }), binary, [CALL]));
  }
  const [stopUs, exitUs] = [stop.get(CALL) ?? Number.NaN, exit.get(CALL) ?? Number.NaN];
  const show = (value: number | undefined): string =>
    value === undefined ? '-' : value >= 100 ? value.toFixed(0) : value.toPrecision(3);
  const lines = OPERATIONS.map((name) => {
    const [t, v] = [traced.get(name), virtual.get(name)];
    const stops = t === undefined ? '-' : (t / stopUs).toFixed(1);
    const exits = v === undefined ? '-' : (v / exitUs).toFixed(1);
    return `| ${[name, show(native.get(name)), show(t), show(v), stops, exits].join(' | ')} |`;
  });
  const text = `The best of ${rounds} rounds, in one run on one machine (${cpus().length} x ${cpus()[0]?.model.trim()}, Linux ${release()}, load ${loadavg()[0].toFixed(0)};
${probe.detail}). The last two columns divide by what one call costs there that stops
the guest (\`${CALL}\` with nothing else allowed: ptrace ${show(stopUs)} us, kvm ${show(exitUs)} us). \`npm run bench:platforms\` makes this table.

| bench/micro.c | native us | ptrace us | kvm us | ptrace, in stops | kvm, in exits |
|---|---|---|---|---|---|
${lines.join('\n')}
`;
  console.log(text);
  const readme = readFileSync(README, 'utf8');
  const [from, to] = MARKS.map((mark) => readme.indexOf(mark));
  writeFileSync(README, `${readme.slice(0, from + MARKS[0].length)}\n${text}${readme.slice(to)}`);
} finally {
  rmSync(dir, { recursive: true, force: true });
}
