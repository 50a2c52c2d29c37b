import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BytesSink, BytesSource } from '../../src/core/bytes.js';
import { BufferPool } from '../../src/tcp/buffer-pool.js';
import { ByteRing } from '../../src/tcp/byte-ring.js';
import { DROPPED, DUPLICATE, ReceiveQueue } from '../../src/tcp/receive-queue.js';
import { LOST, RETRANSMITTED, SACKED, TransmitQueue } from '../../src/tcp/transmit-queue.js';

function checkBytes(bytes: Uint8Array, from: number): void {
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] !== byteOf(from + i)) throw new Error(`byte ${from + i} is wrong`);
  }
}

const byteOf = (i: number) => (Math.imul(i, 2654435761) >>> 11) & 255;

describe('receive queue', () => {
  it('agrees with a model that keeps a set of bytes', () => {
    const segment = fc.record({
      at: fc.nat({ max: 3000 }),
      length: fc.integer({ min: 1, max: 400 }),
      read: fc.nat({ max: 300 }),
    });
    fc.assert(
      fc.property(int32(), fc.array(segment, { maxLength: 60 }), (start, segments) => {
        const pool = new BufferPool(1 << 20);
        const rx = new ReceiveQueue(pool);
        rx.next = start;
        const have = new Set<number>();
        let next = 0;
        let read = 0;
        for (const { at, length, read: wanted } of segments) {
          const bytes = Uint8Array.from({ length }, (_, i) => byteOf(at + i));
          const end = at + length;
          if (at <= next) {
            if (end > next) expect(rx.append(bytes, next - at, length)).toBe(true);
          } else {
            let known = true;
            for (let i = at; i < end; i++) if (!have.has(i)) known = false;
            const result = rx.insert((start + at) | 0, bytes, 0, length);
            expect(result).not.toBe(DROPPED);
            expect(result === DUPLICATE).toBe(known);
          }
          for (let i = at; i < end; i++) have.add(i);
          while (have.has(next)) next++;
          expect((rx.next - start) | 0).toBe(next);
          expect(rx.length).toBe(next - read);
          checkBlocks(rx, start, have, next);
          const out = new Uint8Array(Math.min(wanted, rx.length));
          rx.ring.copyTo(0, out.length, new BytesSink(out));
          checkBytes(out, read);
          rx.consume(out.length);
          read += out.length;
        }
        rx.clear();
        expect(pool.used).toBe(0);
      }),
      { seed: Number(process.env.TCP_SEED ?? 3), numRuns: Number(process.env.TCP_RUNS ?? 100) },
    );
  });

  it('keeps so many ranges and no more', () => {
    const rx = new ReceiveQueue(new BufferPool(1 << 20));
    const byte = Uint8Array.of(1);
    let kept = 0;
    for (let i = 1; i < 3000; i++) if (rx.insert(2 * i, byte, 0, 1) !== DROPPED) kept++;
    expect(kept).toBe(1024);
    expect(rx.insert(3, byte, 0, 1)).not.toBe(DROPPED);
  });

  it('takes no more memory than there is', () => {
    const pool = new BufferPool(64 << 10);
    const rx = new ReceiveQueue(pool);
    const bytes = new Uint8Array(1000);
    expect(rx.insert(200_000, bytes, 0, 1000)).toBe(DROPPED);
    let taken = 0;
    while (rx.append(bytes, 0, 1000)) taken += 1000;
    expect(taken).toBeLessThanOrEqual(64 << 10);
    expect(pool.used).toBeLessThanOrEqual(64 << 10);
    rx.clear();
    expect(pool.used).toBe(0);
  });
});

function int32() {
  return fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
}

/** Every block reported is there, whole, beyond `next`, and not connected to more. */
function checkBlocks(rx: ReceiveQueue, start: number, have: Set<number>, next: number): void {
  for (let i = 0; i < rx.blockCount; i++) {
    const from = (rx.blocks[2 * i] - start) | 0;
    const to = (rx.blocks[2 * i + 1] - start) | 0;
    expect(from > next && to > from).toBe(true);
    for (let k = from; k < to; k++) if (!have.has(k)) throw new Error(`${k} is not there`);
    expect(have.has(from - 1) || have.has(to)).toBe(false);
  }
}

describe('byte ring', () => {
  it('is a stream', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ put: fc.nat({ max: 5000 }), take: fc.nat({ max: 5000 }) }), { maxLength: 40 }),
        fc.constantFrom(1, 7, 40),
        (steps, factor) => {
          const pool = new BufferPool(1 << 20);
          const ring = new ByteRing(pool);
          let put = 0;
          let taken = 0;
          for (const step of steps) {
            const bytes = Uint8Array.from({ length: step.put * factor }, (_, i) => byteOf(put + i));
            if (!ring.reserve(ring.length + bytes.length, ring.length)) break;
            expect(ring.capacity).toBeGreaterThanOrEqual(ring.length + bytes.length);
            if (step.put > 0) expect(ring.append(new BytesSource(bytes), bytes.length)).toBe(bytes.length);
            put += bytes.length;
            const n = Math.min(step.take * factor, ring.length);
            const out = new Uint8Array(n);
            ring.read(0, n, out, 0);
            checkBytes(out, taken);
            ring.consume(n);
            taken += n;
          }
          ring.clear();
          expect(pool.used).toBe(0);
        },
      ),
      { seed: 5, numRuns: 100 },
    );
  });
});

describe('transmit queue', () => {
  it('counts marks, keeps both orders, and splits', () => {
    const step = fc.record({ kind: fc.nat({ max: 7 }), at: fc.nat({ max: 40 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const tx = new TransmitQueue();
        let seq = -100;
        let now = 0;
        for (const { kind, at } of steps) {
          now++;
          const segment = tx.length > 0 ? tx.at(at % tx.length) : null;
          if (kind <= 1 || segment === null) {
            tx.push(seq, seq + 10, 8, now);
            seq += 10;
          } else if (kind === 2) tx.shift();
          else if (kind === 3) {
            tx.unmark(segment, LOST | RETRANSMITTED);
            tx.mark(segment, SACKED);
            tx.unlink(segment);
          } else if (kind === 4 && (segment.marks & SACKED) === 0) {
            tx.mark(segment, LOST);
            tx.unlink(segment);
          } else if (kind === 5 && (segment.marks & SACKED) === 0) {
            tx.mark(segment, RETRANSMITTED);
            tx.sent(segment, now);
          } else if (kind === 6 && segment.end - segment.seq > 1)
            tx.split(at % tx.length, segment.seq + 1, 8);
          else if (kind === 7 && !segment.inTimeOrder && (segment.marks & SACKED) === 0) tx.relink(segment);
          checkQueue(tx);
        }
        tx.clear();
        checkQueue(tx);
        expect(tx.oldest).toBe(null);
      }),
      { seed: 9, numRuns: 60 },
    );
  });
});

function checkQueue(tx: TransmitQueue): void {
  const counts = [0, 0, 0, 0];
  let linked = 0;
  for (let i = 0; i < tx.length; i++) {
    const { marks, inTimeOrder, seq, end } = tx.at(i);
    const fits = (i === 0 || tx.at(i - 1).end === seq) && tx.find(seq) === i && end > seq;
    if (!fits) throw new Error(`segment ${i} is out of place`);
    if (marks & SACKED) counts[0]++;
    if (marks & LOST) counts[1]++;
    if (marks & RETRANSMITTED) counts[2]++;
    if ((marks & (LOST | RETRANSMITTED)) === LOST) counts[3]++;
    if (inTimeOrder) linked++;
  }
  expect([tx.sacked, tx.lost, tx.retransmitted, tx.waiting]).toEqual(counts);
  let last = 0;
  for (let segment = tx.oldest; segment !== null; segment = segment.after) {
    linked--;
    if (segment.sentAt < last) throw new Error('out of the order of time');
    last = segment.sentAt;
  }
  expect(linked).toBe(0);
}
