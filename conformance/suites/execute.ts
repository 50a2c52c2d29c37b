/**
 * Runs a command of the host's tree natively and in a fresh sandbox, with an empty `/tmp` and a time limit
 * each.
 */
import { execFileSync, spawn } from 'node:child_process';
import { constants, hostname } from 'node:os';
import { Kernel } from '@sandbox/kernel';
import { hostfs, overlay, tmpfs } from '@sandbox/vfs';

const MAX_OUTPUT = 32 * 1024 * 1024;
const WORK = '/tmp/suite';
const ENV: Record<string, string> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: WORK,
  LANG: 'C.UTF-8',
  TERM: 'xterm',
};
/** The tree of the host as a sandbox has it: memory under /tmp and /dev/shm, pids of its own. */
const ENTER = `
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /dev/shm
ip link set lo up 2>/dev/null
mkdir -p ${WORK} && cd ${WORK} && "$@"
exit $?`;
const NAMESPACES = ['--mount', '--pid', '--ipc', '--uts', '--fork', '--kill-child', '--mount-proc'];

/** How a command ended. */
export interface Ran {
  /** Exit status; 128+N when a signal ended it. */
  readonly code: number;
  readonly timedOut: boolean;
  readonly seconds: number;
  /** Both outputs, in the order they were written. */
  readonly output: string;
  /** What the kernel was asked for and does not have. */
  readonly unimplemented: readonly string[];
  /** Why the sandbox itself ended, where it did. */
  readonly panic: string | null;
}

/** What a command needs beside its arguments. */
export interface Needs {
  readonly seconds: number;
  /** Host directories it must find although they lie under /tmp; read only. */
  readonly show?: Readonly<Record<string, string>>;
}

/** The host has the right to make namespaces. */
export function canRun(): boolean {
  try {
    execFileSync('unshare', [...NAMESPACES, 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Natively, in namespaces of its own; whatever it leaves behind ends with it. */
export function runNative(command: readonly string[], needs: Needs): Promise<Ran> {
  const binds = Object.entries(needs.show ?? {}).map(
    ([from, to]) => `mkdir -p ${to} && mount --bind ${from} ${to}\n`,
  );
  const args = [...NAMESPACES, 'sh', '-c', binds.join('') + ENTER, 'sh', 'sh', '-c', 'exec "$@" 2>&1', 'sh'];
  const started = performance.now();
  return new Promise((resolve) => {
    const child = spawn('unshare', [...args, ...command], {
      env: ENV,
      cwd: '/',
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
    });
    let timedOut = false;
    const pieces: Buffer[] = [];
    let size = 0;
    child.stdout.on('data', (piece: Buffer) => {
      if (size < MAX_OUTPUT) pieces.push(piece);
      size += piece.length;
    });
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
    }, needs.seconds * 1000);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({
        code: signal === null ? (code ?? 0) : 128 + constants.signals[signal],
        timedOut,
        seconds: (performance.now() - started) / 1000,
        output: Buffer.concat(pieces).toString('utf8'),
        unimplemented: [],
        panic: null,
      });
    });
  });
}

/** In a kernel of its own over the host's tree. */
export async function runOurs(command: readonly string[], needs: Needs): Promise<Ran> {
  const mounts: Record<string, ReturnType<typeof tmpfs> | ReturnType<typeof hostfs>> = { '/tmp': tmpfs() };
  for (const [from, to] of Object.entries(needs.show ?? {})) mounts[to] = hostfs(from, { readOnly: true });
  const unimplemented = new Set<string>();
  let panic: string | null = null;
  const started = performance.now();
  const kernel = await Kernel.create({
    root: overlay({ lower: hostfs('/', { readOnly: true }), upper: tmpfs() }),
    mounts,
    hostname: hostname(),
    // As the host has one: an interface beside loopback, though it leads nowhere.
    network: 'nat',
  });
  kernel.on('unimplemented', (what) => unimplemented.add(`${what.name} ${what.detail}`.trim()));
  kernel.on('panic', (error) => {
    panic = String((error.cause as Error | undefined)?.stack ?? error);
  });
  let ran = { code: 255, timedOut: false, output: '' };
  try {
    await kernel.fs.mkdir(WORK, { recursive: true });
    // An empty file system has no block in use, as none on a disk ever is.
    await kernel.fs.writeFile('/.suite', 'x');
    // As natively, the command does not lead its session: a terminal it opens is not its controlling one.
    const r = await kernel.run('/bin/sh', ['-c', '"$@" 2>&1 </dev/null; exit $?', 'sh', ...command], {
      env: ENV,
      cwd: WORK,
      timeout: needs.seconds * 1000,
      maxBuffer: MAX_OUTPUT,
    });
    const code = r.signal === null ? (r.code ?? 0) : 128 + constants.signals[r.signal as NodeJS.Signals];
    ran = { code, timedOut: r.timedOut, output: r.stdout };
  } catch (error) {
    panic ??= String(error);
  } finally {
    await kernel.dispose();
  }
  const seconds = (performance.now() - started) / 1000;
  return { ...ran, seconds, unimplemented: [...unimplemented], panic };
}
