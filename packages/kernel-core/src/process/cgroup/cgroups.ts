import { EAGAIN, EBUSY, EINVAL, ENODEV, ENOMEM, EOPNOTSUPP, SI_USER, SIGKILL } from '@sandbox/abi';
import type { KernelCore } from '../kernel/kernel-core.js';
import { siginfo } from '../signal/siginfo.js';
import { taskUserTime } from '../task/cputime.js';
import type { Task } from '../task/task.js';
import { TASK_ZOMBIE } from '../task/task-state.js';
import type { ThreadGroup } from '../task/thread-group.js';
import type { CgroupFiles } from './cgroup.js';
import { Cgroup } from './cgroup.js';
import { ALL_CONTROLLERS } from './controllers.js';
import { holdOrLetGo, inheritFreeze, updateFrozen } from './freezer.js';

/** What a group with its files takes of the budget of objects in memory. */
const OBJECTS = 40;
/** KERN_INFO */
const INFO = 6;

/** The groups of a kernel, and which of its tasks are where. One hierarchy, with all controllers. */
export class Cgroups {
  readonly root: Cgroup;
  /** Mount options: namespaces are delegation boundaries; events are counted where they happen alone. */
  nsDelegate = true;
  memoryLocalEvents = false;
  pidsLocalEvents = false;
  /** Those with a limit of memory, and those with one of CPU time: looked at while guests run. */
  readonly memoryLimited = new Set<Cgroup>();
  readonly cpuLimited = new Set<Cgroup>();
  /** Its file system, once that is there. */
  files: CgroupFiles | null = null;
  private lastId = 0;
  private containers = 0;

  constructor(readonly kernel: KernelCore) {
    this.root = new Cgroup(this.nextId(), '', null, 0, 0);
  }

  /** Number of a new directory or file. */
  nextId(): number {
    return ++this.lastId;
  }

  // Groups --------------------------------------------------------------------------------------------------

  /**
   * A group called `name`, which there is not yet: -EINVAL (name), -ENODEV (`parent` is gone), -EAGAIN
   * (cgroup.max.*), -ENOMEM.
   */
  make(parent: Cgroup, name: string, uid: number, gid: number): Cgroup | number {
    // /proc/PID/cgroup could not be told apart.
    if (name.includes('\n')) return -EINVAL;
    if (parent.dead) return -ENODEV;
    let depth = 0;
    for (let at: Cgroup | null = parent; at !== null; at = at.parent, depth++) {
      if (at.descendants >= at.maxDescendants || depth >= at.maxDepth) return -EAGAIN;
    }
    if (this.kernel.mountEnv.objects?.charge(OBJECTS) === false) return -ENOMEM;
    const made = new Cgroup(this.nextId(), name, parent, uid, gid);
    inheritFreeze(made);
    parent.children.set(name, made);
    for (let at: Cgroup | null = parent; at !== null; at = at.parent) at.descendants++;
    return made;
  }

  /** A group for a container of the embedder's, with all controllers. */
  makeFixed(uid: number, gid: number): Cgroup {
    const name = `container-${++this.containers}`;
    const made = new Cgroup(this.nextId(), name, this.root, uid, gid);
    made.fixed = true;
    this.root.subtreeControl = ALL_CONTROLLERS;
    this.root.children.set(name, made);
    this.root.descendants++;
    return made;
  }

  /** Remove an empty group. 0 or -EBUSY. */
  remove(cgroup: Cgroup): number {
    const { parent } = cgroup;
    if (cgroup.dead) return -ENODEV;
    if (parent === null || cgroup.fixed || cgroup.populated || cgroup.children.size > 0) return -EBUSY;
    cgroup.dead = true;
    parent.children.delete(cgroup.name);
    if (cgroup.threaded) parent.threadedChildren--;
    parent.cpu.past += cgroup.cpu.past;
    this.memoryLimited.delete(cgroup);
    this.cpuLimited.delete(cgroup);
    this.kernel.mountEnv.objects?.uncharge(OBJECTS);
    for (let at: Cgroup | null = parent; at !== null; at = at.parent) {
      at.descendants--;
      if (cgroup.frozen) at.frozenDescendants--;
    }
    return 0;
  }

  /** A container of the embedder's is gone: its group goes once it is empty. */
  abandon(cgroup: Cgroup): void {
    cgroup.fixed = false;
    cgroup.mounts = null;
    this.abandoned.add(cgroup);
    this.removeAbandoned(cgroup);
  }
  private readonly abandoned = new Set<Cgroup>();

  private removeAbandoned(cgroup: Cgroup): void {
    if (!this.abandoned.has(cgroup) || cgroup.populated) return;
    for (const at of [...cgroup.subtree()].reverse()) this.remove(at);
    this.abandoned.delete(cgroup);
  }

  // Tasks ---------------------------------------------------------------------------------------------------

  /** May one more task begin in `cgroup`? 0 or -EAGAIN (pids.max). */
  mayFork(cgroup: Cgroup): number {
    for (let at: Cgroup | null = cgroup; at !== null; at = at.parent) {
      if (at.charged < at.pids.max) continue;
      this.forkRefused(cgroup, at);
      return -EAGAIN;
    }
    return 0;
  }

  /** pids_event */
  private forkRefused(cgroup: Cgroup, over: Cgroup): void {
    if (++cgroup.pids.refused === 1)
      this.kernel.log.append(
        INFO,
        `cgroup: fork rejected by pids controller in ${cgroup.pathFrom(this.root)}`,
      );
    if (this.pidsLocalEvents) {
      cgroup.view?.changed('pids.events');
      cgroup.view?.changed('pids.events.local');
      return;
    }
    over.pids.localEvents++;
    over.view?.changed('pids.events.local');
    for (let at = over; at.parent !== null; at = at.parent) {
      at.pids.events++;
      at.view?.changed('pids.events');
    }
  }

  /** A new task, whose `cgroup` is set, begins. */
  begin(task: Task): void {
    this.charge(task.cgroup, 1);
    this.enter(task, task.cgroup);
    if (task.frozen) task.freeze();
  }

  /** A task has exited; it may wait to be reaped. */
  exited(task: Task): void {
    const { cgroup, group } = task;
    cgroup.cpu.past += taskUserTime(task) - task.cpuElsewhere;
    if (task === group.leader && group.tasks.length > 0) cgroup.dying.add(task);
    this.leave(task, cgroup);
    if (cgroup.freezing > 0) updateFrozen(cgroup);
  }

  /** A task that has exited is gone. */
  released(task: Task): void {
    task.cgroup.dying.delete(task);
    this.charge(task.cgroup, -1);
  }

  /** A task that never ran is gone. */
  unbegin(task: Task): void {
    this.leave(task, task.cgroup);
    this.released(task);
  }

  private charge(cgroup: Cgroup, n: number): void {
    for (let at: Cgroup | null = cgroup; at !== null; at = at.parent) {
      at.charged += n;
      if (at.charged > at.pids.peak) at.pids.peak = at.charged;
    }
  }

  private enter(task: Task, cgroup: Cgroup): void {
    const was = cgroup.populated;
    cgroup.tasks.add(task);
    if (!was) this.spreadPopulated(cgroup, 1);
  }

  private leave(task: Task, cgroup: Cgroup): void {
    cgroup.tasks.delete(task);
    if (!cgroup.populated) this.spreadPopulated(cgroup, -1);
  }

  /** The group has its first task, or its last one has left (cgroup_update_populated). */
  private spreadPopulated(cgroup: Cgroup, n: number): void {
    for (let at = cgroup; ; ) {
      at.view?.changed('cgroup.events');
      if (n < 0) this.removeAbandoned(at);
      const { parent } = at;
      if (parent === null) return;
      const was = parent.populated;
      if (at.threaded) parent.populatedThreadedChildren += n;
      else parent.populatedDomainChildren += n;
      if (was === parent.populated) return;
      at = parent;
    }
  }

  // Moving them ---------------------------------------------------------------------------------------------

  /** Can tasks be put into `to`? 0, -EOPNOTSUPP (its type), -EBUSY (controllers are in force below it). */
  mayHold(to: Cgroup): number {
    if (!to.domain.isValidDomain) return -EOPNOTSUPP;
    if (to.canBeThreadRoot || to.threaded) return 0;
    return to.subtreeControl !== 0 ? -EBUSY : 0;
  }

  moveProcess(group: ThreadGroup, to: Cgroup): void {
    for (const task of [...group.tasks]) this.move(task, to);
  }

  move(task: Task, to: Cgroup): void {
    const from = task.cgroup;
    if (from === to || task.state >= TASK_ZOMBIE) return;
    const time = taskUserTime(task);
    from.cpu.past += time - task.cpuElsewhere;
    task.cpuElsewhere = time;
    this.charge(to, 1);
    this.charge(from, -1);
    task.cgroup = to;
    this.enter(task, to);
    this.leave(task, from);
    if (!from.held && !to.held) return;
    holdOrLetGo(task);
    updateFrozen(to);
    updateFrozen(from);
  }

  /** Kill all processes in it and below (cgroup.kill). */
  kill(cgroup: Cgroup): void {
    for (const group of processesWithin(cgroup))
      if (!group.exiting) this.kernel.signals.sendToProcess(group, siginfo(SIGKILL, SI_USER));
  }
}

/** Processes that have threads in a group or below it. */
export function processesWithin(cgroup: Cgroup): Set<ThreadGroup> {
  const groups = new Set<ThreadGroup>();
  for (const at of cgroup.subtree()) for (const task of at.tasks) groups.add(task.group);
  return groups;
}

/** Processes of a group, as cgroup.procs lists them: for the root of a threaded subtree those within too. */
export function* processesOf(cgroup: Cgroup): Generator<ThreadGroup> {
  const seen = new Set<ThreadGroup>();
  for (const at of cgroup.subtree()) {
    if (at.domain !== cgroup) continue;
    for (const task of at.tasks) if (task === task.group.leader) seen.add(task.group);
    for (const task of at.dying) if (task.group.tasks.length > 0) seen.add(task.group);
  }
  yield* seen;
}
