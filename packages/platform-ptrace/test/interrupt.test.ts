import { EVENT_INTERRUPTED, EVENT_SYSCALL } from '@sandbox/platform';
import { TestGuest } from '@sandbox/platform/conformance';
import { ptrace } from '@sandbox/platform-ptrace';
import { describe, expect, it } from 'vitest';
import type { PtraceContext } from '../src/context.host.js';

const probe = ptrace().probe();

describe.skipIf(!probe.ok)(`interrupts${probe.ok ? '' : ` (cannot run here: ${probe.why})`}`, () => {
  // On its way into another stop a thread forgets that it was asked to stop (ptrace_stop clears
  // JOBCTL_TRAP_STOP): none is to be waited for then.
  it('one that another stop came before is not the last', async () => {
    const guest = new TestGuest(ptrace());
    const context = guest.start((a) => a.label('start').syscall().label('loop').jmp('loop')) as PtraceContext;
    // As an interrupt leaves it that the thread had no time to see.
    context.thread.interruptSent = true;
    await guest.run(context);
    expect(context.event).toBe(EVENT_SYSCALL);
    for (let i = 0; i < 3; i++) {
      setTimeout(() => context.interrupt(), 5);
      await guest.run(context);
      expect(context.event).toBe(EVENT_INTERRUPTED);
    }
    guest.dispose();
  });
});
