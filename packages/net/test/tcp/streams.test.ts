import { TCP_CLOSE } from '@sandbox/abi';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Pair } from './channel.js';
import { runTransfers, Transfer } from './transfer.js';

const side = fc.record({
  mtu: fc.constantFrom(296, 576, 1500, 9000, 65536),
  options: fc.record({
    noDelay: fc.boolean(),
    receiveBuffer: fc.constantFrom(2304, 8192, 65536, 131072, 1_000_000),
    receiveBufferLocked: fc.boolean(),
    sendBuffer: fc.constantFrom(4608, 16384, 200_000),
    sendBufferLocked: fc.boolean(),
    congestion: fc.constantFrom('cubic', 'reno'),
  }),
  sack: fc.boolean(),
  timestamps: fc.boolean(),
  windowScaling: fc.boolean(),
  ecn: fc.constantFrom(0, 1, 2),
  size: fc.integer({ min: 1, max: 120_000 }),
  chunk: fc.integer({ min: 50, max: 60_000 }),
  read: fc.integer({ min: 200, max: 65536 }),
});

const path = fc.record({
  delay: fc.double({ min: 0, max: 200, noNaN: true }),
  jitter: fc.double({ min: 0, max: 50, noNaN: true }),
  loss: fc.double({ min: 0, max: 0.2, noNaN: true }),
  duplicate: fc.double({ min: 0, max: 0.2, noNaN: true }),
  reorder: fc.double({ min: 0, max: 0.3, noNaN: true }),
  mark: fc.double({ min: 0, max: 0.1, noNaN: true }),
});

it('streams arrive bit for bit through loss, duplication and reordering, both ways at once', () => {
  fc.assert(
    fc.property(fc.integer(), path, side, side, (seed, impairment, a, b) => {
      const setup = (s: typeof a) => ({
        mtu: s.mtu,
        options: s.options,
        tune: (shared: { settings: object }) =>
          Object.assign(shared.settings, {
            sack: s.sack,
            timestamps: s.timestamps,
            windowScaling: s.windowScaling,
            ecn: s.ecn,
            // Bad luck is no error here.
            retries2: 100,
          }),
      });
      const pair = new Pair({
        seed,
        path: { ...impairment, reorderBy: impairment.delay / 2 + 1 },
        client: { ...setup(a), iss: seed },
        server: setup(b),
      });
      Object.assign(pair.client.tcp.options, { synCount: 60 });
      pair.server.tcp.shared.settings.synAckRetries = 60;
      pair.open();
      const { client, server } = pair;
      runTransfers(
        pair,
        [
          new Transfer(client, server, a.size, seed, Math.min(a.chunk, 65536), a.read),
          new Transfer(server, client, b.size, seed + 1, Math.min(b.chunk, 65536), b.read),
        ],
        100_000_000,
      );
      client.tcp.close();
      server.tcp.close();
      pair.run(() => client.tcp.state === TCP_CLOSE && server.tcp.state === TCP_CLOSE, 10_000_000);
      expect(client.tcp.state).toBe(TCP_CLOSE);
      expect(server.tcp.state).toBe(TCP_CLOSE);
      for (const { tcp } of [client, server]) {
        expect(tcp.tx.length).toBe(0);
        expect(tcp.tx.sacked + tcp.tx.lost + tcp.tx.retransmitted + tcp.tx.waiting).toBe(0);
        expect(tcp.shared.pool.used).toBe(0);
      }
    }),
    {
      numRuns: Number(process.env.TCP_RUNS ?? 30),
      seed: Number(process.env.TCP_SEED ?? 42),
      endOnFailure: true,
    },
  );
});
