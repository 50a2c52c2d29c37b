/**
 * Guests that write to the pages their system calls are published in, where they can: they harm nobody but
 * themselves.
 */
import { type Assembler, mem, memIndexed } from '@sandbox/native';
import { type Context, EVENT_EXCEPTION, EVENT_FAULT, EVENT_SYSCALL } from '@sandbox/platform';
import { CODE, getReg, RBX, RIP, RSI, setReg, TestGuest } from '@sandbox/platform/conformance';
import { kvm } from '@sandbox/platform-kvm';
import { describe, expect, it } from 'vitest';

/** Where virtual CPU 0 has its page, and some offset in it that means nothing. */
const PAGES = -0x80000000 + 0x200000;
const PAGE = 4096;
const UNUSED = 2048;
const CPUS = 8;
const CALLS = 400;
const MARK = 0x5eed;

const probe = kvm().probe();

describe.skipIf(!probe.ok)(`call pages${probe.ok ? '' : ` (cannot run here: ${probe.why})`}`, () => {
  it('a thread that overwrites them disturbs its own process alone', { timeout: 120_000 }, async () => {
    const guest = new TestGuest(kvm({ spin: 'always' }));
    const caller = guest.start(program, 'caller');
    const vandal = caller.clone();
    const other = caller.fork();
    setReg(vandal, RIP, CODE + offsetOf('vandal'));
    let cpu = 0;
    let events = 0;
    let undisturbed = 0;
    setReg(vandal, RSI, PAGES);
    vandal.sink = {
      // No page, or none to be written.
      onGuestEvent: (c) => {
        expect(c.event).toBe(EVENT_FAULT);
        cpu = (cpu + 1) % CPUS;
        setReg(c, RSI, PAGES + cpu * PAGE);
        if (events < CALLS) c.resume();
      },
    };
    const done = new Promise<void>((resolve) => {
      caller.sink = {
        onGuestEvent: (c) => {
          expect([EVENT_SYSCALL, EVENT_FAULT, EVENT_EXCEPTION]).toContain(c.event);
          if (c.event === EVENT_SYSCALL) c.setResult(7, 0);
          else setReg(c, RIP, CODE + offsetOf('caller'));
          if (++events < CALLS) c.resume();
          else if (undisturbed >= CALLS) resolve();
        },
      };
      other.sink = {
        onGuestEvent: (c) => {
          expect([c.event, c.nr, c.args[0]]).toEqual([EVENT_SYSCALL, 39, MARK]);
          c.setResult(undisturbed, 0);
          if (++undisturbed < CALLS) c.resume();
          else if (events >= CALLS) resolve();
        },
      };
    });
    for (const context of [vandal, caller, other]) context.resume();
    await done;
    expect(guest.instance.stats().failures).toBe(0);
    guest.dispose();
  });

  it('are not those of another process', async () => {
    const guest = new TestGuest(kvm({ spin: 'always' }));
    const writer = guest.start(program, 'write');
    const reader = writer.fork();
    reader.sink = guest;
    let written = 0;
    for (let cpu = 0; cpu < CPUS; cpu++) {
      if (await reaches(guest, writer, 'write', cpu)) written++;
      if (await reaches(guest, reader, 'read', cpu)) expect(getReg(reader, RBX)).not.toBe(MARK);
    }
    // Hardware virtualisation: they are not user pages at all.
    if (probe.ok && probe.detail.startsWith('software')) expect(written).toBeGreaterThan(0);
    else expect(written).toBe(0);
    guest.dispose();
  });
});

/** Have `context` touch the page of `cpu`. False when it cannot. */
async function reaches(guest: TestGuest, context: Context, how: string, cpu: number): Promise<boolean> {
  setReg(context, RIP, CODE + offsetOf(how));
  setReg(context, RSI, PAGES + cpu * PAGE);
  await guest.run(context);
  if (context.event === EVENT_FAULT) return false;
  expect(context.event).toBe(EVENT_SYSCALL);
  return true;
}

let offsets: Assembler | null = null;
function offsetOf(label: string): number {
  return offsets!.labelOffset(label);
}

function program(a: Assembler): void {
  offsets = a;
  a.label('caller').mov('edi', MARK).mov('eax', 39).syscall().jmp('caller');
  a.label('vandal').mov('rcx', PAGE / 4);
  a.label('next')
    .add('eax', 0x9e3779b)
    .mov(memIndexed('rsi', 'rcx', 4, -4), 'eax')
    .dec('rcx')
    .jcc('ne', 'next');
  a.jmp('vandal');
  a.label('write').mov('ebx', MARK).mov(mem('rsi', UNUSED), 'ebx').syscall();
  a.label('read').mov('ebx', mem('rsi', UNUSED)).syscall();
}
