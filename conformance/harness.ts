/**
 * Runs guest programs on the host's Linux and in the sandbox and compares what they print and how they end.
 * Linux is the specification: a difference is a bug of ours, unless conformance/exclusions.json says why it
 * cannot be otherwise.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { Kernel, type KernelOptions } from '@sandbox/kernel';
import { hostfs, overlay, tmpfs } from '@sandbox/vfs';

const guestsDir = fileURLToPath(new URL('./guests', import.meta.url));
/** Where compiled guests are kept. */
export const cacheDir =
  process.env.CONFORMANCE_CACHE ?? join(tmpdir(), `sandbox-conformance-${process.getuid?.() ?? 0}`);
/**
 * How many times as long as usual programs may take: in an emulator, on a machine that is busy with other
 * things.
 */
const PATIENCE = Number(process.env.CONFORMANCE_PATIENCE ?? 1);
const NATIVE_TIMEOUT = 60_000 * PATIENCE;
const SANDBOX_TIMEOUT = 180_000 * PATIENCE;
const MAX_OUTPUT = 16 * 1024 * 1024;
const WARNINGS_OFF = ['-Wno-nonnull', '-Wno-unused-result', '-w'];

export interface Guest {
  readonly topic: string;
  readonly name: string;
  readonly source: string;
  readonly compiler: string;
  readonly flags: readonly string[];
  /** It sees what earlier programs leave in a kernel, and gets one of its own. */
  readonly freshKernel: boolean;
  /** It may print `SKIP why` in the sandbox too: about what not every platform has. */
  readonly optional: boolean;
}

/** How a program ended and what it wrote. */
export interface Outcome {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
}

/** All programs, or those whose `topic/name` contains one of `filters`. */
export function listGuests(filters: readonly string[] = []): Guest[] {
  const guests: Guest[] = [];
  for (const topic of readdirSync(guestsDir, { withFileTypes: true })) {
    if (!topic.isDirectory()) continue;
    for (const file of readdirSync(join(guestsDir, topic.name)).sort()) {
      if (!file.endsWith('.c')) continue;
      const name = file.slice(0, -2);
      if (filters.length > 0 && !filters.some((f) => `${topic.name}/${name}`.includes(f))) continue;
      const source = join(guestsDir, topic.name, file);
      const head = header(source);
      guests.push({
        topic: topic.name,
        name,
        source,
        compiler: head.get('cc') ?? 'gcc',
        flags: (head.get('flags') ?? '').split(' ').filter(Boolean),
        freshKernel: head.get('kernel') === 'fresh',
        optional: head.has('optional'),
      });
    }
  }
  return guests;
}

/** `// key: value` lines at the top of a program. */
function header(source: string): Map<string, string> {
  const out = new Map<string, string>();
  for (const line of readFileSync(source, 'utf8').split('\n')) {
    const m = /^\/\/ ([a-z]+): *(.*)$/.exec(line);
    if (!m) break;
    out.set(m[1], m[2]);
  }
  return out;
}

interface Exec {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly missing: boolean;
}

/** Run a host program to its end, with `/dev/null` as its input. */
function exec(file: string, args: readonly string[], timeout: number, env: NodeJS.ProcessEnv): Promise<Exec> {
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      timeout,
      killSignal: 'SIGKILL',
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const outputs = [text(child.stdout), text(child.stderr)];
    let missing = false;
    const done = async (): Promise<void> => {
      const [stdout, stderr] = await Promise.all(outputs);
      resolve({ code: child.exitCode, signal: child.signalCode, stdout, stderr, missing });
    };
    child.on('error', (error: NodeJS.ErrnoException) => {
      missing = error.code === 'ENOENT';
      void done();
    });
    child.on('exit', () => void done());
  });
}

/** Everything a stream carries, as bytes in a string; what exceeds MAX_OUTPUT is dropped. */
async function text(stream: Readable): Promise<string> {
  const pieces: Buffer[] = [];
  let length = 0;
  try {
    for await (const piece of stream as AsyncIterable<Buffer>) {
      if (length < MAX_OUTPUT) pieces.push(piece);
      length += piece.length;
    }
  } catch {
    // A program that could not be started has no output.
  }
  return Buffer.concat(pieces).toString('latin1');
}

/** Compile into the cache; the binary's path, or why it cannot be built. */
export async function buildGuest(guest: Guest): Promise<{ binary: string } | { skip: string }> {
  const key = createHash('sha256');
  key
    .update(readFileSync(guest.source))
    .update(readFileSync(join(guestsDir, 'guest.h')))
    .update(guest.compiler)
    .update(guest.flags.join(' '));
  // The headers the programs of its topic share.
  for (const file of readdirSync(join(guestsDir, guest.topic)).sort()) {
    if (file.endsWith('.h')) key.update(readFileSync(join(guestsDir, guest.topic, file)));
  }
  const dir = join(cacheDir, guest.topic);
  const binary = join(dir, `${guest.name}-${key.digest('hex').slice(0, 12)}`);
  if (existsSync(binary)) return { binary };
  mkdirSync(dir, { recursive: true });
  const args = [
    '-O1',
    '-pthread',
    ...WARNINGS_OFF,
    '-I',
    guestsDir,
    '-o',
    binary,
    guest.source,
    ...guest.flags,
  ];
  const r = await exec(guest.compiler, args, 60_000, process.env);
  if (r.missing) return { skip: `${guest.compiler} is not installed` };
  if (r.code !== 0) return { skip: `does not compile here: ${r.stderr.slice(0, 400)}` };
  return { binary };
}

const ENV = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LC_ALL: 'C',
};
/** Where guests have their files natively. */
const NATIVE_TMP = process.env.GUEST_TMP ?? '/tmp';

export async function runNative(binary: string, env: Record<string, string> = {}): Promise<Outcome> {
  const r = await exec(binary, [], NATIVE_TIMEOUT, { ...ENV, GUEST_TMP: NATIVE_TMP, ...env });
  return { code: r.code, signal: r.signal, stdout: r.stdout };
}

/**
 * What whoever set the host up decides, and programs see in the answers of calls: both kernels must be set
 * the same.
 */
const HOST_SETTINGS = [
  'fs/protected_fifos',
  'fs/protected_hardlinks',
  'fs/protected_regular',
  'fs/protected_symlinks',
  'kernel/core_uses_pid',
];

/** A sandbox over the host's tree, as `sandbox run` makes it, with the host's settings. */
export async function makeKernel(platform: KernelOptions['platform'] = 'auto'): Promise<Kernel> {
  const kernel = await Kernel.create({
    platform,
    root: overlay({ lower: hostfs('/', { readOnly: true }), upper: tmpfs() }),
    mounts: { '/tmp/guest': tmpfs() },
  });
  for (const name of HOST_SETTINGS) {
    const path = `/proc/sys/${name}`;
    await kernel.fs.writeFile(path, readFileSync(path));
  }
  return kernel;
}

export async function runSandboxed(
  kernel: Kernel,
  binary: string,
  env: Record<string, string> = {},
): Promise<Outcome & { stderr: string }> {
  const process = kernel.spawn(binary, [], {
    env: { ...ENV, GUEST_TMP: '/tmp/guest', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: SANDBOX_TIMEOUT,
  });
  const [{ code, signal }, stdout, stderr] = await Promise.all([
    process.exited,
    text(process.stdout!),
    text(process.stderr!),
  ]);
  return { code, signal, stdout, stderr };
}

/** Programs known to differ, by `topic/name`, with the reason. */
export function exclusions(): Record<string, string> {
  return JSON.parse(readFileSync(new URL('./exclusions.json', import.meta.url), 'utf8')) as Record<
    string,
    string
  >;
}

export type Verdict =
  | { readonly kind: 'same' }
  | { readonly kind: 'skip'; readonly why: string }
  | { readonly kind: 'differs'; readonly native: Outcome; readonly ours: Outcome; readonly stderr: string };

/** Build, run twice, compare. */
export async function judge(kernel: Kernel, guest: Guest): Promise<Verdict> {
  const built = await buildGuest(guest);
  if ('skip' in built) return { kind: 'skip', why: built.skip };
  const native = await runNative(built.binary);
  const lacks = /^SKIP (.*)\n$/.exec(native.stdout);
  if (lacks) return { kind: 'skip', why: lacks[1] };
  const ours = await runSandboxed(kernel, built.binary);
  if (same(native, ours)) return { kind: 'same' };
  const absent = guest.optional ? /^SKIP (.*)\n$/.exec(ours.stdout) : null;
  if (absent) return { kind: 'skip', why: `in the sandbox: ${absent[1]}` };
  // Linux is asked again before a difference is called one: where it answers in several ways itself,
  // depending on which of two things came first, ours must be one of those.
  for (let again = 0; again < NATIVE_AGAIN; again++)
    if (same(await runNative(built.binary), ours)) return { kind: 'same' };
  return { kind: 'differs', native, ours, stderr: ours.stderr };
}

/** How often the host runs a program once more whose answers differ from ours. */
const NATIVE_AGAIN = 2;

function same(native: Outcome, ours: Outcome): boolean {
  return native.code === ours.code && native.signal === ours.signal && native.stdout === ours.stdout;
}

/** The first lines that differ, for people. */
export function difference(native: Outcome, ours: Outcome): string {
  const end = (o: Outcome): string => (o.signal ? `killed by ${o.signal}` : `exit ${o.code}`);
  const out: string[] = [];
  if (end(native) !== end(ours)) out.push(`ends: native ${end(native)}, ours ${end(ours)}`);
  const a = native.stdout.split('\n');
  const b = ours.stdout.split('\n');
  let shown = 0;
  for (let i = 0; i < Math.max(a.length, b.length) && shown < 6; i++) {
    if (a[i] === b[i]) continue;
    out.push(`line ${i + 1}:\n  native ${a[i] ?? '(end)'}\n  ours   ${b[i] ?? '(end)'}`);
    shown++;
  }
  return out.join('\n');
}
