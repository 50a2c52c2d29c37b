import { allocatePages, hostSyscall, viewOf } from '@sandbox/native';

const SYS_getrusage = 98;
const RUSAGE_THREAD = 1;
/** Offset of ru_nivcsw in struct rusage. */
const NIVCSW = 136;

/** How often this thread is taken off its CPU against its will (getrusage(2), RUSAGE_THREAD). */
export class Preemptions {
  private readonly memory = allocatePages(4096);
  private readonly words = new Uint32Array(viewOf(this.memory, 4096));
  private before = 0;

  /** Times since the last question. */
  count(): number {
    hostSyscall(SYS_getrusage, RUSAGE_THREAD, this.memory);
    const now = this.words[NIVCSW / 4];
    const since = now - this.before;
    this.before = now;
    return since;
  }
}
