import { hostTerminal, type Process } from '@sandbox/kernel';

/** VEOF: what Ctrl-D types. */
const END_OF_INPUT = Buffer.from([4]);

/**
 * Make this process's terminal, if standard input is one, pass everything on: before a guest's terminal is
 * there, so that keys typed meanwhile are not shown twice. Returns what restores it, as the end of this
 * process does in any case.
 */
export function takeTerminal(): () => void {
  const terminal = hostTerminal(0);
  if (terminal === null) return () => {};
  const leave = (): void => {
    process.off('exit', leave).off('SIGCONT', again);
    terminal.restore();
  };
  // After a stop (kill -STOP, kill -TSTP) the shell has set the terminal as it likes it.
  const again = (): void => terminal.makeRaw();
  again();
  process.once('exit', leave).on('SIGCONT', again);
  return leave;
}

/**
 * Connect this process's terminal with the guest's: keys in, output out, window size along. The returned
 * function waits for the last output.
 */
export function passTerminal(child: Process): () => Promise<void> {
  const { stdin, stdout } = process;
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

  stdin.on('data', onKey).on('end', onEnd);
  child.stdin!.on('error', ignore);
  stdout.on('resize', onResize).on('error', onLost);
  child.stdout!.pipe(stdout, { end: false });
  const finished = new Promise<void>((resolve) => child.stdout!.once('end', resolve).once('close', resolve));
  return async () => {
    await finished;
    stdin.off('data', onKey).off('end', onEnd).pause();
    stdout.off('resize', onResize);
  };
}
