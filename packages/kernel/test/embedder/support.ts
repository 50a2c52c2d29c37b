import { Kernel, type KernelOptions } from '@sandbox/kernel';
import { hostfs, overlay, tmpfs } from '@sandbox/vfs';

/** A kernel over the host's programs; what guests write stays in memory. */
export function makeKernel(options: Partial<KernelOptions> = {}): Promise<Kernel> {
  return Kernel.create({
    root: overlay({ lower: hostfs('/', { readOnly: true }), upper: tmpfs() }),
    ...options,
  });
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
