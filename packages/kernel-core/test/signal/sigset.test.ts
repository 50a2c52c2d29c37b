import { describe, expect, it } from 'vitest';
import { isValidSignal, lowestSignal, SigSet } from '../../src/process/signal/sigset.js';

describe('SigSet', () => {
  it('holds each of the 64 signals by itself', () => {
    for (let sig = 1; sig <= 64; sig++) {
      const s = SigSet.of(sig);
      for (let other = 1; other <= 64; other++) expect(s.has(other)).toBe(other === sig);
      expect(lowestSignal(s.lo, s.hi)).toBe(sig);
      s.delete(sig);
      expect(s.empty).toBe(true);
    }
  });

  it('keeps its words unsigned', () => {
    const s = SigSet.of(32, 64);
    expect([s.lo, s.hi]).toEqual([0x80000000, 0x80000000]);
    s.union(SigSet.of(1));
    expect(s.lo).toBe(0x80000001);
    s.subtract(SigSet.of(1, 64));
    expect([s.lo, s.hi]).toEqual([0x80000000, 0]);
    s.set(-1, -1);
    expect([s.lo, s.hi]).toEqual([0xffffffff, 0xffffffff]);
  });

  it('meets sets it shares a signal with', () => {
    expect(SigSet.of(3, 40).meets(SigSet.of(40))).toBe(true);
    expect(SigSet.of(3, 40).meets(SigSet.of(8, 41))).toBe(false);
  });

  it('knows which numbers are signals', () => {
    expect([0, 1, 64, 65, -1].map(isValidSignal)).toEqual([false, true, true, false, false]);
  });
});
