import type { Readable, Writable } from 'node:stream';
import { SI_USER, SIGKILL, SIGNAL_NAMES } from '@sandbox/abi';
import type { KernelCore, ThreadGroup } from '@sandbox/kernel-core/process';
import { type SigInfo, siginfo } from '@sandbox/kernel-core/process';
import { InvalidOptionError } from './errors.js';
import type { Stdio } from './stdio.js';
import { checkTerminal, type ProcessTerminal, type TerminalSize } from './terminal.js';

/** How a program ended: its exit code, or the signal that killed it ('SIGKILL'). */
export interface ExitResult {
  readonly code: number | null;
  readonly signal: string | null;
}

/** Signal number by name or number. Throws InvalidOptionError. */
export function signalNumber(signal: string | number): number {
  if (typeof signal === 'number' && Number.isInteger(signal) && signal >= 0 && signal <= 64) return signal;
  const n = typeof signal === 'string' ? SIGNAL_NAMES.indexOf(signal) : -1;
  if (n <= 0) throw new InvalidOptionError('signal', `'${signal}' is no signal`);
  return n;
}

/** A program with a pipe at each of its three descriptors, as `spawn` makes them unless told otherwise. */
export interface PipedProcess extends Process {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
}

/** A program on a terminal of its own: `stdin` types on it, `stdout` has all it shows. */
export interface TerminalProcess extends Process {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: null;
}

/** A program the embedder started in the sandbox. */
export class Process {
  readonly pid: number;
  /**
   * To write to its standard input, or to type on its terminal; null when it has neither pipe nor terminal
   * there.
   */
  readonly stdin: Writable | null;
  /** What it prints; on a terminal that is everything. */
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /**
   * Resolves when the process has ended; rejects with KernelPanicError. Output may still be in its streams,
   * which end by themselves.
   */
  readonly exited: Promise<ExitResult>;
  private settle!: { resolve: (result: ExitResult) => void; reject: (error: Error) => void };
  private ended = false;
  private late = false;

  constructor(
    private readonly kernel: KernelCore,
    private readonly group: ThreadGroup,
    private readonly stdio: Stdio | null,
    private readonly terminal: ProcessTerminal | null,
  ) {
    this.pid = group.pid;
    this.stdin = terminal?.input ?? stdio?.stdin ?? null;
    this.stdout = terminal?.output ?? stdio?.stdout ?? null;
    this.stderr = stdio?.stderr ?? null;
    this.exited = new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
    });
    // An embedder may not care: a panic must not become an unhandled rejection there.
    this.exited.catch(() => {});
    group.onExit = (status) => this.finish(status);
  }

  /** Has it ended? */
  get hasExited(): boolean {
    return this.ended;
  }

  /** Did its `timeout` pass before it ended? */
  get timedOut(): boolean {
    return this.late;
  }

  /** Its `timeout` is over. */
  expire(): void {
    this.late = true;
    this.killTree();
  }

  private finish(status: number): void {
    this.ended = true;
    this.settle.resolve(decodeStatus(status));
    // Called inside the kernel; the terminal goes a turn later, after the last output.
    if (this.terminal) setImmediate(() => this.terminal?.end());
  }

  /** The window of its terminal has another size (SIGWINCH). No effect without one. */
  resize(size: TerminalSize): void {
    this.terminal?.resize(checkTerminal(size));
  }

  /** The kernel ends: with `error`, or as if killed. */
  abandon(error: Error | null): void {
    this.stdio?.stdin?.abandon();
    this.stdio?.stdout?.abandon();
    this.stdio?.stderr?.abandon();
    this.terminal?.end();
    if (this.ended) return;
    this.ended = true;
    if (error) this.settle.reject(error);
    else this.settle.resolve({ code: null, signal: 'SIGKILL' });
  }

  /** Send a signal, as kill(2) by root would. False when it has ended. */
  kill(signal: string | number = 'SIGTERM'): boolean {
    return this.send(signal, (info) => this.kernel.signals.sendToProcess(this.group, info));
  }

  /** Send a signal to its whole process group, as a terminal does for Ctrl-C. False when it has ended. */
  killGroup(signal: string | number = 'SIGTERM'): boolean {
    return this.send(signal, (info) => this.kernel.signals.sendToProcessGroup(this.group.processGroup, info));
  }

  private send(signal: string | number, to: (info: SigInfo) => void): boolean {
    const n = signalNumber(signal);
    if (this.ended || this.kernel.dead) return false;
    if (n !== 0) this.kernel.run(() => to(siginfo(n, SI_USER)));
    return true;
  }

  /**
   * Kill it and every process that descends from it, whatever session those are in and whoever adopted them.
   */
  killTree(): void {
    if (this.kernel.dead) return;
    this.kernel.run(() => {
      for (const process of [...this.kernel.pids.processes.values()]) {
        if (process.zombie || process.origin !== this.group) continue;
        this.kernel.signals.sendToProcess(process, siginfo(SIGKILL, SI_USER));
      }
    });
  }
}

/** A wait status word (wait(2)) as an exit result. */
export function decodeStatus(status: number): ExitResult {
  const signal = status & 0x7f;
  if (signal === 0) return { code: (status >> 8) & 0xff, signal: null };
  return { code: null, signal: SIGNAL_NAMES[signal] ?? `signal ${signal}` };
}
