import { closeSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { ReadStream } from 'node:tty';
import { hostTerminal, type Process } from '@sandbox/kernel';
import {
  hostOpenPty,
  hostSendDescriptors,
  hostSetTerminalSize,
  hostTakeTerminal,
  hostTerminalSize,
} from '@sandbox/native';
import type { OciProcess } from '../config/types.js';
import { descriptorOf } from '../control/descriptor.js';
import { errnoText, Failure } from '../failure.js';

export interface Size {
  readonly rows: number;
  readonly columns: number;
}

/** What a program's terminal is to begin with; null: it is not said. */
export function sizeOf({ consoleSize }: OciProcess): Size | null {
  return consoleSize ? { rows: consoleSize.height, columns: consoleSize.width } : null;
}

/**
 * A new terminal of the host, whose master goes to who listens at `path`. The descriptor of its other side.
 * Throws Failure.
 */
export async function sendConsole(path: string, size: Size | null): Promise<number> {
  const pty = hostOpenPty();
  if (typeof pty === 'number') throw new Failure(`open /dev/ptmx: errno ${-pty}`);
  if (size !== null) hostSetTerminalSize(pty.master, size.rows, size.columns);
  try {
    const socket = await new Promise<Socket>((resolve, reject) => {
      const s = connect(path, () => resolve(s));
      s.once('error', (error) => reject(new Failure(`dial unix ${path}: connect: ${errnoText(error)}`)));
    });
    const sent = hostSendDescriptors(descriptorOf(socket), Buffer.from('/dev/ptmx'), [pty.master]);
    // What was sent is in the other side's hands: nothing is waited for.
    socket.on('error', () => {}).destroy();
    if (sent < 0) throw new Failure(`sendmsg: errno ${-sent}`);
  } catch (error) {
    closeSync(pty.slave);
    throw error;
  } finally {
    closeSync(pty.master);
  }
  return pty.slave;
}

/** A terminal of the host between a guest's and whoever holds its master: raw, everything is passed on. */
export class Console {
  private readonly stream: ReadStream;

  constructor(private readonly fd: number) {
    hostTerminal(fd)?.makeRaw();
    this.stream = new ReadStream(fd);
    this.stream.on('error', () => {});
  }

  get size(): Size {
    const size = hostTerminalSize(this.fd);
    return size === null || size.rows === 0 ? { rows: 24, columns: 80 } : size;
  }

  /** Have this process, the leader of a session, hear of its size and its end. */
  control(): void {
    hostTakeTerminal(this.fd);
  }

  /** Connect it with a program. Resolves when its last output has been passed on. */
  attach(child: Process): Promise<void> {
    const { stream } = this;
    const stdin = child.stdin!;
    stdin.on('error', () => {});
    stream.on('data', (bytes: Buffer) => {
      if (stdin.write(bytes)) return;
      stream.pause();
      stdin.once('drain', () => stream.resume());
    });
    const lost = (): void => {
      child.stdout!.resume();
      child.killGroup('SIGHUP');
    };
    stream.once('end', lost).once('error', lost);
    const { stdout } = child;
    stdout!.on('data', (bytes: Buffer) => {
      if (stream.write(bytes)) return;
      stdout!.pause();
      stream.once('drain', () => stdout!.resume());
    });
    return new Promise((resolve) => {
      stdout!.once('close', () => {
        stream.off('end', lost).off('error', lost);
        if (stream.writableLength === 0 || stream.destroyed) return resolve();
        stream.once('drain', resolve).once('close', resolve);
      });
    });
  }

  resized(child: Process): void {
    child.resize(this.size);
  }

  close(): void {
    this.stream.destroy();
    // The stream has opened the terminal anew.
    if (this.fd > 2) closeSync(this.fd);
  }
}
