import type { Task } from '../task/task.js';
import { TASK_BLOCKED, TASK_STOPPED, TASK_TRACED, TASK_ZOMBIE } from '../task/task-state.js';
import type { Cgroup } from './cgroup.js';

/** cgroup.freeze: 0 and 1, and what cgroup.events says of it (Linux: kernel/cgroup/freezer.c). */
export function setFreeze(cgroup: Cgroup, freeze: boolean): void {
  if (cgroup.freeze === freeze) return;
  cgroup.freeze = freeze;
  let applied = false;
  for (const at of cgroup.subtree()) {
    at.freezing += freeze ? 1 : -1;
    if (at.freezing > (freeze ? 1 : 0)) continue;
    applied = true;
    applyHold(at);
    if (at.descendants === at.frozenDescendants) updateFrozen(at);
  }
  // Whoever waits for the transition is told that there is none.
  if (!applied) cgroup.view?.changed('cgroup.events');
}

/** `held` of the group has changed: its tasks stop, or go on. */
export function applyHold(cgroup: Cgroup): void {
  for (const task of [...cgroup.tasks]) holdOrLetGo(task);
}

export function holdOrLetGo(task: Task): void {
  if (task.frozen) task.freeze();
  else task.thaw();
}

/** Does it stand still, until it is let go? What sleeps is held when it would go on. */
function isSettled(task: Task): boolean {
  const { state } = task;
  return (
    task.isParked ||
    state === TASK_BLOCKED ||
    state === TASK_STOPPED ||
    state === TASK_TRACED ||
    state >= TASK_ZOMBIE
  );
}

/** Look anew whether all in the group stand still. */
export function updateFrozen(cgroup: Cgroup): void {
  let frozen = cgroup.freezing > 0;
  if (frozen) {
    for (const task of cgroup.tasks) {
      if (isSettled(task)) continue;
      frozen = false;
      break;
    }
  }
  if (frozen === cgroup.frozen) return;
  cgroup.frozen = frozen;
  cgroup.view?.changed('cgroup.events');
  propagate(cgroup, frozen);
}

function propagate(cgroup: Cgroup, frozen: boolean): void {
  let changed = 1;
  for (let at = cgroup.parent; at !== null; at = at.parent) {
    at.frozenDescendants += frozen ? changed : -changed;
    if (frozen ? at.frozen || at.freezing === 0 || at.frozenDescendants !== at.descendants : !at.frozen)
      continue;
    at.frozen = frozen;
    at.view?.changed('cgroup.events');
    changed++;
  }
}

/** A new group begins as its parent is. */
export function inheritFreeze(cgroup: Cgroup): void {
  const { parent } = cgroup;
  if (parent === null) return;
  cgroup.freezing = parent.freezing;
  cgroup.throttled = parent.throttled;
  cgroup.frozen = cgroup.freezing > 0;
  if (!cgroup.frozen) return;
  for (let at: Cgroup | null = parent; at !== null; at = at.parent) at.frozenDescendants++;
}
