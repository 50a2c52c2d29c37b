import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../src/time/seeded-random.js';
import { Timer, Timers } from '../../src/time/timers.js';

function setup() {
  const state = { now: 0, alarm: Number.POSITIVE_INFINITY };
  const timers = new Timers(
    () => state.now,
    (when) => {
      state.alarm = when;
    },
  );
  return { state, timers };
}

/** Play the platform's part: an alarm rings once. */
function runAll(state: { now: number; alarm: number }, timers: Timers): void {
  while (Number.isFinite(state.alarm)) {
    state.now = state.alarm;
    state.alarm = Number.POSITIVE_INFINITY;
    timers.runDue();
  }
}

describe('timers', () => {
  it('fires in order of time, none early, and keeps the alarm at the next', () => {
    const { state, timers } = setup();
    const random = new SeededRandom(7);
    const fired: number[] = [];
    const all = Array.from({ length: 200 }, () => {
      const t: Timer = new Timer(() => fired.push(state.now));
      timers.arm(t, 1 + (random.uint32() % 1000));
      return t;
    });
    // Moves, both ways, and cancellations.
    for (const t of all) if (random.uint32() % 3 === 0) timers.arm(t, 1 + (random.uint32() % 1000));
    let cancelled = 0;
    for (const t of all) {
      if (random.uint32() % 4 === 0) {
        timers.cancel(t);
        cancelled++;
      }
    }
    const expected = all
      .filter((t) => t.armed)
      .map((t) => t.when)
      .sort((x, y) => x - y);
    runAll(state, timers);
    expect(fired).toEqual(expected);
    expect(fired).toHaveLength(200 - cancelled);
    expect(all.some((t) => t.armed)).toBe(false);
  });

  it('lets a timer arm itself and others while it fires', () => {
    const { state, timers } = setup();
    const log: string[] = [];
    const other = new Timer(() => log.push(`other ${state.now}`));
    const periodic: Timer = new Timer(() => {
      log.push(`tick ${state.now}`);
      if (state.now < 30) timers.arm(periodic, state.now + 10);
      if (state.now === 10) timers.arm(other, 15);
    });
    timers.arm(periodic, 10);
    runAll(state, timers);
    expect(log).toEqual(['tick 10', 'other 15', 'tick 20', 'tick 30']);
  });

  it('takes Infinity as never', () => {
    const { state, timers } = setup();
    const t = new Timer(() => {});
    timers.arm(t, 5);
    timers.arm(t, Number.POSITIVE_INFINITY);
    expect(t.armed).toBe(false);
    timers.cancel(t);
    runAll(state, timers);
    expect(state.alarm).toBe(Number.POSITIVE_INFINITY);
  });
});
