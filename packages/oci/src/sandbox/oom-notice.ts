import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { Assembler, mem } from '@sandbox/native';
import { startSmallProgram } from './small-program.js';

const SYS_read = 0;
const SYS_write = 1;
const SYS_mmap = 9;
const SYS_ftruncate = 77;
const SYS_exit_group = 231;
const SYS_memfd_create = 319;
/** MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE: neither swapped nor put off. */
const MAP_TAKEN = 0x2 | 0x20 | 0x2000 | 0x8000;
/** MAP_SHARED | MAP_POPULATE. */
const MAP_SHOWN = 0x1 | 0x8000;
const PROT_READ_WRITE = 3;

/** What the victim takes at most, and what the group may grow by before it is too much. */
const VICTIM_BYTES = 512 << 20;
const SPARE_BYTES = 16 << 20;
/**
 * The victim's memory that it has mapped often, and what it has mapped more than anybody else in the group.
 */
const WINDOW_BYTES = 8 << 20;
const MORE_BYTES = 64 << 20;
/** How long all this may hold up the end of a container, ms. */
const PATIENCE_MS = 15_000;

/**
 * Maps as many windows as it is told, each the same memory, and says so; at the next byte it takes memory,
 * then ends.
 */
function victim(): Uint8Array {
  const a = new Assembler();
  const call = (nr: number): void => {
    a.mov('eax', nr).syscall();
  };
  const buffer = (): void => {
    a.xor('edi', 'edi').mov('rsi', 'rsp');
  };
  a.sub('rsp', 64);
  buffer();
  a.mov('edx', 4);
  call(SYS_read);
  a.mov('ebx', mem('rsp', 0)).movd(mem('rsp', 0), 0);
  a.mov('rdi', 'rsp').xor('esi', 'esi');
  call(SYS_memfd_create);
  a.mov('ebp', 'eax');
  a.mov('edi', 'ebp').mov('esi', WINDOW_BYTES);
  call(SYS_ftruncate);
  a.label('next');
  a.xor('edi', 'edi').mov('esi', WINDOW_BYTES).mov('edx', PROT_READ_WRITE);
  a.mov('r10', MAP_SHOWN).mov('r8', 'rbp').xor('r9', 'r9');
  call(SYS_mmap);
  a.dec('ebx').jcc('ne', 'next');
  buffer();
  a.mov('edi', 1).mov('edx', 1);
  call(SYS_write);
  buffer();
  a.mov('edx', 1);
  call(SYS_read);
  a.cmp('eax', 1).jcc('ne', 'end');
  a.xor('edi', 'edi').mov('esi', VICTIM_BYTES).mov('edx', PROT_READ_WRITE);
  a.mov('r10', MAP_TAKEN).mov('r8', -1).xor('r9', 'r9');
  call(SYS_mmap);
  a.label('end');
  a.xor('edi', 'edi');
  call(SYS_exit_group);
  return a.assemble();
}

/** The files of a control group with memory that limit it and tell what it uses: version 2, version 1. */
const FILES = [
  ['memory.max', 'memory.current'],
  ['memory.limit_in_bytes', 'memory.usage_in_bytes'],
] as const;

/**
 * Let engines know that a container ran out of memory. All they look at is the host's control group of the
 * container (memory.events, or memory.oom_control of version 1), and what ran out is the memory the guests
 * may use, of which that group knows nothing. So what happened inside is made to happen there: a process that
 * is nothing to anybody asks for more than the group may have for this moment, and is what the host's kernel
 * kills.
 */
export async function tellOutOfMemory(groups: readonly string[]): Promise<void> {
  for (const group of groups) {
    const files = FILES.find(([limit]) => existsSync(join(group, limit)));
    if (files === undefined) continue;
    try {
      await overrun(group, join(group, files[0]), join(group, files[1]));
    } catch {
      // Not ours to write: the engine is not told.
    }
    return;
  }
}

async function overrun(group: string, limit: string, usage: string): Promise<void> {
  const before = readFileSync(limit, 'utf8').trim();
  const child = startSmallProgram(victim(), 'sandbox-oci-oom', ['pipe', 'pipe', 'ignore']);
  const { stdin, stdout } = child as { stdin: Writable; stdout: Readable };
  const ended = once(child, 'exit');
  const patience = pause(PATIENCE_MS, undefined, { ref: false });
  try {
    stdin.on('error', () => {});
    const words = Buffer.alloc(4);
    words.writeUInt32LE(Math.ceil((mostOf(group) + MORE_BYTES) / WINDOW_BYTES));
    stdin.write(words);
    await Promise.race([once(stdout, 'data'), ended, patience]);
    writeFileSync(`/proc/${child.pid}/oom_score_adj`, '1000');
    writeFileSync(join(group, 'cgroup.procs'), String(child.pid));
    writeFileSync(limit, String(Number(readFileSync(usage, 'utf8')) + SPARE_BYTES));
    stdin.write('x');
    await Promise.race([ended, patience]);
  } finally {
    // A limit of version 1 beyond what there is reads as a number; -1 takes it away in both spellings of
    // none.
    writeFileSync(limit, limit.endsWith('.max') || Number(before) < 2 ** 62 ? before : '-1');
    child.kill('SIGKILL');
    stdin.destroy();
    stdout.destroy();
  }
}

/**
 * The most that any process of the group has mapped, in bytes: the host's kernel chooses by that (and by
 * oom_score_adj), whoever is charged for it, and may choose nobody but the victim. To have the others left
 * out takes a right that is not everywhere (CAP_SYS_RESOURCE).
 */
function mostOf(group: string): number {
  let most = 0;
  for (const pid of readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean)) {
    try {
      let kib = 0;
      const status = readFileSync(`/proc/${pid}/status`, 'latin1');
      for (const [, n] of status.matchAll(/^(?:VmRSS|VmSwap|VmPTE):\s+(\d+) kB$/gm)) kib += Number(n);
      most = Math.max(most, kib * 1024);
    } catch {
      // It has ended meanwhile.
    }
  }
  return most;
}
