/** The command as engines have it: bundled from the sources once a test file, run by node. */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll } from 'vitest';
import type { OciConfig } from '../../src/config/types.js';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const BUSYBOX = ['/bin/busybox', '/usr/bin/busybox'].find((path) => existsSync(path));
const TOOLS =
  'sh true false sleep echo cat ls id ps hostname mount env stty tty touch mkdir head grep kill wc readlink stat umount nc ip uname cut chown chmod httpd wget';

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export type Change = (
  config: OciConfig & { process: NonNullable<OciConfig['process']>; linux: NonNullable<OciConfig['linux']> },
) => void;

/** Why bundles cannot be made here; '' when they can. */
export const missing = BUSYBOX === undefined ? 'no static busybox here' : '';

/** The title of tests, with the reason where they are skipped for one. */
export const titled = (title: string, why: string): string => (why ? `${title} (${why})` : title);

/** Bundles the command and makes a directory for state and bundles, before a file's tests. */
export function useRuntime() {
  const cache = join(root, 'node_modules/.cache/sandbox-oci-test', String(process.pid));
  const script = join(cache, 'main.mjs');
  let dir = '';
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'sandbox-oci-'));
    mkdirSync(cache, { recursive: true });
    // Split, so that most commands need not read the kernel.
    await build({
      entryPoints: [join(root, 'packages/oci/src/main.ts')],
      outdir: cache,
      outExtension: { '.js': '.mjs' },
      banner: {
        js: "#!/usr/bin/env node\nimport { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
      },
      bundle: true,
      splitting: true,
      minify: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      external: ['koffi'],
      tsconfig: join(root, 'tsconfig.base.json'),
      logLevel: 'error',
    });
    chmodSync(script, 0o755);
    makeRoot(join(dir, 'rootfs'));
  }, 120_000);
  afterAll(async () => {
    const { stdout } = await run(['list', '-q']);
    for (const id of stdout.split('\n')) if (id !== '') await run(['delete', '-f', id]);
    rmSync(dir, { recursive: true, force: true });
    rmSync(cache, { recursive: true, force: true });
  });

  const state = (): string => join(dir, 'state');
  const start = (args: readonly string[], cwd: string = dir): ChildProcess =>
    spawn(process.execPath, [script, '--root', state(), ...args], {
      cwd,
      timeout: 60_000,
      killSignal: 'SIGKILL',
    });

  const run = async (
    args: readonly string[],
    options: { cwd?: string; input?: string } = {},
  ): Promise<Outcome> => {
    const child = start(args, options.cwd);
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout!.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr!.on('data', (chunk: Buffer) => err.push(chunk));
    child.stdin!.on('error', () => {});
    child.stdin!.end(options.input ?? '');
    // 'exit': what a container that stays behind prints goes on through the same pipes.
    const code = await new Promise<number | null>((resolve, reject) =>
      child.on('error', reject).on('exit', resolve),
    );
    if (args.includes('create') || args.includes('--detach') || args.includes('-d')) {
      child.stdout!.destroy();
      child.stderr!.destroy();
    } else await Promise.all([ended(child.stdout!), ended(child.stderr!)]);
    return { code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() };
  };

  /** A bundle whose program is a shell script, with what `change` makes of its configuration. */
  const bundle = (commands: string | readonly string[], change: Change = () => {}): string => {
    const path = mkdtempSync(join(dir, 'bundle-'));
    const args = typeof commands === 'string' ? ['/bin/sh', '-c', commands] : commands;
    const config = defaultConfig(join(dir, 'rootfs'), args);
    change(config);
    writeFileSync(join(path, 'config.json'), JSON.stringify(config));
    return path;
  };
  return { run, start, bundle, state, script, dir: () => dir };
}

function ended(stream: NodeJS.ReadableStream & { readableEnded?: boolean }): Promise<void> {
  return new Promise((resolve) => {
    if (stream.readableEnded) resolve();
    else stream.once('close', () => resolve()).once('end', () => resolve());
  });
}

export function makeRoot(path: string): void {
  for (const name of ['bin', 'etc', 'proc', 'dev', 'sys', 'tmp', 'root'])
    mkdirSync(join(path, name), { recursive: true });
  if (BUSYBOX === undefined) return;
  copyFileSync(BUSYBOX, join(path, 'bin/busybox'));
  chmodSync(join(path, 'bin/busybox'), 0o755);
  for (const tool of TOOLS.split(' ')) symlinkSync('busybox', join(path, 'bin', tool));
  writeFileSync(
    join(path, 'etc/passwd'),
    'root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n',
  );
}

export function defaultConfig(rootfs: string, args: readonly string[]) {
  return {
    ociVersion: '1.2.0',
    root: { path: rootfs },
    hostname: 'inside',
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args,
      env: ['PATH=/bin'],
      cwd: '/',
      capabilities: Object.fromEntries(
        ['bounding', 'effective', 'permitted'].map((set) => [set, ['CAP_KILL', 'CAP_CHOWN']]),
      ),
    },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755', 'size=65536k'] },
      {
        destination: '/dev/pts',
        type: 'devpts',
        source: 'devpts',
        options: ['newinstance', 'ptmxmode=0666'],
      },
    ],
    linux: {
      namespaces: ['pid', 'ipc', 'uts', 'mount'].map((type) => ({ type })),
      maskedPaths: ['/proc/kcore'],
      readonlyPaths: ['/proc/sys'],
    },
  };
}

/** The message of the one error in a log in text form. */
export function messageOf({ stderr }: Outcome): string {
  const m = /level=error msg=("(?:[^"\\]|\\.)*"|\S+)/.exec(stderr);
  if (m === null) return stderr;
  return m[1]!.startsWith('"') ? (JSON.parse(m[1]!) as string) : m[1]!;
}
