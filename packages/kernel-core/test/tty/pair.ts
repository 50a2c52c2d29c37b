import { BytesIo } from '@sandbox/vfs';
import type { Devpts } from '../../src/files/tty/devpts.js';
import { Tty } from '../../src/files/tty/tty.js';
import type { KernelCore } from '../../src/process/kernel/kernel-core.js';

/** A terminal with both sides at hand. Its kernel has no tasks: signals are only noted. */
export class Pair {
  readonly signals: number[] = [];
  readonly tty: Tty;

  constructor() {
    const kernel = {
      current: null,
      signals: { kernelSignal: (_group: unknown, sig: number) => this.signals.push(sig) },
    };
    const devpts = { ttys: { remove: () => {} } };
    this.tty = new Tty(kernel as unknown as KernelCore, devpts as unknown as Devpts, 0, 0x8800);
  }

  /** Write to the master; bytes taken or -errno. */
  type(text: string): number {
    return this.tty.master.write(new BytesIo(Buffer.from(text, 'latin1')));
  }
  /** Write to the slave. */
  print(text: string): number {
    const bytes = Buffer.from(text, 'latin1');
    return this.tty.write(bytes, 0, bytes.length);
  }
  /** Read from the slave, null when nothing is there. */
  read(max = 5000): string | null {
    const { line } = this.tty;
    if (!line.available(1)) return null;
    const bytes = new Uint8Array(max);
    const io = new BytesIo(bytes);
    const n = line.byLines ? line.input.readLine(io) : line.readRaw(io);
    this.tty.inputTaken();
    return Buffer.from(bytes.subarray(0, Math.max(n, 0))).toString('latin1');
  }
  /** Read from the master: its bytes, or -errno. */
  screen(max = 65536): string | number {
    const bytes = new Uint8Array(max);
    const n = this.tty.master.read(new BytesIo(bytes));
    return n < 0 ? n : Buffer.from(bytes.subarray(0, n)).toString('latin1');
  }
}
