import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ACK,
  Segment,
  SYN,
  writeHeader,
  writeSacks,
  writeSynOptions,
  writeTimestamps,
} from '../../src/wire/tcp.js';
import { seeded } from '../tcp/channel.js';

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const u16 = fc.nat({ max: 65535 });

describe('segments on the wire (RFC 9293 section 3.1)', () => {
  it('what is written is read', () => {
    fc.assert(
      fc.property(
        u16,
        u16,
        int32,
        int32,
        fc.nat({ max: 255 }),
        u16,
        u16,
        fc.nat({ max: 500 }),
        (sp, dp, seq, ack, flags, window, urgent, length) => {
          const bytes = new Uint8Array(600);
          writeHeader(bytes, 7, sp, dp, seq, ack, 20, flags, window, urgent);
          const s = new Segment();
          expect(s.parse(bytes, 7, 27 + length)).toBe(true);
          expect([s.sourcePort, s.destinationPort, s.seq, s.ack, s.flags, s.window, s.urgent]).toEqual([
            sp,
            dp,
            seq,
            ack,
            flags,
            window,
            urgent,
          ]);
          expect(s.length).toBe(length);
          expect(s.end).toBe((seq + length + ((flags >> 1) & 1) + (flags & 1)) | 0);
        },
      ),
      { seed: 1, numRuns: 300 },
    );
  });

  it('options too', () => {
    const bytes = new Uint8Array(100);
    const end = writeSynOptions(bytes, 20, {
      mss: 1460,
      sackPermitted: true,
      timestamps: true,
      tsVal: -5,
      tsEcr: 7,
      windowScale: 9,
    });
    writeHeader(bytes, 0, 1, 2, 3, 4, end, SYN, 5, 6);
    const s = new Segment();
    expect(s.parse(bytes, 0, end)).toBe(true);
    expect(s).toMatchObject({
      mss: 1460,
      sackPermitted: true,
      hasTimestamp: true,
      tsVal: -5,
      tsEcr: 7,
      windowScale: 9,
    });
    let at = writeTimestamps(bytes, 20, 11, 12);
    at = writeSacks(bytes, at, Int32Array.of(1, 2, -3, 4, 5, 6), 3);
    writeHeader(bytes, 0, 1, 2, 3, 4, at, ACK, 5, 6);
    expect(s.parse(bytes, 0, at)).toBe(true);
    expect([...s.sacks.slice(0, 6)]).toEqual([1, 2, -3, 4, 5, 6]);
    expect(s.sackCount).toBe(3);
    expect(s.tsVal).toBe(11);
  });

  it('a window scale above 14 is 14 (RFC 7323 section 2.3)', () => {
    const bytes = new Uint8Array(24);
    writeHeader(bytes, 0, 1, 2, 3, 4, 24, SYN, 5, 6);
    bytes.set([1, 3, 3, 40], 20);
    const s = new Segment();
    s.parse(bytes, 0, 24);
    expect(s.windowScale).toBe(14);
  });

  it('headers that are none are refused', () => {
    const s = new Segment();
    const bytes = new Uint8Array(60);
    for (let offset = 0; offset < 16; offset++) {
      bytes[12] = offset << 4;
      for (let length = 0; length <= 60; length++) {
        expect(s.parse(bytes, 0, length)).toBe(offset >= 5 && offset * 4 <= length);
      }
    }
  });

  it('any bytes whatever are read without reading beyond them', () => {
    const random = seeded(Number(process.env.TCP_SEED ?? 7));
    const s = new Segment();
    for (let run = 0; run < Number(process.env.TCP_FUZZ ?? 50_000); run++) {
      const bytes = new Uint8Array(20 + Math.floor(random() * 60));
      for (let i = 0; i < bytes.length; i++) bytes[i] = random() * (random() < 0.5 ? 11 : 256);
      bytes[12] = Math.floor(5 + random() * 11) << 4;
      if (!s.parse(bytes, 0, bytes.length)) continue;
      if (s.dataStart > s.dataEnd || s.sackCount > 4 || s.windowScale > 14) throw new Error(`run ${run}`);
    }
  });
});
