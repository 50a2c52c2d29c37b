/** The command as a user has it: bundled from the sources once a test file, run by node. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll } from 'vitest';

const root = fileURLToPath(new URL('../../../../', import.meta.url));

export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly input?: string | Uint8Array;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly timeout?: number;
}

/** Bundles the command before a file's tests; `path()` is its script. */
export function useCli() {
  const dir = join(root, 'node_modules/.cache/sandbox-cli-test', String(process.pid));
  const script = join(dir, 'main.cjs');
  beforeAll(async () => {
    mkdirSync(dir, { recursive: true });
    await build({
      entryPoints: [join(root, 'packages/cli/src/main.ts')],
      outfile: script,
      bundle: true,
      format: 'cjs',
      platform: 'node',
      target: 'node20',
      external: ['koffi'],
      tsconfig: join(root, 'tsconfig.base.json'),
      logLevel: 'error',
    });
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  const start = (args: readonly string[], options: CliOptions = {}): ChildProcess =>
    spawn(process.execPath, [script, ...args], {
      stdio: 'pipe',
      env: options.env ?? process.env,
      cwd: options.cwd ?? '/',
      timeout: options.timeout ?? 25_000,
      killSignal: 'SIGKILL',
    });

  const sandbox = async (args: readonly string[], options: CliOptions = {}): Promise<Outcome> => {
    const child = start(args, options);
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout!.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr!.on('data', (chunk: Buffer) => err.push(chunk));
    child.stdin!.on('error', () => {});
    child.stdin!.end(options.input ?? '');
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (...end) => resolve(end));
    });
    return {
      code,
      signal,
      stdout: Buffer.concat(out).toString(),
      stderr: Buffer.concat(err).toString(),
    };
  };
  return { script, start, sandbox };
}
