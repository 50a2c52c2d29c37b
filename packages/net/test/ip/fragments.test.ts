import { describe, expect, test } from 'vitest';
import { IpAddress, type Packet, packetFrom, Timers, VirtualHost } from '../../src/index.js';
import { Fragments } from '../../src/ip/fragments.js';

const A = IpAddress.v4(0x0a000001);
const B = IpAddress.v4(0x0a000002);

function reassembly(memory = 1 << 20) {
  const host = new VirtualHost();
  const timers = new Timers(host, (work) => work());
  const timedOut: (Packet | null)[] = [];
  const fragments = new Fragments({
    timers,
    now: () => host.now(),
    fragmentMemory: memory,
    fragmentTime: 30_000,
    reassemblyTimedOut: (first) => timedOut.push(first),
  });
  /** `text` at byte `offset`; behind a header of 4 bytes. The whole payload, once it is there. */
  const add = (text: string, offset: number, more: boolean, id = 1, source = A): string | null => {
    const packet = packetFrom(Buffer.from(`head${text}`));
    packet.network = packet.start;
    const whole = fragments.add(packet, packet.start + 4, offset, more, source, B, id, 17);
    return whole && Buffer.from(whole.bytes.subarray(whole.start, whole.end)).toString();
  };
  return { host, fragments, timers, timedOut, add };
}

describe('reassembly', () => {
  test('in any order', () => {
    const pieces: [string, number, boolean][] = [
      ['aaaaaaaa', 0, true],
      ['bbbbbbbb', 8, true],
      ['cc', 16, false],
    ];
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0],
      [2, 0, 1],
    ]) {
      const { add, fragments, timers } = reassembly();
      const results = order.map((i) => add(...pieces[i]));
      expect(results).toEqual([null, null, 'aaaaaaaabbbbbbbbcc']);
      expect([fragments.used, fragments.count, timers.size]).toEqual([0, 0, 0]);
    }
  });

  test('a repeated piece is nothing, an overlapping one ends it all (RFC 5722)', () => {
    const { add, fragments } = reassembly();
    add('aaaaaaaa', 0, true);
    expect(add('aaaaaaaa', 0, true)).toBe(null);
    expect(fragments.count).toBe(1);
    expect(add('bbbbbbbbbbbbbbbb', 8, true)).toBe(null);
    expect(add('xxxxxxxx', 16, true)).toBe(null);
    expect(fragments.count).toBe(0);
    expect(add('cc', 24, false)).toBe(null);
    expect(fragments.count).toBe(1);
  });

  test('two ends, pieces behind the end, odd and empty pieces', () => {
    const { add, fragments } = reassembly();
    add('cc', 16, false);
    add('c', 16, false);
    expect(fragments.count).toBe(0);
    add('cc', 16, false, 2);
    add('dddddddd', 24, true, 2);
    expect(fragments.count).toBe(0);
    expect(add('odd', 0, true, 3)).toBe(null);
    expect(add('', 8, false, 3)).toBe(null);
    expect(add('x', 65535, false, 3)).toBe(null);
    expect(fragments.count).toBe(0);
  });

  test('senders and identifications are told apart', () => {
    const { add } = reassembly();
    add('aaaaaaaa', 0, true, 1, A);
    expect(add('bb', 8, false, 2, A)).toBe(null);
    expect(add('bb', 8, false, 1, B)).toBe(null);
    expect(add('bb', 8, false, 1, A)).toBe('aaaaaaaabb');
  });

  test('bounded in time and memory', () => {
    const { add, host, fragments, timedOut } = reassembly(20_000);
    add('aaaaaaaa', 0, true, 1);
    add('bbbbbbbb', 8, true, 2);
    host.advance(29_999);
    expect(fragments.count).toBe(2);
    host.advance(1);
    expect(fragments.count).toBe(0);
    // Only who had the first piece can be told.
    expect(timedOut.map((first) => first !== null)).toEqual([true, false]);
    for (let id = 0; id < 1000; id++) add('aaaaaaaa', 0, true, id);
    expect(fragments.used).toBeLessThanOrEqual(20_000);
    expect(fragments.count).toBeLessThan(12);
  });
});
