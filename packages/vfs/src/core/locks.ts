import { EAGAIN, ENOLCK, F_RDLCK, F_UNLCK, F_WRLCK, LOCK_EX, LOCK_UN, POLLIN } from '@sandbox/abi';
import type { File } from './file.js';
import type { Inode } from './inode.js';
import { WaitQueue } from './wait-queue.js';

/** A guest cannot make one file hold more record locks than this (ENOLCK). */
const MAX_RECORDS = 65536;

/** A byte-range lock (fcntl_locking(2)): POSIX (owner: a descriptor table) or OFD (owner: a description). */
export class RecordLock {
  constructor(
    readonly owner: object,
    /** F_RDLCK or F_WRLCK. */
    readonly type: number,
    readonly start: number,
    /** First byte behind the range; Infinity: to the end of any file. */
    readonly end: number,
    /** F_GETLK's l_pid; -1 for OFD locks. */
    readonly pid: number,
  ) {}
}

/**
 * A lease (fcntl(2), "Leases"): its holder is told, and waited for, when somebody else wants to open the
 * file.
 */
export interface Lease {
  readonly file: File;
  /** F_RDLCK or F_WRLCK. */
  type: number;
  /** What it must become, once somebody waits: F_RDLCK or F_UNLCK; -1: nobody does. */
  breakTo: number;
  /** Somebody began to wait. */
  onBreak(): void;
}

/** The locks of one inode: flock(2) locks and record locks live side by side and ignore each other. */
export class FileLocks {
  /** Those who wait for a lock sleep here; woken (POLLIN) whenever one goes away. */
  readonly queue = new WaitQueue();
  /** Leases; nearly always none. */
  readonly leases: Lease[] = [];
  private readonly flocks: { file: File; exclusive: boolean }[] = [];
  /** Sorted by start within one owner; owners are mixed. */
  private records: RecordLock[] = [];

  get empty(): boolean {
    return (
      this.flocks.length === 0 && this.records.length === 0 && this.leases.length === 0 && this.queue.empty
    );
  }

  /** An open for writing (or only for reading) comes: true when it must wait for the holder of a lease. */
  breakLeases(write: boolean): boolean {
    let wait = false;
    for (const l of this.leases) {
      if (!write && l.type === F_RDLCK) continue;
      wait = true;
      const to = write ? F_UNLCK : F_RDLCK;
      if (l.breakTo === -1 || (l.breakTo === F_RDLCK && to === F_UNLCK)) {
        l.breakTo = to;
        l.onBreak();
      }
    }
    return wait;
  }

  /** The time to comply is over: leases become what they were asked to. */
  endBreaks(): void {
    for (const l of [...this.leases]) {
      if (l.breakTo !== -1) this.changeLease(l, l.breakTo);
    }
  }

  /** `lease` becomes `type`, or (F_UNLCK) ends. */
  changeLease(lease: Lease, type: number): void {
    lease.breakTo = -1;
    if (type === F_UNLCK) {
      const i = this.leases.indexOf(lease);
      if (i >= 0) this.leases.splice(i, 1);
    } else lease.type = type;
    this.queue.wake(POLLIN);
  }

  /**
   * flock(2). 0 or -EAGAIN. Changing a lock gives the old one up first, also when the new one is not to be
   * had.
   */
  flock(file: File, op: number): number {
    const i = this.flocks.findIndex((l) => l.file === file);
    if (op === LOCK_UN) {
      if (i >= 0) this.dropFlock(i);
      return 0;
    }
    const exclusive = op === LOCK_EX;
    if (i >= 0) {
      if (this.flocks[i]!.exclusive === exclusive) return 0;
      this.dropFlock(i);
    }
    for (const l of this.flocks) if (l.file !== file && (exclusive || l.exclusive)) return -EAGAIN;
    this.flocks.push({ file, exclusive });
    return 0;
  }

  private dropFlock(i: number): void {
    this.flocks.splice(i, 1);
    this.queue.wake(POLLIN);
  }

  /** The first lock of another owner that stands in the way; null: none. */
  conflict(owner: object, type: number, start: number, end: number): RecordLock | null {
    let found: RecordLock | null = null;
    for (const l of this.records) {
      if (l.owner === owner || l.end <= start || l.start >= end) continue;
      if (type === F_RDLCK && l.type === F_RDLCK) continue;
      if (found === null || l.start < found.start) found = l;
    }
    return found;
  }

  /** Set (F_RDLCK, F_WRLCK) or clear (F_UNLCK) a range of `owner`. 0, -EAGAIN on conflict, -ENOLCK. */
  setRecord(owner: object, type: number, start: number, end: number, pid: number): number {
    if (type !== F_UNLCK) {
      if (this.conflict(owner, type, start, end) !== null) return -EAGAIN;
      if (this.records.length >= MAX_RECORDS) return -ENOLCK;
    }
    const kept: RecordLock[] = [];
    let released = false;
    let from = start;
    let to = end;
    for (const l of this.records) {
      if (l.owner !== owner) kept.push(l);
      else if (l.type === type && type !== F_UNLCK && l.end >= from && l.start <= to) {
        // Same kind, touching: they become one.
        from = Math.min(from, l.start);
        to = Math.max(to, l.end);
      } else if (l.end <= start || l.start >= end) kept.push(l);
      else {
        if (type === F_UNLCK || l.type === F_WRLCK) released = true;
        if (l.start < start) kept.push(new RecordLock(owner, l.type, l.start, start, l.pid));
        if (l.end > end) kept.push(new RecordLock(owner, l.type, end, l.end, l.pid));
      }
    }
    if (type !== F_UNLCK) kept.push(new RecordLock(owner, type, from, to, pid));
    this.records = kept;
    if (released) this.queue.wake(POLLIN);
    return 0;
  }

  /**
   * All record locks of `owner` go (its table closed a descriptor of the file, or the description is gone).
   */
  dropOwner(owner: object): void {
    const n = this.records.length;
    this.records = this.records.filter((l) => l.owner !== owner);
    if (this.records.length !== n) this.queue.wake(POLLIN);
  }

  /** The description is gone: its flock and OFD locks with it. */
  fileClosed(file: File, inode: Inode): void {
    const i = this.flocks.findIndex((l) => l.file === file);
    if (i >= 0) this.dropFlock(i);
    this.dropOwner(file);
    const lease = this.leases.find((l) => l.file === file);
    if (lease !== undefined) this.changeLease(lease, F_UNLCK);
    if (this.empty) inode.locks = null;
  }

  /** For /proc/locks. */
  list(): { flock: boolean; exclusive: boolean; start: number; end: number; pid: number }[] {
    const out = this.flocks.map((l) => ({
      flock: true,
      exclusive: l.exclusive,
      start: 0,
      end: Number.POSITIVE_INFINITY,
      pid: 0,
    }));
    for (const l of this.records) {
      out.push({ flock: false, exclusive: l.type === F_WRLCK, start: l.start, end: l.end, pid: l.pid });
    }
    return out;
  }
}

/** The locks of `inode`, made on first use. */
export function locksOf(inode: Inode): FileLocks {
  return (inode.locks ??= new FileLocks());
}

/** Who waits for whom among owners of POSIX locks, to refuse the wait that would close a circle (EDEADLK). */
export class LockWaits {
  private readonly blockedBy = new Map<object, object>();

  /** `owner` is about to wait for `blocker`: false when that would be a deadlock; else noted until `done`. */
  begin(owner: object, blocker: object): boolean {
    let at: object | undefined = blocker;
    // The chain is finite: each owner waits for one other; the bound guards against a circle not through
    // `owner`.
    for (let i = 0; at !== undefined && i < 64; i++) {
      if (at === owner) return false;
      at = this.blockedBy.get(at);
    }
    this.blockedBy.set(owner, blocker);
    return true;
  }

  done(owner: object): void {
    this.blockedBy.delete(owner);
  }
}
