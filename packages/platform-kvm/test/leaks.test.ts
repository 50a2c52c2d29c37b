/** What sandboxes leave behind: nothing. LEAK_RUNS sets how many are made (default 1000). */
import { readdirSync, readFileSync } from 'node:fs';
import { Assembler } from '@sandbox/native';
import { type Context, EVENT_SYSCALL, MemoryFile } from '@sandbox/platform';
import { kvm } from '@sandbox/platform-kvm';
import { describe, expect, it } from 'vitest';

const RUNS = Number(process.env.LEAK_RUNS ?? 1000);
const CODE = 0x400000;
const PAGE = 4096;
const REG_RIP = 32;
const PROT_RX = 5;

const descriptors = (): string[] => readdirSync('/proc/self/fd');
/**
 * What is mapped: files, devices and memory files by name, with how often; all else is the engine's own or
 * comes from `allocatePages`.
 */
function mappings(): { named: string[]; anonymous: number } {
  const lines = readFileSync('/proc/self/maps', 'utf8').split('\n');
  const named = lines.filter((line) => /memfd|anon_inode|\/dev\//.test(line));
  return {
    named: named.map((line) => line.replace(/^.*? \d+ +/, '')).sort(),
    anonymous: lines.length - named.length,
  };
}
const threads = (): number => readdirSync('/proc/self/task').length;

/** A machine in which two processes of two threads each make a call; some compute when it is taken down. */
async function sandbox(index: number): Promise<void> {
  const memory = MemoryFile.create('leaks');
  const instance = kvm().open({ memory });
  instance.setActive(true);
  const a = new Assembler();
  a.label('start').mov('eax', 39).syscall().label('loop').jmp('loop');
  const code = memory.allocate(PAGE);
  memory.chunk(code).set(a.assemble(), code % 2 ** 30);
  const first = instance.createContext();
  first.addressSpace.map(CODE, PAGE, PROT_RX, code);
  first.regs()[REG_RIP] = CODE;
  first.touchRegs();
  const contexts = [first, first.clone(), first.fork()];
  contexts.push(contexts[2].clone());
  const events = await Promise.all(contexts.map(next));
  expect(events).toEqual([EVENT_SYSCALL, EVENT_SYSCALL, EVENT_SYSCALL, EVENT_SYSCALL]);
  if (index % 5 === 0) {
    for (const context of contexts) context.resume();
    await new Promise((resolve) => setTimeout(resolve, 4));
  }
  if (index % 2 === 0) for (const context of contexts) context.dispose();
  instance.dispose();
  memory.dispose();
}

function next(context: Context): Promise<number> {
  return new Promise((resolve) => {
    context.sink = { onGuestEvent: (c) => resolve(c.event) };
    context.resume();
  });
}

const probe = kvm().probe();
describe.skipIf(!probe.ok)(`leaks${probe.ok ? '' : ` (cannot run here: ${probe.why})`}`, () => {
  it(`${RUNS} sandboxes leave no descriptor, mapping or thread`, {
    timeout: 60_000 + RUNS * 240,
  }, async () => {
    for (let i = 0; i < 31; i++) await sandbox(i);
    const before = { fds: descriptors().length, maps: mappings(), threads: threads() };
    for (let i = 0; i < RUNS; i++) await sandbox(i);
    const after = { fds: descriptors().length, maps: mappings(), threads: threads() };
    expect(after.fds).toBe(before.fds);
    expect(after.maps.named).toEqual(before.maps.named);
    // The engine's own heap comes and goes, and runners are made when more computed at once than before.
    expect(after.maps.anonymous - before.maps.anonymous).toBeLessThan(60 + RUNS / 20);
    expect(after.threads - before.threads).toBeLessThanOrEqual(4);
  });
});
