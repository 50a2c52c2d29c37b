import { describe, expect, it } from 'vitest';
import { Timer } from '../../src/core/timers.js';
import { NetStack } from '../../src/stack.js';

describe('timers', () => {
  it('what comes due while an entry is under way waits for the next one', () => {
    let time = 0;
    let alarm = Number.POSITIVE_INFINITY;
    let fire = () => {};
    // Time goes on between any two looks at the clock, as it does on a busy machine.
    const host = {
      now: () => (time += 2),
      setAlarm: (at: number, callback: () => void) => {
        alarm = at;
        fire = callback;
      },
      random32: () => 4,
    };
    const stack = new NetStack(host);
    let calls = 0;
    let seen = 0;
    const deadline = 101;
    const timer = new Timer({
      onTimer: () => {
        if (++calls > 100) throw new Error('called for ever');
        seen = stack.now();
        // As an owner of many deadlines does that has one timer for them.
        if (seen < deadline) stack.timers.arm(timer, deadline);
      },
    });
    stack.timers.arm(timer, deadline);
    time = 98;
    for (let i = 0; i < 5 && alarm !== Number.POSITIVE_INFINITY; i++) {
      alarm = Number.POSITIVE_INFINITY;
      fire();
    }
    expect(seen).toBeGreaterThanOrEqual(deadline);
    expect(calls).toBe(1);
    expect(alarm).toBe(Number.POSITIVE_INFINITY);
  });
});
