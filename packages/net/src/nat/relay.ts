import type { Duplex } from 'node:stream';

/**
 * Join two streams: what comes in by one goes out by the other, an end is passed on as an end, a failure ends
 * both.
 */
export function relay(a: Duplex, b: Duplex, done: () => void): void {
  let open = 2;
  const closed = () => {
    if (--open === 0) done();
  };
  for (const [from, to] of [
    [a, b],
    [b, a],
  ]) {
    from.on('error', (error) => to.destroy(error));
    from.on('close', () => {
      // Gone without an end: the other side must not believe that all has come.
      if (!from.readableEnded && !to.destroyed) to.destroy(new Error('the other side is gone'));
      closed();
    });
    from.pipe(to);
  }
}
