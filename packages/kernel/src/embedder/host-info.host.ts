import { availableParallelism, totalmem } from 'node:os';

/** Processors a guest may use. */
export function hostCpus(): number {
  return availableParallelism();
}

/** Physical memory of the host in bytes. */
export function hostMemory(): number {
  return totalmem();
}
