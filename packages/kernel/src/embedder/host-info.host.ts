import { availableParallelism, totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';

/** Processors a guest may use. */
export function hostCpus(): number {
  return availableParallelism();
}

/** Physical memory of the host in bytes. */
export function hostMemory(): number {
  return totalmem();
}

/** Bytes the heap of this thread may grow to. */
export function heapLimit(): number {
  return getHeapStatistics().heap_size_limit;
}
