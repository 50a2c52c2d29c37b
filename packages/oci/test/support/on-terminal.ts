/** A program of the host on a terminal of the test's. */
import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import { hostOpenPty, hostSetTerminalSize } from '@sandbox/native';

export interface OnTerminal {
  /** Resolves when `text` has come since the last time it was called. */
  saw(text: string): Promise<void>;
  type(text: string): void;
  resize(rows: number, columns: number): void;
  /** Resolves with its exit status and all that came. */
  readonly end: Promise<{ code: number | null; output: string }>;
}

/** Start it; the terminal is 24 by 80 to begin with. It is killed after `limit` ms. */
export function startOnTerminal(
  command: string,
  args: readonly string[],
  limit: number,
  env: NodeJS.ProcessEnv = process.env,
): OnTerminal {
  const pty = hostOpenPty();
  if (typeof pty === 'number') throw new Error(`no terminal: errno ${-pty}`);
  const { master, slave } = pty;
  hostSetTerminalSize(master, 24, 80);
  const child = spawn(command, args, {
    stdio: [slave, slave, slave],
    detached: true,
    env,
    timeout: limit,
    killSignal: 'SIGKILL',
  });
  closeSync(slave);
  const stream = new ReadStream(master);
  let output = '';
  let from = 0;
  let look = (): void => {};
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
    look();
  });
  // EIO: the other side has been closed.
  const drained = new Promise<void>((resolve) =>
    stream.on('error', () => resolve()).on('close', () => resolve()),
  );
  const exited = new Promise<number | null>((resolve) =>
    child.on('error', () => resolve(null)).on('exit', resolve),
  );
  return {
    saw: (text) =>
      new Promise((resolve, reject) => {
        look = () => {
          const at = output.indexOf(text, from);
          if (at < 0) return;
          from = at + text.length;
          look = () => {};
          resolve();
        };
        void exited.then(() => reject(new Error(`ended before ${JSON.stringify(text)}: ${output}`)));
        look();
      }),
    type: (text) => void stream.write(text),
    resize: (rows, columns) => {
      hostSetTerminalSize(master, rows, columns);
      // It is not the terminal of its session.
      child.kill('SIGWINCH');
    },
    end: (async () => {
      const code = await exited;
      await drained;
      stream.destroy();
      return { code, output };
    })(),
  };
}
