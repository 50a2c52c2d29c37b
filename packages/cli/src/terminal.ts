import { hostTerminal, type Process } from '@sandbox/kernel';

/** VEOF: what Ctrl-D types. */
const END_OF_INPUT = Buffer.from([4]);

/**
 * Connect this process's terminal with the guest's: raw keys in, output out, window size along. The returned function
 * waits for the last output and restores the terminal; it is also restored when this process ends in another way.
 */
export function passTerminal(child: Process): () => Promise<void> {
  const { stdin, stdout } = process;
  const terminal = hostTerminal(0);
  const leave = (): void => terminal?.restore();
  // After a stop (kill -STOP, kill -TSTP) the shell has set the terminal as it likes it.
  const again = (): void => terminal?.makeRaw();
  const onKey = (bytes: Buffer): void => {
    if (!child.stdin!.write(bytes)) {
      stdin.pause();
      child.stdin!.once('drain', () => stdin.resume());
    }
  };
  const onEnd = (): void => void child.stdin!.write(END_OF_INPUT);
  const onResize = (): void => child.resize({ rows: stdout.rows ?? 24, columns: stdout.columns ?? 80 });
  const ignore = (): void => {};
  // The window is gone.
  const onLost = (): void => {
    child.stdout!.resume();
    child.killGroup('SIGHUP');
  };

  again();
  process.once('exit', leave).on('SIGCONT', again);
  stdin.on('data', onKey).on('end', onEnd);
  child.stdin!.on('error', ignore);
  stdout.on('resize', onResize).on('error', onLost);
  child.stdout!.pipe(stdout, { end: false });
  const finished = new Promise<void>((resolve) => child.stdout!.once('end', resolve).once('close', resolve));
  return async () => {
    await finished;
    stdin.off('data', onKey).off('end', onEnd).pause();
    stdout.off('resize', onResize);
    process.off('exit', leave).off('SIGCONT', again);
    leave();
  };
}
