import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Assembler } from '@sandbox/native';
import { startSmallProgram } from './small-program.js';

const SYS_read = 0;
const SYS_mmap = 9;
const SYS_exit_group = 231;
/** MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE: neither swapped nor put off. */
const MAP_FLAGS = 0x2 | 0x20 | 0x2000 | 0x8000;
const PROT_READ_WRITE = 3;

/** What the victim takes at most, and what the group may grow by before it is too much. */
const VICTIM_BYTES = 512 << 20;
const SPARE_BYTES = 4 << 20;
/** How long all this may hold up the end of a container, ms. */
const PATIENCE_MS = 3000;

/** Waits for a byte, then takes memory, then ends. */
function victim(): Uint8Array {
  const a = new Assembler();
  a.xor('eax', 'eax').xor('edi', 'edi').mov('rsi', 'rsp').mov('edx', 1).sub('rsi', 64);
  a.mov('eax', SYS_read).syscall();
  a.xor('edi', 'edi').mov('esi', VICTIM_BYTES).mov('edx', PROT_READ_WRITE);
  a.mov('r10', MAP_FLAGS).mov('r8', -1).xor('r9', 'r9');
  a.mov('eax', SYS_mmap).syscall();
  a.xor('edi', 'edi').mov('eax', SYS_exit_group).syscall();
  return a.assemble();
}

/** The files of a control group with memory that limit it and tell what it uses: version 2, version 1. */
const FILES = [
  ['memory.max', 'memory.current'],
  ['memory.limit_in_bytes', 'memory.usage_in_bytes'],
] as const;

/**
 * Let engines know that a container ran out of memory. All they look at is the host's control group of the container (memory.events, or
 * memory.oom_control of version 1), and what ran out is the memory the guests may use, of which that group knows nothing. So what happened inside is made
 * to happen there: a process that is nothing to anybody asks for more than the group may have for this moment, and is what the host's kernel kills.
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
  const child = startSmallProgram(victim(), 'sandbox-oci-oom', ['pipe', 'ignore', 'ignore']);
  const before = readFileSync(limit, 'utf8').trim();
  const ended = once(child, 'exit');
  // What they have of memory that is not the group's counts as well when the host's kernel chooses: nobody else may be chosen.
  const spared = readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean);
  const scores = spared.map((pid) => [pid, spare(pid)] as const);
  try {
    if (scores.some(([, score]) => score === null)) return;
    writeFileSync(`/proc/${child.pid}/oom_score_adj`, '1000');
    writeFileSync(join(group, 'cgroup.procs'), String(child.pid));
    writeFileSync(limit, String(Number(readFileSync(usage, 'utf8')) + SPARE_BYTES));
    child.stdin!.on('error', () => {});
    child.stdin!.end('x');
    await Promise.race([ended, pause(PATIENCE_MS, undefined, { ref: false })]);
  } finally {
    // A limit of version 1 beyond what there is reads as a number; -1 takes it away in both spellings of none.
    writeFileSync(limit, limit.endsWith('.max') || Number(before) < 2 ** 62 ? before : '-1');
    child.kill('SIGKILL');
    for (const [pid, score] of scores) if (score !== null) setScore(pid, score);
  }
}

/** What the host's kernel is to think of killing a process (proc_pid_oom_score_adj(5)) until now, which it is not to do; null: that cannot be changed. */
function spare(pid: string): string | null {
  try {
    const before = readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8').trim();
    writeFileSync(`/proc/${pid}/oom_score_adj`, '-1000');
    return before;
  } catch (error) {
    // One that has ended is in no danger.
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? '' : null;
  }
}

function setScore(pid: string, score: string): void {
  try {
    if (score !== '') writeFileSync(`/proc/${pid}/oom_score_adj`, score);
  } catch {
    // It has ended meanwhile.
  }
}
