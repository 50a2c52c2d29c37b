import type { Kernel } from '@sandbox/kernel';

/** `--stats`: what was called how often, on standard error. */
export function printStats(kernel: Kernel): void {
  const { calls, platform, memory } = kernel.stats();
  const rows = Object.entries(calls).sort((a, b) => b[1] - a[1]);
  const counters = Object.entries(platform).map(([name, value]) => `${name} ${value}`);
  console.error(`\n${'calls'.padStart(10)}  system call`);
  for (const [name, count] of rows) console.error(`${String(count).padStart(10)}  ${name}`);
  console.error(`\nguest memory ${(memory / 2 ** 20).toFixed(1)} MiB\nplatform: ${counters.join(', ')}`);
}
