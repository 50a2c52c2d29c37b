import type { Kernel } from '@sandbox/kernel';

/** `--stats`: what was called how often and how long it took (sleeps included), on standard error. */
export function printStats(kernel: Kernel): void {
  const { calls, latencies, platform, slowSites, memory } = kernel.stats();
  const rows = Object.entries(calls).sort((a, b) => b[1] - a[1]);
  const counters = Object.entries(platform).map(([name, value]) => `${name} ${value}`);
  console.error(`\n${'calls'.padStart(10)} ${'mean us'.padStart(10)} ${'max us'.padStart(10)}  system call`);
  const us = (ns: number | undefined): string =>
    (ns === undefined ? '-' : (ns / 1000).toFixed(1)).padStart(10);
  for (const [name, count] of rows) {
    const l = latencies[name];
    const mean = l && l.totalNs / l.count;
    console.error(`${String(count).padStart(10)} ${us(mean)} ${us(l?.maxNs)}  ${name}`);
  }
  if (slowSites.length > 0) console.error('\n     calls  made slowly by code at (bytes around the call)');
  for (const { address, calls, code } of slowSites.slice(0, 10)) {
    const bytes = Buffer.from(code).toString('hex');
    const around = `${bytes.slice(0, 10)} ${bytes.slice(10, 14)} ${bytes.slice(14)}`;
    console.error(`${String(calls).padStart(10)}  0x${address.toString(16)}  ${around}`);
  }
  console.error(`\nguest memory ${(memory / 2 ** 20).toFixed(1)} MiB\nplatform: ${counters.join(', ')}`);
}
