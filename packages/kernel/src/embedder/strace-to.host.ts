import { closeSync, openSync, writeSync } from 'node:fs';
import { withdrawAllAnswers } from '@sandbox/kernel-core/process';
import { InvalidOptionError } from './errors.js';
import type { Kernel } from './kernel.js';

/**
 * Print every system call, signal and exit as strace(1) does with -f: to a file, to standard error when
 * `target` is true, or to a function, which must not call the kernel. Resolves, once it has begun, with what
 * ends it. Rejects when the file cannot be made.
 */
export async function straceTo(
  kernel: Kernel,
  target: true | string | ((text: string) => void),
): Promise<() => void> {
  if (target !== true && typeof target !== 'string' && typeof target !== 'function')
    throw new InvalidOptionError('target', 'true, the name of a file or a function is needed');
  const fd = typeof target === 'string' ? openSync(target, 'w') : 2;
  const write = typeof target === 'function' ? target : (text: string): void => writeAll(fd, text);
  // Printing knows all names of the ABI: loaded by those who want it.
  const { Strace } = await import('@sandbox/strace');
  const { core } = kernel;
  core.tracer = new Strace(core, { write, alwaysPid: fd !== 2 });
  withdrawAllAnswers(core);
  return () => {
    core.tracer = null;
    if (fd !== 2) closeSync(fd);
  };
}

const clock = new Int32Array(new SharedArrayBuffer(4));
/** How long a non-blocking standard error may stay full, ms. Then the guest matters more than its trace. */
const PATIENCE = 1000;

function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text, 'latin1');
  let waited = 0;
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(fd, bytes, done);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || waited++ === PATIENCE) return;
      Atomics.wait(clock, 0, 0, 1);
    }
  }
}
