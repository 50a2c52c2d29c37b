import { closeSync, openSync, writeSync } from 'node:fs';
import type { Kernel } from '../embedder/kernel.js';
import { Strace } from './strace.js';

/** Print every system call as strace(1) does: to a file, or to standard error when `target` is true. Returns what ends it. */
export function straceTo(kernel: Kernel, target: boolean | string): () => void {
  const fd = typeof target === 'string' ? openSync(target, 'w') : 2;
  const { core } = kernel;
  core.tracer = new Strace(core, (line) => writeSync(fd, line));
  return () => {
    core.tracer = null;
    if (fd !== 2) closeSync(fd);
  };
}
