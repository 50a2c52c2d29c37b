/**
 * Stubs ready for the next sandbox. What a sandbox's first stub is made with (a process, its confinement, its
 * mappings of the memory file) does not depend on what the sandbox did: it never runs guest code. So when a
 * sandbox ends, its stub stays, stopped, with the memory file, which the host has taken all pages of, and the
 * next sandbox begins with both. A few are kept, for a moment.
 */
import { hostSyscall } from '@sandbox/native';
import type { MemoryFile } from '@sandbox/platform';
import type { FpuLayout } from './fast/fpu-layout.host.js';
import { SIGKILL, STUB_OPTIONS, WALL, WNOHANG } from './layout.js';
import type { Tracer } from './tracer.host.js';
import { isExitStatus, wait4, waitStatus } from './wait.host.js';

const SYS_kill = 62;
const SYS_ptrace = 101;
const PTRACE_SETOPTIONS = 0x4200;
const EINTR = 4;
/** How many are kept at most, and how long after one was used last (ms). */
const MAX_READY = 4;
const KEEP = 1000;

/** A stopped template without a sandbox. */
export class ReadyStub {
  constructor(
    readonly pid: number,
    readonly tracer: Tracer,
    /** Places in the memory file of what it has mapped. */
    readonly layout: string,
    readonly trapTsc: boolean,
    readonly fpu: FpuLayout,
  ) {}

  /** False when something on the host has killed it: it is not in its stop any more. */
  get usable(): boolean {
    return this.present && hostSyscall(SYS_ptrace, PTRACE_SETOPTIONS, this.pid, 0, STUB_OPTIONS) === 0;
  }

  /** False when it has died: it is collected then, and its number anybody's. */
  private get present(): boolean {
    return wait4(this.pid, WALL | WNOHANG) === 0;
  }

  end(): void {
    if (this.present) {
      hostSyscall(SYS_kill, this.pid, SIGKILL);
      for (;;) {
        const r = wait4(this.pid, WALL);
        if (r === -EINTR) continue;
        if (r < 0 || isExitStatus(waitStatus())) break;
      }
    }
    this.tracer.unkeep();
  }
}

interface Ready {
  readonly memory: MemoryFile;
  readonly stub: ReadyStub;
}

const ready: Ready[] = [];
/** Those given out with their memory file, until the instance comes for them. */
const given = new WeakMap<MemoryFile, ReadyStub>();
let timer: NodeJS.Timeout | null = null;

export function hasRoom(): boolean {
  return ready.length < MAX_READY;
}

/** Keep `stub` with `memory` when that is disposed, which its sandbox is about to do. */
export function keepReady(memory: MemoryFile, stub: ReadyStub): void {
  memory.onDispose = () => {
    const fresh = hasRoom() ? memory.renew() : null;
    if (!fresh) {
      stub.end();
      return;
    }
    fresh.onDispose = () => stub.end();
    ready.push({ memory: fresh, stub });
    keepForNow();
  };
}

function keepForNow(): void {
  if (timer) {
    timer.refresh();
    return;
  }
  timer = setTimeout(endAll, KEEP).unref();
  process.once('exit', endAll);
}

function endAll(): void {
  if (timer) clearTimeout(timer);
  timer = null;
  process.off('exit', endAll);
  for (const { memory } of ready.splice(0)) memory.dispose();
}

/** A memory file with a stub to it, if there is one. */
export function takeReady(trapTsc: boolean): MemoryFile | null {
  for (let i = ready.length - 1; i >= 0; i--) {
    const { memory, stub } = ready[i];
    if (stub.trapTsc !== trapTsc) continue;
    ready.splice(i, 1);
    given.set(memory, stub);
    return memory;
  }
  return null;
}

/** The stub given out with `memory`; it is the caller's from now on. */
export function claimReady(memory: MemoryFile): ReadyStub | null {
  const stub = given.get(memory);
  if (!stub) return null;
  given.delete(memory);
  memory.onDispose = null;
  return stub;
}
