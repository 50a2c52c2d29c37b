/** The case matrices (guests/matrix): every case natively and in a sandbox, compared line by line. */
import { buildGuest, type Guest, makeKernel, runNative, runSandboxed } from './harness.js';

/** All cases instead of the few of everyday. */
const ALL = { MATRIX: 'all' };

export interface MatrixResult {
  readonly name: string;
  readonly cases: number;
  /** Lines that differ, natively and in the sandbox. */
  readonly differences: readonly { native: string; ours: string }[];
  readonly seconds: number;
  /** How the program ended in the sandbox: a status or a signal. */
  readonly end: string;
}

export async function runMatrix(guest: Guest): Promise<MatrixResult | { skip: string }> {
  const built = await buildGuest(guest);
  if ('skip' in built) return built;
  const native = await runNative(built.binary, ALL);
  const kernel = await makeKernel();
  const started = performance.now();
  const ours = await runSandboxed(kernel, built.binary, ALL);
  const seconds = (performance.now() - started) / 1000;
  await kernel.dispose();
  const a = native.stdout.split('\n');
  const b = ours.stdout.split('\n');
  const differences: { native: string; ours: string }[] = [];
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    if (a[i] !== b[i]) differences.push({ native: a[i] ?? '(end)', ours: b[i] ?? '(end)' });
  }
  return {
    name: guest.name,
    cases: a.length - 1,
    differences,
    seconds,
    end: String(ours.signal ?? ours.code),
  };
}
