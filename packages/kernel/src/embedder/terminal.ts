import { Readable, Writable } from 'node:stream';
import { O_RDWR } from '@sandbox/abi';
import { EmbedderTerminal, ttysOf } from '@sandbox/kernel-core/files';
import type { Cred, KernelCore, ThreadGroup } from '@sandbox/kernel-core/process';
import { FdTable } from '@sandbox/kernel-core/process';
import type { FsContext } from '@sandbox/vfs';
import { checkCount, checkObject } from './check.js';
import { SpawnError } from './errors.js';

export interface TerminalSize {
  rows: number;
  columns: number;
}

const SIZE_OPTIONS: Record<keyof TerminalSize, true> = { rows: true, columns: true };
const DEFAULT_SIZE: TerminalSize = { rows: 24, columns: 80 };

/** `tty: true` or a size, checked. */
export function checkTerminal(tty: boolean | TerminalSize): TerminalSize {
  if (typeof tty === 'boolean') return DEFAULT_SIZE;
  const { rows, columns } = checkObject('tty', tty, SIZE_OPTIONS);
  checkCount('tty.rows', rows, 0, 65535);
  checkCount('tty.columns', columns, 0, 65535);
  return tty;
}

/** Output taken from the terminal that its reader has not got yet; more makes programs wait. */
const MAX_TAKEN = 65536;

/** What a program prints on its terminal. */
class TerminalOutput extends Readable {
  terminal: EmbedderTerminal | null = null;
  private readonly taken: Uint8Array[] = [];
  private length = 0;
  private held = false;
  private scheduled = false;
  private ending = false;

  constructor(private readonly core: KernelCore) {
    super({ highWaterMark: MAX_TAKEN });
  }

  /**
   * Called inside the kernel: user code must not run there, so the stream goes on a turn later. False: no
   * more for now.
   */
  accept(bytes: Uint8Array): boolean {
    this.taken.push(bytes);
    this.length += bytes.length;
    this.schedule();
    this.held = this.length >= MAX_TAKEN;
    return !this.held;
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(this.deliver);
  }

  private readonly deliver = (): void => {
    this.scheduled = false;
    let wanted = this.readableLength < MAX_TAKEN;
    while (wanted && this.taken.length > 0) {
      const bytes = this.taken.shift()!;
      this.length -= bytes.length;
      wanted = this.push(bytes);
    }
    if (this.taken.length > 0) return;
    if (this.ending) {
      this.ending = false;
      this.push(null);
    } else if (wanted && this.held && this.terminal !== null && !this.core.dead) {
      this.held = false;
      const { terminal } = this;
      this.core.run(() => terminal.resumeOutput());
    }
  };

  override _read(): void {
    if (this.taken.length > 0 || this.held) this.schedule();
  }

  /** No more comes; what was taken is still delivered. */
  finish(): void {
    this.terminal = null;
    this.ending = true;
    this.schedule();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.taken.length = 0;
    // Nobody looks: let programs print into the void.
    const { terminal } = this;
    this.terminal = null;
    if (terminal !== null && !this.core.dead) this.core.run(() => terminal.resumeOutput());
    done(error);
  }
}

/** What is typed on it. */
class TerminalInput extends Writable {
  constructor(
    private readonly core: KernelCore,
    private readonly terminal: EmbedderTerminal,
  ) {
    super();
  }
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const { terminal } = this;
    if (this.core.dead) {
      done();
      return;
    }
    if (this.core.run(() => terminal.input(chunk))) {
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
    private readonly core: KernelCore,
    fs: FsContext,
    size: TerminalSize,
    cred: Cred,
  ) {
    const output = new TerminalOutput(core);
    this.output = output;
    const options = {
      rows: size.rows,
      columns: size.columns,
      onOutput: (bytes: Uint8Array) => this.ended || output.destroyed || output.accept(bytes),
    };
    this.terminal = new EmbedderTerminal(core, options, ttysOf(core).instanceAt(fs));
    output.terminal = this.terminal;
    this.input = new TerminalInput(core, this.terminal);
    const file = this.terminal.openFor(fs, O_RDWR, cred);
    if (typeof file === 'number') {
      this.terminal.hangup();
      throw new SpawnError(-file, '', 'stdio', '/dev/pts', 'its terminal cannot be made');
    }
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
    if (!this.core.dead) this.core.run(() => this.terminal.resize(size.rows, size.columns));
  }

  /** The program has ended: nobody reads or prints here any more. */
  end(): void {
    if (this.ended) return;
    if (!this.core.dead) this.core.run(() => this.terminal.hangup());
    this.ended = true;
    this.output.finish();
    this.input.destroy();
  }
}
