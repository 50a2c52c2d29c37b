import { EAGAIN, F_RDLCK, F_UNLCK, F_WRLCK, LOCK_EX, LOCK_SH, LOCK_UN, POLLIN } from '@sandbox/abi';
import { FileLocks, LockWaits, locksOf, releaseFile, WaitEntry } from '@sandbox/vfs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { World } from './world.js';

const END = Number.POSITIVE_INFINITY;

describe('record locks', () => {
  it('conflict between owners, upgrade and split within one', () => {
    const l = new FileLocks();
    const a = {};
    const b = {};
    expect(l.setRecord(a, F_RDLCK, 0, 100, 1)).toBe(0);
    expect(l.setRecord(b, F_RDLCK, 50, 150, 2)).toBe(0);
    expect(l.setRecord(a, F_WRLCK, 60, 70, 1)).toBe(-EAGAIN);
    expect(l.conflict(a, F_WRLCK, 0, END)).toMatchObject({ start: 50, end: 150, pid: 2, type: F_RDLCK });
    expect(l.setRecord(b, F_UNLCK, 60, 70, 2)).toBe(0);
    expect(l.setRecord(a, F_WRLCK, 60, 70, 1)).toBe(0);
    expect(l.conflict(b, F_RDLCK, 0, END)).toMatchObject({ start: 60, end: 70 });
    l.dropOwner(a);
    expect(l.setRecord(b, F_WRLCK, 0, END, 2)).toBe(0);
    expect(l.list()).toHaveLength(1);
  });

  it('behave like one lock kind a byte and owner', () => {
    const bytes = 24;
    const step = fc.record({
      owner: fc.nat(2),
      type: fc.constantFrom(F_RDLCK, F_WRLCK, F_UNLCK),
      start: fc.nat(bytes - 1),
      length: fc.integer({ min: 1, max: bytes }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const l = new FileLocks();
        const owners = [{}, {}, {}];
        const model = owners.map(() => new Array<number>(bytes * 2).fill(F_UNLCK));
        for (const s of steps) {
          const end = s.start + s.length;
          const range = Array.from({ length: s.length }, (_, i) => s.start + i);
          const clash =
            s.type !== F_UNLCK &&
            model.some(
              (m, o) =>
                o !== s.owner &&
                range.some((i) => m[i] === F_WRLCK || (m[i] === F_RDLCK && s.type === F_WRLCK)),
            );
          expect(l.setRecord(owners[s.owner], s.type, s.start, end, s.owner)).toBe(clash ? -EAGAIN : 0);
          if (!clash) for (const i of range) model[s.owner][i] = s.type;
          for (let i = 0; i < bytes; i++) {
            for (let o = 0; o < 3; o++) {
              const blocked = model.some((m, k) => k !== o && m[i] !== F_UNLCK);
              expect(l.conflict(owners[o], F_WRLCK, i, i + 1) !== null).toBe(blocked);
            }
          }
        }
      }),
      { numRuns: 200, seed: 1 },
    );
  });

  it('refuse to wait in a circle', () => {
    const waits = new LockWaits();
    const [a, b, c] = [{}, {}, {}];
    expect(waits.begin(a, b)).toBe(true);
    expect(waits.begin(b, c)).toBe(true);
    expect(waits.begin(c, a)).toBe(false);
    waits.done(b);
    expect(waits.begin(c, a)).toBe(true);
  });
});

describe('flock', () => {
  it('belongs to descriptions and ends with them', () => {
    const w = new World();
    const a = w.file('/f');
    const b = w.file('/f');
    const l = locksOf(a.inode);
    expect(l.flock(a, LOCK_SH)).toBe(0);
    expect(l.flock(b, LOCK_SH)).toBe(0);
    expect(l.flock(a, LOCK_EX)).toBe(-EAGAIN);
    // The attempt cost the old lock, as on Linux.
    expect(l.flock(b, LOCK_EX)).toBe(0);
    let woken = 0;
    const entry = new WaitEntry({
      onWake() {
        woken++;
        return true;
      },
    });
    l.queue.add(entry, POLLIN);
    expect(l.flock(a, LOCK_EX)).toBe(-EAGAIN);
    releaseFile(b);
    expect(woken).toBe(1);
    expect(l.flock(a, LOCK_EX)).toBe(0);
    expect(l.flock(a, LOCK_UN)).toBe(0);
    entry.remove();
    releaseFile(a);
    expect(w.resolve('/f').inode.locks).toBe(null);
  });
});
