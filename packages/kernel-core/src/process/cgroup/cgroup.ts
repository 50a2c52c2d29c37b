import type { File, Inode, MountNamespace } from '@sandbox/vfs';
import type { Task } from '../task/task.js';
import { ALL_CONTROLLERS, CPU, MEMORY, PIDS, THREADED_CONTROLLERS } from './controllers.js';
import { CpuState } from './cpu-state.js';
import { MemoryState } from './memory-state.js';

/** Its directory, once somebody looked: hears of files whose content changed, and that files came or went. */
export interface CgroupView {
  changed(file: string): void;
  /** The files of `controllers` are there no more. */
  withdrawn(controllers: number): void;
}

/** What cgroup2 knows of its files. */
export interface CgroupFiles {
  /** The group whose directory `file` is: -EBADF, -ENOENT (it was removed). */
  groupOf(file: File | null): Cgroup | number;
  /** The file whose rights decide who may put tasks into `cgroup`. */
  readonly procsFile: (cgroup: Cgroup) => Inode;
}

/** What the pids controller keeps. The number of tasks is the group's own (`Cgroup.charged`). */
export class PidsState {
  max = Number.POSITIVE_INFINITY;
  /** Most tasks there were. */
  peak = 0;
  /**
   * Forks refused because of this group's limit or one of a group within; of this one's; and forks refused to
   * its own tasks.
   */
  events = 0;
  localEvents = 0;
  refused = 0;
}

/**
 * A control group (cgroups(7), Documentation/admin-guide/cgroup-v2.rst; Linux: struct cgroup with its css).
 * What it says and counts; `Cgroups` changes it.
 */
export class Cgroup {
  readonly level: number;
  readonly children = new Map<string, Cgroup>();
  /** It was removed. */
  dead = false;
  /**
   * Tasks that have not exited. A leader that has, while other threads of its process live, is among `dying`.
   */
  readonly tasks = new Set<Task>();
  readonly dying = new Set<Task>();
  /** Tasks here and below, those not reaped yet included. */
  charged = 0;
  /** What its children get. */
  subtreeControl = 0;
  /** Where resources of its processes count: itself, or the root of the threaded subtree it is in. */
  domain: Cgroup = this;
  threadedChildren = 0;
  populatedDomainChildren = 0;
  populatedThreadedChildren = 0;
  descendants = 0;
  maxDepth = Number.POSITIVE_INFINITY;
  maxDescendants = Number.POSITIVE_INFINITY;
  /** cgroup.freeze was set here; here or above, how often; and all in it stand still. */
  freeze = false;
  freezing = 0;
  frozen = false;
  frozenDescendants = 0;
  /** It, or one above, has had its share of CPU time: how many of them. */
  throttled = 0;
  pids = new PidsState();
  memory = new MemoryState();
  cpu = new CpuState();
  view: CgroupView | null = null;
  /**
   * A container of the embedder's has this as its root: nobody leaves it, and its own limits are the
   * embedder's to set.
   */
  fixed = false;
  /** The mounts of that container: what its file systems of memory hold counts here. */
  mounts: MountNamespace | null = null;

  constructor(
    /** Number of its directory. */
    readonly id: number,
    readonly name: string,
    readonly parent: Cgroup | null,
    /** Whom its files belong to. */
    readonly uid: number,
    readonly gid: number,
  ) {
    this.level = parent === null ? 0 : parent.level + 1;
  }

  /** None of its tasks returns to guest code. */
  get held(): boolean {
    return this.freezing > 0 || this.throttled > 0;
  }

  get threaded(): boolean {
    return this.domain !== this;
  }

  get populated(): boolean {
    return this.tasks.size + this.populatedDomainChildren + this.populatedThreadedChildren > 0;
  }

  /** Controllers it has (cgroup_control). */
  get controllers(): number {
    if (this.parent === null) return ALL_CONTROLLERS;
    const mask = this.parent.subtreeControl;
    return this.threaded ? mask & THREADED_CONTROLLERS : mask;
  }

  /** Is it `other`, or does it lie within? */
  isWithin(other: Cgroup): boolean {
    let at: Cgroup | null = this;
    while (at !== null && at.level > other.level) at = at.parent;
    return at === other;
  }

  /** It and all within, parents first. */
  *subtree(): Generator<Cgroup> {
    // Groups are nested as deep as a guest likes: no recursion.
    const pending: Cgroup[] = [this];
    for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
      yield at;
      pending.push(...[...at.children.values()].reverse());
    }
  }

  /** Names from the root down. */
  get names(): string[] {
    const names: string[] = [];
    for (let at: Cgroup = this; at.parent !== null; at = at.parent) names.push(at.name);
    return names.reverse();
  }

  /** Its path as somebody has it whose root is `root` ("/../other" for what lies outside). */
  pathFrom(root: Cgroup): string {
    let common: Cgroup = root;
    let up = '';
    while (!this.isWithin(common)) {
      common = common.parent!;
      up += '/..';
    }
    const down = this.names.slice(common.level);
    const path = up + down.map((name) => `/${name}`).join('');
    return path === '' ? '/' : path;
  }

  /** The group of a container it is in; null: none. */
  get fence(): Cgroup | null {
    for (let at: Cgroup | null = this; at !== null; at = at.parent) if (at.fixed) return at;
    return null;
  }

  // What it can be (cgroup-v2.rst, "Threads") ---------------------------------------------------------------

  /** The root may have both processes and controllers in force below. */
  get mixable(): boolean {
    return this.parent === null;
  }

  get canBeThreadRoot(): boolean {
    if (this.mixable) return true;
    if (this.threaded || this.populatedDomainChildren > 0) return false;
    return (this.subtreeControl & ~THREADED_CONTROLLERS) === 0;
  }

  get isThreadRoot(): boolean {
    if (this.threaded) return false;
    if (this.threadedChildren > 0) return true;
    return this.tasks.size > 0 && (this.subtreeControl & THREADED_CONTROLLERS) !== 0;
  }

  /** Can it hold processes? */
  get isValidDomain(): boolean {
    if (this.threaded) return false;
    for (let at = this.parent; at !== null; at = at.parent) {
      if ((!at.mixable && at.isThreadRoot) || at.threaded) return false;
    }
    return true;
  }

  get type(): string {
    if (this.threaded) return 'threaded';
    if (!this.isValidDomain) return 'domain invalid';
    return this.isThreadRoot ? 'domain threaded' : 'domain';
  }

  /** Controllers went: what was set in them is forgotten. */
  forget(controllers: number): void {
    if ((controllers & PIDS) !== 0) this.pids = new PidsState();
    if ((controllers & MEMORY) !== 0) this.memory = new MemoryState();
    if ((controllers & CPU) !== 0) this.cpu.reset();
    this.view?.withdrawn(controllers);
  }
}
