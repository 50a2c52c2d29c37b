import {
  CLD_CONTINUED,
  CLD_STOPPED,
  SIGCHLD,
  SIGCONT,
  SIGKILL,
  SIGSTOP,
  SIGTERM,
  SIGTSTP,
  SIGUSR1,
  SYS_rt_sigtimedwait,
  SYS_wait4,
  WCONTINUED,
  WNOHANG,
  WUNTRACED,
} from '@sandbox/abi';
import type { FsContext } from '@sandbox/vfs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FdTable } from '../../src/process/files/fd-table.js';
import { siginfo } from '../../src/process/signal/siginfo.js';
import { SigSet } from '../../src/process/signal/sigset.js';
import { TASK_RUNNING, TASK_STOPPED } from '../../src/process/task/task-state.js';
import type { ThreadGroup } from '../../src/process/task/thread-group.js';
import { rows as waitRows } from '../../src/syscalls/process/wait.js';
import { rows as sigwaitRows } from '../../src/syscalls/signal/wait.js';
import { FakeKernel, type FakeTask } from '../support/fake-kernel.js';

let kernel: FakeKernel;
let parent: FakeTask;
let child: FakeTask;
let second: FakeTask;

beforeEach(() => {
  kernel = new FakeKernel([...waitRows, ...sigwaitRows]);
  parent = kernel.process();
  child = kernel.process();
  second = kernel.thread(child);
  const group = child.task.group;
  for (const { task } of [child, second]) {
    task.files = new FdTable();
    task.fs = { release: () => {} } as unknown as FsContext;
  }
  group.parent = parent.task.group;
  parent.task.group.children.push(group);
});
afterEach(() => kernel.dispose());

const group = (): ThreadGroup => child.task.group;

function send(sig: number): void {
  kernel.core.run(() => kernel.core.signals.sendToProcess(group(), siginfo(sig, 0)));
}

/** The platform stops a thread that was interrupted. */
function stopsBy(t: FakeTask): void {
  if (!t.context.running && t.task.state !== TASK_RUNNING) return;
  kernel.core.run(() => {
    t.task.state = 1;
    t.task.returnToUser();
  });
}

function stopAll(sig: number): void {
  send(sig);
  stopsBy(child);
  stopsBy(second);
}

function chld(): number[] {
  return parent.task.group.signals.pending.queue.map((i) => i.code);
}

describe('a group stop', () => {
  it('is complete, and reported once, when every thread has stopped', () => {
    parent.task.signals.blocked.add(SIGCHLD);
    send(SIGSTOP);
    stopsBy(child);
    expect(child.task.state).toBe(TASK_STOPPED);
    expect(chld()).toEqual([]);
    expect(parent.call(SYS_wait4, group().pid, 0, WUNTRACED | WNOHANG)).toBe(0);
    stopsBy(second);
    expect(second.task.state).toBe(TASK_STOPPED);
    expect(chld()).toEqual([CLD_STOPPED]);
    const status = kernel.map(parent, 4096);
    expect(parent.call(SYS_wait4, group().pid, status, WUNTRACED)).toBe(group().pid);
    expect(parent.task.mm.load32(status)).toBe((SIGSTOP << 8) | 0x7f);
    expect(parent.call(SYS_wait4, group().pid, 0, WUNTRACED | WNOHANG)).toBe(0);
  });

  it('ends at once with SIGCONT, which is reported', () => {
    parent.task.signals.blocked.add(SIGCHLD);
    stopAll(SIGSTOP);
    kernel.core.signals.flushGroup(parent.task.group, SigSet.of(SIGCHLD));
    send(SIGCONT);
    expect([child.task.state, second.task.state]).toEqual([TASK_RUNNING, TASK_RUNNING]);
    expect(chld()).toEqual([CLD_CONTINUED]);
    const status = kernel.map(parent, 4096);
    expect(parent.call(SYS_wait4, group().pid, status, WCONTINUED)).toBe(group().pid);
    expect(parent.task.mm.load32(status)).toBe(0xffff);
  });

  it('is undone by SIGCONT before any thread stopped', () => {
    child.task.signals.blocked.add(SIGTSTP);
    second.task.signals.blocked.add(SIGTSTP);
    send(SIGTSTP);
    send(SIGCONT);
    expect(group().signals.pending.set.has(SIGTSTP)).toBe(false);
    expect(chld()).toEqual([]);
  });

  it('lets other signals wait', () => {
    stopAll(SIGSTOP);
    send(SIGTERM);
    // A fatal signal is taken when the process is continued.
    expect(child.task.state).toBe(TASK_STOPPED);
    send(SIGCONT);
    expect([group().zombie, group().exitStatus]).toEqual([true, SIGTERM]);
  });

  it('of an orphaned group does not happen for terminal stops', () => {
    // The parent is in another session, so nobody could continue it.
    stopAll(SIGTSTP);
    expect(child.task.state).toBe(TASK_RUNNING);
  });
});

describe('choosing a thread', () => {
  it('takes one that does not block the signal', () => {
    child.task.signals.blocked.add(SIGUSR1);
    group().signals.handlers.actions[SIGUSR1].handler = 0x1000;
    send(SIGUSR1);
    expect([child.task.signals.work, second.task.signals.work]).toEqual([false, true]);
  });

  it('hands a pending one over when the thread that was to take it blocks it', () => {
    group().signals.handlers.actions[SIGUSR1].handler = 0x1000;
    send(SIGUSR1);
    expect([child.task.signals.work, second.task.signals.work]).toEqual([true, false]);
    kernel.core.run(() => kernel.core.signals.setBlocked(child.task, 1 << (SIGUSR1 - 1), 0));
    expect([child.task.signals.work, second.task.signals.work]).toEqual([false, true]);
  });

  it('gives a signal to the thread that waits for it though it blocks it', () => {
    for (const t of [child, second]) t.task.signals.blocked.add(SIGUSR1);
    const set = kernel.map(child, 4096);
    child.task.mm.store64(set, 2 ** (SIGUSR1 - 1));
    expect(second.call(SYS_rt_sigtimedwait, set, 0, 0, 8)).toBe(null);
    send(SIGUSR1);
    expect(second.result).toBe(SIGUSR1);
    expect(group().signals.pending.set.empty).toBe(true);
  });

  it('drops what is ignored, unless it is blocked', () => {
    send(SIGCHLD);
    expect(group().signals.pending.set.empty).toBe(true);
    child.task.signals.blocked.add(SIGCHLD);
    send(SIGCHLD);
    expect(group().signals.pending.set.has(SIGCHLD)).toBe(true);
  });
});

it('SIGKILL marks all threads, blocked masks or not', () => {
  child.task.signals.blocked.set(0xffffffff, 0xffffffff);
  send(SIGKILL);
  expect(group().exitStatus).toBe(SIGKILL);
  expect([child.task.signals.exiting, second.task.signals.exiting]).toEqual([true, true]);
});
