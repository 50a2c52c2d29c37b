import type { Process } from '@sandbox/kernel';

/**
 * Connect this process's terminal with the guest's: raw keys in, output out, window size along. The returned function waits for the
 * last output and restores the terminal; it is also restored when this process ends in another way.
 */
export function passTerminal(child: Process): () => Promise<void> {
  const { stdin, stdout } = process;
  const restore = (): void => {
    if (stdin.isTTY) stdin.setRawMode(false);
  };
  if (stdin.isTTY) stdin.setRawMode(true);
  process.once('exit', restore);
  const onKey = (bytes: Buffer): void => {
    if (!child.stdin!.write(bytes)) {
      stdin.pause();
      child.stdin!.once('drain', () => stdin.resume());
    }
  };
  stdin.on('data', onKey);
  const onResize = (): void => child.resize({ rows: stdout.rows ?? 24, columns: stdout.columns ?? 80 });
  stdout.on('resize', onResize);
  child.stdout!.pipe(stdout, { end: false });
  const finished = new Promise<void>((resolve) => child.stdout!.once('end', resolve).once('close', resolve));
  return async () => {
    await finished;
    stdin.off('data', onKey);
    stdin.pause();
    stdout.off('resize', onResize);
    process.off('exit', restore);
    restore();
  };
}
