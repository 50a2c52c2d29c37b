/**
 * Runs one case natively and in a sandbox on the same tree, and compares what it printed and how it ended.
 */
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { Kernel, type KernelOptions } from '@sandbox/kernel';
import { hostfs, overlay, tmpfs } from '@sandbox/vfs';
import type { Outcome } from '../harness.js';
import type { ProgramCase } from './cases.js';
import { insidePorts, nativePorts, publishPorts, runOutside } from './outside.js';
import type { Root } from './roots.js';

/** Where scripts begin: an empty directory, in memory wherever that is possible. */
const WORK = '/tmp/programs';
const HOSTNAME = 'sandbox';
const MAX_OUTPUT = 64 * 1024 * 1024;
const SANDBOX_SHARE = 3;
const ENV: Record<string, string> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: WORK,
  LC_ALL: 'C',
  TZ: 'UTC',
  TERM: 'xterm',
  GIT_CONFIG_NOSYSTEM: '1',
  PROJECT: fileURLToPath(new URL('../../', import.meta.url)).replace(/\/$/, ''),
};
/** Both outputs go into one stream, in the order they were written. */
const PRELUDE = 'exec </dev/null 2>&1\n';
/** The input's end says that the clients are done. */
const SERVER_PRELUDE = 'exec 2>&1\n';

/**
 * Namespaces and mounts like a sandbox's, then `$2...` in the tree `$1`, not as pid 1, with a pipe as output.
 * What is written to a tree of our own is kept apart from it.
 */
const ENTER = `
set -e
hostname ${HOSTNAME}
if [ "$1" != / ]; then
  lower=$1
  shift
  mount -t tmpfs tmpfs /mnt
  mkdir /mnt/upper /mnt/work /mnt/root
  mount -t overlay -o "lowerdir=$lower,upperdir=/mnt/upper,workdir=/mnt/work" overlay /mnt/root
  set -- /mnt/root "$@"
fi
mount -t tmpfs tmpfs "$1/tmp"
mkdir -p "$1${WORK}"
if [ "$1" != / ]; then
  mount -t proc proc "$1/proc"
  mount --rbind /dev "$1/dev"
  mount --rbind /sys "$1/sys"
  mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts "$1/dev/pts"
fi
mount -t tmpfs tmpfs "$1/dev/shm"
dir=$1
shift
set +e
for fd in $(ls /proc/$$/fd); do [ "$fd" -le 2 ] || eval "exec $fd>&-"; done
exec 3>&1
status=$({ { chroot "$dir" /bin/sh -c 'cd ${WORK} && exec "$@"' sh "$@" 3>&- 4>&-; echo $? >&4; } | cat >&3; } 4>&1)
exit $status`;

const NAMESPACES = ['--mount', '--pid', '--uts', '--ipc', '--fork', '--kill-child', '--mount-proc'];

let namespaces: boolean | null = null;

/**
 * Pids and the names mktemp(1) makes are the only things in outputs that scripts do not put right themselves.
 */
function normalise(output: string): string {
  return output
    .replace(/(: line \d+:) +\d+ (?=Killed|Terminated|Hangup|Aborted|Segmentation)/g, '$1 PID ')
    .replace(/\btmp\.\w{4}\b/g, 'tmp.XXXX');
}

function canUnshare(): boolean {
  if (namespaces === null) {
    try {
      execFileSync('unshare', [...NAMESPACES, 'true'], { stdio: 'ignore' });
      namespaces = true;
    } catch {
      namespaces = false;
    }
  }
  return namespaces;
}

export type ProgramVerdict =
  | { readonly kind: 'same'; readonly nativeMs: number; readonly ours: number }
  | { readonly kind: 'skip'; readonly why: string }
  | {
      readonly kind: 'differs';
      readonly native: Outcome;
      readonly result: Outcome;
      readonly nativeMs: number;
      readonly ours: number;
    };

/** Run it twice and compare. Rejects when the sandbox itself fails. */
export async function judgeProgram(
  root: Root,
  test: ProgramCase,
  platform: KernelOptions['platform'] = 'auto',
): Promise<ProgramVerdict> {
  if (test.root !== null && test.root !== root.name) return { kind: 'skip', why: `for ${test.root} only` };
  if (root.name !== 'host' && !canUnshare()) return { kind: 'skip', why: 'no right to make namespaces' };
  const missing = await findMissing(root, test.needs);
  if (missing) return { kind: 'skip', why: `${missing} is not installed` };
  const native = await runNatively(root, test);
  const result = await runSandboxed(root, test, platform);
  const same = native.code === result.code && native.stdout === result.stdout;
  const absent = test.optional && !same ? /^SKIP (.*)\n$/.exec(result.stdout) : null;
  if (absent) return { kind: 'skip', why: `in the sandbox: ${absent[1]}` };
  const times = { nativeMs: native.ms, ours: result.ms };
  return same ? { kind: 'same', ...times } : { kind: 'differs', native, result, ...times };
}

async function findMissing(root: Root, commands: readonly string[]): Promise<string | null> {
  const probe = `for c in ${commands.join(' ')}; do command -v $c >/dev/null || { echo $c; exit; }; done`;
  const found = await runNative(root, ['sh'], probe, 20);
  return found.stdout.trim().replace(ENV.PROJECT, '$PROJECT') || null;
}

type Timed = Outcome & { readonly ms: number };

async function runNatively(root: Root, test: ProgramCase): Promise<Timed> {
  if (test.outside === '') return runNative(root, test.shell, PRELUDE + test.script, test.timeout);
  const ports = await nativePorts(test.publish);
  const env = { ...ENV, ...ports };
  let outside = '';
  const inside = await runNative(
    root,
    test.shell,
    SERVER_PRELUDE + test.script,
    test.timeout,
    env,
    async () => {
      outside = await runOutside(test.outside, env, test.timeout);
    },
  );
  return { ...inside, stdout: normalise(outside) + inside.stdout };
}

/** `meanwhile`: its input ends when that is done. */
function runNative(
  root: Root,
  shell: readonly string[],
  script: string,
  seconds: number,
  env = ENV,
  meanwhile = async () => {},
): Promise<Timed> {
  const [file, ...args] = canUnshare()
    ? ['unshare', ...NAMESPACES, 'bash', '-c', ENTER, 'bash', root.dir, ...shell, '-c', script]
    : [...shell, '-c', script];
  const plain = file !== 'unshare';
  if (plain) {
    rmSync(WORK, { recursive: true, force: true });
    mkdirSync(WORK, { recursive: true });
  }
  const start = performance.now();
  return new Promise((resolve) => {
    const child = execFile(
      file,
      args,
      {
        env,
        cwd: plain ? WORK : '/',
        timeout: seconds * 1000,
        killSignal: 'SIGKILL',
        maxBuffer: MAX_OUTPUT,
        encoding: 'latin1',
      },
      (_error, stdout) => {
        const ms = performance.now() - start;
        if (plain) rmSync(WORK, { recursive: true, force: true });
        const { exitCode, signalCode } = child;
        const code = signalCode === null ? exitCode : 128 + constants.signals[signalCode];
        resolve({ code, signal: null, stdout: normalise(stdout), ms });
      },
    );
    void meanwhile().then(() => child.stdin?.end());
  });
}

async function runSandboxed(
  root: Root,
  test: ProgramCase,
  platform: KernelOptions['platform'],
): Promise<Timed> {
  const start = performance.now();
  let panic: Error | null = null;
  const user = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const kernel = await Kernel.create({
    platform,
    root: overlay({ lower: hostfs(root.dir, { readOnly: true }), upper: tmpfs() }),
    mounts: { '/tmp': tmpfs() },
    hostname: HOSTNAME,
    user,
  });
  kernel.on('panic', (error) => {
    panic = error.cause as Error;
  });
  try {
    await kernel.fs.mkdir(WORK);
    await kernel.fs.chown(WORK, user.uid, user.gid);
    const shell = await lookUp(kernel, test.shell[0]);
    const seconds = test.timeout * SANDBOX_SHARE;
    const ports = await publishPorts(kernel, test.publish);
    const child = kernel.spawn(
      shell,
      [...test.shell.slice(1), '-c', (test.outside === '' ? PRELUDE : SERVER_PRELUDE) + test.script],
      {
        argv0: test.shell[0],
        env: { ...ENV, ...insidePorts(test.publish) },
        cwd: WORK,
        timeout: seconds * 1000,
      },
    );
    const inside = buffer(child.stdout!);
    const outside = test.outside === '' ? '' : await runOutside(test.outside, { ...ENV, ...ports }, seconds);
    child.stdin!.end();
    const { code, signal } = await child.exited;
    const stdout = normalise(outside + (await inside).toString('latin1'));
    const ms = performance.now() - start;
    // As the shell that runs the native one says it.
    const status = signal === null ? code : 128 + constants.signals[signal as NodeJS.Signals];
    return { code: status, signal: null, stdout, ms };
  } catch (error) {
    throw panic ?? error;
  } finally {
    await kernel.dispose();
  }
}

async function lookUp(kernel: Kernel, name: string): Promise<string> {
  for (const dir of ENV.PATH.split(':')) {
    const stat = await kernel.fs.stat(`${dir}/${name}`).catch(() => null);
    if (stat?.isFile()) return `${dir}/${name}`;
  }
  throw new Error(`${name} is not in the sandbox's PATH`);
}
