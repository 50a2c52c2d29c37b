import type { KernelCore } from '../kernel/kernel-core.js';
import type { PidNumbers, PidTable } from '../kernel/pid-table.js';
import type { ThreadGroup } from './thread-group.js';

/** A terminal as sessions see it; the tty driver implements it. */
export interface ControllingTty {
  /** Foreground process group, null when none. */
  foreground: ProcessGroup | null;
  session: Session | null;
}

/** setsid(2): process groups that share a controlling terminal. */
export class Session {
  tty: ControllingTty | null = null;
  /** The foreground of a terminal that hung up: hears SIGHUP when the leader exits. */
  hungUpForeground: ProcessGroup | null = null;
  readonly groups = new Set<ProcessGroup>();
  readonly pids: PidTable;
  readonly ids: readonly number[] | null;
  constructor(
    readonly sid: number,
    /** The process that called setsid, while it lives. */
    public leader: ThreadGroup | null,
    numbers: PidNumbers,
  ) {
    this.pids = numbers.pids;
    this.ids = numbers.ids;
  }
}

/** setpgid(2): processes that a terminal signals together. */
export class ProcessGroup {
  readonly members = new Set<ThreadGroup>();
  readonly pids: PidTable;
  readonly ids: readonly number[] | null;
  /** `numbers`: those of the process that leads it. */
  constructor(
    readonly kernel: KernelCore,
    readonly pgid: number,
    readonly session: Session,
    numbers: PidNumbers,
  ) {
    this.pids = numbers.pids;
    this.ids = numbers.ids;
    session.groups.add(this);
  }

  add(process: ThreadGroup): void {
    this.members.add(process);
    process.processGroup = this;
  }

  remove(process: ThreadGroup): void {
    this.members.delete(process);
    if (this.members.size === 0) {
      this.session.groups.delete(this);
      this.pids.releaseGroup(this);
    }
  }

  /**
   * POSIX orphaned process group: no member has a parent in another group of the same session. `ignore`: a
   * process that is exiting.
   */
  isOrphaned(ignore: ThreadGroup | null = null): boolean {
    for (const member of this.members) {
      if (member === ignore || member.zombie) continue;
      const parent = member.parent;
      if (
        parent &&
        parent.pid !== 1 &&
        parent.processGroup !== this &&
        parent.processGroup.session === this.session
      ) {
        return false;
      }
    }
    return true;
  }
}
