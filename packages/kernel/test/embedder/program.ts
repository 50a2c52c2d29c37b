import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll } from 'vitest';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const dir = join(root, 'node_modules/.cache/sandbox-embedder-test', String(process.pid));

const PRELUDE = `
import { Kernel } from '@sandbox/kernel';
import { hostfs, overlay, tmpfs } from '@sandbox/vfs';
const makeKernel = (more = {}) =>
  Kernel.create({ root: overlay({ lower: hostfs('/', { readOnly: true }), upper: tmpfs() }), ...more });
`;

let count = 0;

const started = new Set<ChildProcess>();

/**
 * Removes what `embedderScript` made, and ends what of it a failed test left running, after a file's tests.
 */
export function cleanUpScripts(): void {
  afterAll(() => {
    for (const child of started) child.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  });
}

/**
 * An embedder as a script of its own: the body of an async function that has `makeKernel`. Returns its path.
 */
export async function embedderScript(body: string): Promise<string> {
  const outfile = join(dir, `${count++}.cjs`);
  await build({
    stdin: { contents: `${PRELUDE}\nvoid (async () => {${body}})();`, loader: 'ts', resolveDir: root },
    outfile,
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    external: ['koffi'],
    tsconfig: join(root, 'tsconfig.base.json'),
    logLevel: 'error',
  });
  return outfile;
}

export interface Started {
  readonly child: ChildProcess;
  /** Resolves when it has printed `text`. */
  printed(text: string): Promise<void>;
  readonly ended: Promise<{
    code: number | null;
    signal: NodeJS.Signals | null;
    stdout: string;
    stderr: string;
  }>;
}

/** Run a script with node; `prefix` is put before the command. */
export function startScript(script: string, prefix: readonly string[] = []): Started {
  const [command, ...args] = [...prefix, process.execPath, script];
  const child = spawn(command!, args, { timeout: 25_000, killSignal: 'SIGKILL', cwd: '/' });
  started.add(child);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk));
  const ended = new Promise<Awaited<Started['ended']>>((resolve) => {
    child.on('close', (code, signal) => {
      started.delete(child);
      resolve({ code, signal, stdout, stderr });
    });
  });
  const printed = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (stdout.includes(text)) resolve();
      };
      child.stdout.on('data', look);
      look();
      void ended.then(() => reject(new Error(`it ended: ${stderr}`)));
    });
  return { child, printed, ended };
}

/** A process that can be told from a later one with the same pid. */
export interface Seen {
  readonly pid: number;
  readonly started: string;
}

function startTime(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? null : fields[19]!;
  } catch {
    return null;
  }
}

/** All processes below `pid` now. */
export function descendants(pid: number): Seen[] {
  const found: Seen[] = [];
  try {
    for (const tid of readdirSync(`/proc/${pid}/task`)) {
      const text = readFileSync(`/proc/${pid}/task/${tid}/children`, 'utf8');
      for (const child of text.split(' ').filter(Boolean).map(Number)) {
        const started = startTime(child);
        if (started !== null) found.push({ pid: child, started }, ...descendants(child));
      }
    }
  } catch {
    // It has ended meanwhile.
  }
  return found;
}

export const isAlive = ({ pid, started }: Seen): boolean => startTime(pid) === started;
