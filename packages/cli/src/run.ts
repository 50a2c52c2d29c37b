import { existsSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { isatty } from 'node:tty';
import { type ExitResult, Kernel, type Process, straceTo } from '@sandbox/kernel';
import { CaptureFile } from './capture.js';
import { fail, NOT_FOUND, OWN_FAILURE, TIMED_OUT } from './failure.js';
import { DEFAULT_PATH, environment, kernelOptions, type RunFlags } from './flags.js';
import { openRoot } from './root.js';
import { forwardSignals } from './signals.js';
import { printStats } from './stats.js';
import { passTerminal, takeTerminal } from './terminal.js';

export interface Status {
  readonly status: number;
  /** End now, whatever output a reader has not taken yet. */
  readonly atOnce: boolean;
}

const ended = (status: number): Status => ({ status, atOnce: false });

/** Run a command in a fresh sandbox; the exit status for the shell. */
export async function run(command: string[], given: RunFlags): Promise<Status> {
  let flags = given;
  const tty = flags.tty ?? (isatty(0) && isatty(1));
  const leaveTerminal = tty ? takeTerminal() : (): void => {};
  let kernel: Kernel | null = null;
  let capture: CaptureFile | null = null;
  try {
    capture = flags.pcap === undefined ? null : new CaptureFile(flags.pcap);
    const root = await openRoot(flags.root);
    flags = { ...flags, cwd: flags.cwd ?? root.cwd, env: { ...root.env, ...flags.env } };
    kernel = await Kernel.create(kernelOptions(flags, root.lower, capture?.write));
    reportDenied(kernel);
    return await runIn(kernel, command, flags, tty, leaveTerminal);
  } catch (error) {
    leaveTerminal();
    return ended(fail(error));
  } finally {
    await kernel?.dispose();
    capture?.close();
  }
}

/** Flows the policy stopped are told once each, the first of them. */
const MOST_DENIED = 20;

function reportDenied(kernel: Kernel): void {
  const told = new Set<string>();
  kernel.on('denied', ({ protocol, destination, port, name }) => {
    const what =
      protocol === 'dns'
        ? `the name ${name}${destination === '' ? '' : ` at ${destination}`}`
        : `${protocol} to ${name ?? destination}${protocol === 'icmp' ? '' : ` port ${port}`}`;
    if (told.has(what) || told.size >= MOST_DENIED) return;
    told.add(what);
    complain(`not allowed: ${what} (--allow)`);
  });
}

async function runIn(
  kernel: Kernel,
  command: string[],
  flags: RunFlags,
  tty: boolean,
  leaveTerminal: () => void,
): Promise<Status> {
  const env = environment(flags, tty);
  const [name, ...args] = command;
  const path = name.includes('/') ? name : await lookUp(kernel, name, env.PATH);
  if (path === null) {
    leaveTerminal();
    console.error(`sandbox: ${name}: not found in PATH of the sandbox`);
    return ended(NOT_FOUND);
  }
  let panicked = false;
  kernel.on('panic', (error) => {
    panicked = true;
    leaveTerminal();
    console.error(`sandbox: ${error.message}\n${(error.cause as Error)?.stack ?? ''}`);
  });
  const stopTracing = flags.strace ? await trace(kernel, flags.strace, tty) : null;
  try {
    const child = kernel.spawn(path, args, {
      argv0: name,
      env,
      cwd: await workingDirectory(kernel, flags),
      rlimits: { RLIMIT_CORE: { soft: flags.core ?? 0, hard: 'unlimited' } },
      ...(tty ? { tty: windowSize() } : { stdio: 'inherit' }),
    });
    const status = await follow(child, name, tty ? passTerminal(child) : null, flags, leaveTerminal);
    if (flags.stats) printStats(kernel);
    return status;
  } catch (error) {
    if (!panicked) throw error;
    return ended(OWN_FAILURE);
  } finally {
    stopTracing?.();
  }
}

function windowSize(): { rows: number; columns: number } {
  // A terminal may have no size (0x0, a serial line).
  return { rows: process.stdout.rows || 24, columns: process.stdout.columns || 80 };
}

function trace(kernel: Kernel, target: true | string, tty: boolean): Promise<() => void> {
  // A raw terminal takes newlines as they are.
  const raw = tty && target === true && isatty(2);
  return straceTo(kernel, raw ? (text) => void writeSync(2, text.replaceAll('\n', '\r\n')) : target);
}

/** Be between the caller and the program until it ends; the exit status. */
async function follow(
  child: Process,
  name: string,
  lastOutput: (() => Promise<void>) | null,
  flags: RunFlags,
  leaveTerminal: () => void,
): Promise<Status> {
  let killed: 'timeout' | 'signal' | null = null;
  const kill = (why: 'timeout' | 'signal'): void => {
    killed ??= why;
    child.killTree();
  };
  const timer = flags.timeout === undefined ? null : setTimeout(kill, flags.timeout, 'timeout');
  const stopForwarding = forwardSignals(child, () => kill('signal'));
  let end: ExitResult;
  try {
    end = await child.exited;
  } finally {
    if (timer) clearTimeout(timer);
    await lastOutput?.();
    leaveTerminal();
    stopForwarding();
  }
  if (killed === 'timeout') complain(`${name}: killed after ${flags.timeout} ms`);
  const status = killed === 'timeout' ? TIMED_OUT : statusOf(end, name);
  return { status, atOnce: killed !== null };
}

/** As a shell has it in $?. */
function statusOf({ code, signal }: ExitResult, name: string): number {
  if (signal === null) return code ?? 0;
  if (signal !== 'SIGINT' && signal !== 'SIGPIPE') complain(`${name}: killed by ${signal}`);
  return 128 + (constants.signals[signal as NodeJS.Signals] ?? 0);
}

/** Written at once: a pipe nobody reads must not keep this process. */
function complain(text: string): void {
  try {
    writeSync(2, `sandbox: ${text}\n`);
  } catch {
    // Nobody listens.
  }
}

/** The first executable `name` in the guest's PATH. */
async function lookUp(kernel: Kernel, name: string, path = DEFAULT_PATH): Promise<string | null> {
  for (const dir of path.split(':')) {
    const candidate = `${dir || '.'}/${name}`;
    const stat = await kernel.fs.stat(candidate).catch(() => null);
    if (stat?.isFile() && (stat.mode & 0o111) !== 0) return candidate;
  }
  return null;
}

async function workingDirectory(kernel: Kernel, flags: RunFlags): Promise<string> {
  if (flags.cwd !== undefined) return flags.cwd;
  const here = process.cwd();
  if (flags.root !== 'host' || !existsSync(here)) return '/';
  const stat = await kernel.fs.stat(here).catch(() => null);
  return stat?.isDirectory() ? here : '/';
}
