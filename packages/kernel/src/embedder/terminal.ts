import { Readable, Writable } from 'node:stream';
import { O_RDWR } from '@sandbox/abi';
import type { Cred } from '../cred/cred.js';
import { FdTable } from '../fs/fd-table.js';
import type { BootedKernel } from '../kernel/boot.js';
import type { ThreadGroup } from '../task/thread-group.js';
import { EmbedderTerminal } from '../tty/embedder-terminal.js';
import { InvalidOptionError, SpawnError } from './errors.js';

export interface TerminalSize {
  rows: number;
  columns: number;
}

const DEFAULT_SIZE: TerminalSize = { rows: 24, columns: 80 };

/** `tty: true` or a size, checked. */
export function checkTerminal(tty: boolean | TerminalSize): TerminalSize {
  if (typeof tty === 'boolean') return DEFAULT_SIZE;
  for (const n of [tty.rows, tty.columns]) {
    if (!Number.isInteger(n) || n < 0 || n > 65535) {
      throw new InvalidOptionError('tty', 'rows and columns are whole numbers up to 65535');
    }
  }
  return tty;
}

/** What a program prints on its terminal. */
class TerminalOutput extends Readable {
  terminal: EmbedderTerminal | null = null;
  constructor(private readonly booted: BootedKernel) {
    super();
  }
  override _read(): void {
    const { terminal } = this;
    if (terminal) this.booted.core.run(() => terminal.resumeOutput());
  }
}

/** What is typed on it. */
class TerminalInput extends Writable {
  constructor(
    private readonly booted: BootedKernel,
    private readonly terminal: EmbedderTerminal,
  ) {
    super();
  }
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const { terminal } = this;
    if (this.booted.core.dead) {
      done();
      return;
    }
    if (this.booted.core.run(() => terminal.input(chunk))) {
      done();
      return;
    }
    terminal.onDrain = () => {
      terminal.onDrain = null;
      queueMicrotask(done);
    };
  }
}

/** A terminal for one program, as streams: descriptors 0, 1 and 2 are the same device. */
export class ProcessTerminal {
  readonly input: TerminalInput;
  readonly output: TerminalOutput;
  readonly files = new FdTable();
  private readonly terminal: EmbedderTerminal;
  private ended = false;

  constructor(
    private readonly booted: BootedKernel,
    size: TerminalSize,
    cred: Cred,
  ) {
    const output = new TerminalOutput(booted);
    this.output = output;
    this.terminal = new EmbedderTerminal(booted.core, {
      rows: size.rows,
      columns: size.columns,
      onOutput: (bytes) => this.ended || output.push(bytes),
    });
    output.terminal = this.terminal;
    this.input = new TerminalInput(booted, this.terminal);
    const file = this.terminal.openFor(booted.fs, O_RDWR, cred);
    if (typeof file === 'number')
      throw new SpawnError(-file, '', 'stdio', '/dev/pts', 'its terminal cannot be made');
    for (let fd = 0; fd < 3; fd++) {
      if (fd > 0) file.refs++;
      this.files.install(file, false, Number.POSITIVE_INFINITY);
    }
  }

  /** Make it the controlling terminal of the new process. Within `kernel.run`. */
  attach(process: ThreadGroup): void {
    this.terminal.attach(process);
  }

  resize(size: TerminalSize): void {
    if (!this.booted.core.dead) this.booted.core.run(() => this.terminal.resize(size.rows, size.columns));
  }

  /** The program has ended: nobody reads or prints here any more. */
  end(): void {
    if (this.ended) return;
    if (!this.booted.core.dead) this.booted.core.run(() => this.terminal.hangup());
    this.ended = true;
    this.output.terminal = null;
    this.output.push(null);
    this.input.destroy();
  }
}
