import { TCP_CLOSE } from '@sandbox/abi';
import { expect, it } from 'vitest';
import { allocatePacket } from '../../src/core/packet.js';
import { writeHeader } from '../../src/wire/tcp.js';
import { Pair, seeded } from './channel.js';
import { type End, readAll, write } from './harness.js';

/** Numbers that are near what the connection looks at, or anything. */
function near(random: () => number, values: number[]): number {
  const value = values[Math.floor(random() * values.length)];
  const r = random();
  if (r < 0.4) return value;
  if (r < 0.8) return (value + Math.floor((random() - 0.5) * 6000)) | 0;
  return (random() * 2 ** 32) | 0;
}

/** A segment from nowhere, made to be taken seriously. */
function forge(random: () => number, to: End, now: number) {
  const { tcp, host } = to;
  const packet = allocatePacket(4000);
  const { bytes, start } = packet;
  let at = start + 20;
  if (random() < 0.5) {
    bytes.set([1, 1, 8, 10], at);
    new DataView(bytes.buffer, bytes.byteOffset).setInt32(at + 4, near(random, [tcp.tsRecent, now]));
    new DataView(bytes.buffer, bytes.byteOffset).setInt32(at + 8, near(random, [now | 0]));
    at += 12;
  }
  if (random() < 0.3) {
    const count = 1 + Math.floor(random() * 2);
    bytes.set([1, 1, 5, 2 + 8 * count], at);
    at += 4;
    for (let i = 0; i < 2 * count; i++, at += 4) {
      new DataView(bytes.buffer, bytes.byteOffset).setInt32(at, near(random, [tcp.sndUna, tcp.sndNxt]));
    }
  }
  while (random() < 0.2 && at < start + 56) {
    for (let i = 0; i < 4; i++) bytes[at++] = random() * (random() < 0.5 ? 12 : 256);
  }
  const header = at - start;
  let flags = random() < 0.85 ? 16 : 0;
  for (let bit = 1; bit < 256; bit <<= 1) if (random() < 0.08) flags ^= bit;
  // An acceptable RST ends the fun.
  if (random() < 0.95) flags &= ~4;
  writeHeader(
    bytes,
    start,
    host.remotePort,
    host.localPort,
    near(random, [tcp.rx.next, tcp.rx.first, (tcp.rx.next + tcp.rcvWnd) | 0]),
    near(random, [tcp.sndUna, tcp.sndNxt]),
    header,
    flags,
    random() * 65536,
    random() < 0.2 ? random() * 3000 : 0,
  );
  if (random() < 0.05) bytes[start + Math.floor(random() * header)] = random() * 256;
  packet.transport = start;
  packet.end = at + (random() < 0.6 ? Math.floor(random() * 1500) : 0);
  packet.tos = random() * 4;
  return packet;
}

it('forged segments in the middle of a connection break nothing', () => {
  const runs = Number(process.env.TCP_RUNS ?? 40);
  const seed = Number(process.env.TCP_SEED ?? 1);
  const chunk = new Uint8Array(5000);
  for (let run = 0; run < runs; run++) {
    const random = seeded(seed * 1000 + run);
    const pair = new Pair({
      seed: run,
      path: { delay: 5, loss: random() * 0.1, jitter: 3 },
      client: { options: { oobInline: random() < 0.5 } },
      server: {
        tune: (shared) =>
          Object.assign(shared.settings, { sack: random() < 0.8, timestamps: random() < 0.6 }),
      },
    }).open();
    const { client, server } = pair;
    for (let step = 0; step < 400; step++) {
      const end = random() < 0.5 ? client : server;
      const { tcp } = end;
      const r = random();
      if (r < 0.5) tcp.receive(forge(random, end, pair.clock.time));
      else if (r < 0.6) write(tcp, chunk, random() < 0.1 ? 1 : 0);
      else if (r < 0.7) readAll(tcp, 3000);
      else if (r < 0.701) tcp.shutdownSend();
      else if (r < 0.72) tcp.icmpError(113, near(random, [tcp.sndUna]));
      else if (r < 0.74) {
        end.host.pathMtu = 300 + Math.floor(random() * 1200);
        tcp.pathChanged(near(random, [tcp.sndUna]));
      } else pair.step();
      tcp.poll();
      tcp.info({});
      check(tcp);
    }
    for (const { tcp } of [client, server]) {
      tcp.abort();
      tcp.close();
      expect(tcp.state).toBe(TCP_CLOSE);
      expect(tcp.shared.pool.used).toBe(0);
    }
    while (pair.step());
    expect(pair.clock.timers.size).toBe(0);
  }
});

function check(tcp: End['tcp']): void {
  const { tx, rx } = tcp;
  let sacked = 0;
  let lost = 0;
  for (let i = 0; i < tx.length; i++) {
    if (tx.at(i).marks & 1) sacked++;
    if (tx.at(i).marks & 2) lost++;
  }
  const sane =
    sacked === tx.sacked &&
    lost === tx.lost &&
    tx.waiting >= 0 &&
    tx.retransmitted >= 0 &&
    tcp.cwnd >= 1 &&
    rx.length >= 0 &&
    rx.ring.capacity >= rx.length &&
    tcp.shared.pool.used <= 32 << 20 &&
    ((tcp.sndNxt - tcp.sndUna) | 0) >= 0 &&
    ((tcp.writeSeq - tcp.sndNxt) | 0) >= 0 &&
    tcp.srtt >= 0 &&
    tcp.rto >= 200 &&
    Number.isFinite(tcp.rto);
  if (!sane) throw new Error('a connection is out of its mind');
  // Something outstanding is never forgotten.
  if (tx.length > 0 && tcp.state !== TCP_CLOSE && !tcp.retransmitTimer.armed) throw new Error('no timer');
}
