import { hostMonotonicNs } from '@sandbox/native';
import { expect, it } from 'vitest';
import { EVENT_SYSCALL, type Platform } from '../index.js';
import { TestGuest } from './guest.js';

export function lifeCases(platform: Platform): void {
  it('ends running, pending and stopped contexts', async () => {
    const guest = new TestGuest(platform);
    const context = guest.start((a) => a.label('start').syscall().label('loop').jmp('loop'));
    await guest.run(context);
    const running = context.clone();
    running.sink = guest;
    running.resume();
    await new Promise((r) => setTimeout(r, 10));
    const pending = context.clone();
    pending.sink = guest;
    pending.resume();
    pending.dispose();
    running.dispose();
    expect(context.addressSpace.contexts).toBe(1);
    context.dispose();
    context.dispose();
    guest.dispose();
  });

  it('lets the event loop run while guests compute', async () => {
    const guest = new TestGuest(platform);
    guest.start((a) => a.label('start').jmp('start')).resume();
    // However busy the machine is: as many as it takes, within the test's time.
    for (let ticks = 0; ticks < 20; ticks++) await new Promise((r) => setTimeout(r, 10));
    guest.dispose();
  });

  it('calls the alarm at its time, with and without running guests', async () => {
    const guest = new TestGuest(platform);
    for (const busy of [false, true]) {
      const due = hostMonotonicNs() + 20e6;
      const late = await new Promise<number>((resolve) => {
        guest.instance.setAlarm(due, () => resolve(hostMonotonicNs() - due));
        if (busy) guest.start((a) => a.label('start').jmp('start')).resume();
      });
      expect(late).toBeGreaterThanOrEqual(0);
      // An emulated machine may be that busy.
      expect(late).toBeLessThan(5e9);
    }
    guest.dispose();
  });

  it('an alarm can be moved and taken back', async () => {
    const guest = new TestGuest(platform);
    let fired = 0;
    guest.instance.setAlarm(hostMonotonicNs() + 5e6, () => fired++);
    guest.instance.setAlarm(Number.POSITIVE_INFINITY, () => fired++);
    await new Promise((r) => setTimeout(r, 30));
    expect(fired).toBe(0);
    guest.dispose();
  });

  it('runs several instances side by side', async () => {
    const guests = [0, 1, 2].map(() => new TestGuest(platform));
    const contexts = guests.map((g) =>
      g.start((a) => a.label('start').mov('eax', 39).syscall().jmp('start')),
    );
    for (let round = 0; round < 50; round++) {
      await Promise.all(guests.map((g, i) => g.run(contexts[i])));
      for (const c of contexts) {
        expect(c.event).toBe(EVENT_SYSCALL);
        c.setResult(round, 0);
      }
    }
    for (const g of guests) g.dispose();
  });

  it('gives everything back on dispose, again and again', () => {
    for (let i = 0; i < 20; i++) {
      const guest = new TestGuest(platform);
      guest.start((a) => a.label('start').jmp('start')).resume();
      guest.dispose();
      guest.instance.dispose();
    }
  });
}
