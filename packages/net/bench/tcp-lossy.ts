/**
 * Throughput of one TCP connection over a path with delay and loss, in virtual time. `npx tsx
 * packages/net/bench/tcp-lossy.ts`
 *
 * The yardstick is Mathis et al.: MSS / RTT x 1.22 / sqrt(loss), what Reno gets at best when no
 * retransmission is lost.
 */
import { Pair } from '../test/tcp/channel.js';
import { runTransfers, Transfer } from '../test/tcp/transfer.js';

const cases = [
  { delay: 50, loss: 0, size: 10e6 },
  { delay: 50, loss: 0.001, size: 5e6 },
  { delay: 50, loss: 0.01, size: 2e6 },
  { delay: 50, loss: 0.05, size: 1e6 },
  { delay: 50, loss: 0.05, size: 1e6, reorder: 0.1, reorderBy: 5 },
  { delay: 50, loss: 0, size: 5e6, reorder: 0.2, reorderBy: 10 },
  { delay: 10, loss: 0.02, size: 2e6 },
  { delay: 20, loss: 0, size: 8e6, rate: 1250, queue: 100_000 },
];

for (const { size, ...path } of cases) {
  for (const congestion of ['cubic', 'reno']) {
    let total = 0;
    const runs = Number(process.argv[2] ?? 3);
    const sums = { RetransSegs: 0, TCPTimeouts: 0, TCPLossProbes: 0, TCPFullUndo: 0 };
    let lost = 0;
    for (let seed = 1; seed <= runs; seed++) {
      const pair = new Pair({
        seed,
        path,
        client: { options: { congestion } },
        server: { options: { congestion } },
      });
      pair.open();
      total += runTransfers(pair, [new Transfer(pair.client, pair.server, size, seed, 65536)]);
      const { counters } = pair.client.tcp.shared;
      for (const name of Object.keys(sums) as (keyof typeof sums)[]) sums[name] += counters[name];
      lost += pair.lost;
    }
    const rate = (size * runs) / total;
    const best = path.loss > 0 ? (1460 / (2 * path.delay)) * (1.22 / Math.sqrt(path.loss)) : 0;
    const ratio = best > 0 ? ` ${(rate / best).toFixed(2)} of the yardstick` : '';
    console.log(
      `${JSON.stringify(path)} ${congestion}: ${rate.toFixed(0)} kB/s${ratio}; lost ${lost} ${JSON.stringify(sums)}`,
    );
  }
}
