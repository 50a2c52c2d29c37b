import { EBUSY, EINVAL, ENODEV, ENOENT, EOPNOTSUPP } from '@sandbox/abi';
import type { Cgroup } from './cgroup.js';
import type { Cgroups } from './cgroups.js';
import { CPU, controllerBit, THREADED_CONTROLLERS } from './controllers.js';
import { bandwidthChanged } from './cpu.js';

/**
 * cgroup.subtree_control: "+cpu -memory". 0, -EINVAL, -ENODEV, -ENOENT (the group lacks it), -EBUSY,
 * -EOPNOTSUPP.
 */
export function setSubtreeControl(cgroups: Cgroups, cgroup: Cgroup, text: string): number {
  let enable = 0;
  let disable = 0;
  for (const word of text.split(' ')) {
    if (word === '') continue;
    const bit = controllerBit(word.slice(1));
    if (bit === 0) return -EINVAL;
    if (word[0] === '+') {
      enable |= bit;
      disable &= ~bit;
    } else if (word[0] === '-') {
      disable |= bit;
      enable &= ~bit;
    } else return -EINVAL;
  }
  if (cgroup.dead) return -ENODEV;
  enable &= ~cgroup.subtreeControl;
  disable &= cgroup.subtreeControl;
  // By controller, as Linux goes through them: the first that cannot be decides.
  for (let bit = 1; bit <= (enable | disable); bit <<= 1) {
    if ((enable & bit) !== 0 && (cgroup.controllers & bit) === 0) return -ENOENT;
    if ((disable & bit) === 0) continue;
    // A container has its limits there.
    for (const child of cgroup.children.values())
      if ((child.subtreeControl & bit) !== 0 || child.fixed) return -EBUSY;
  }
  if (enable === 0 && disable === 0) return 0;
  const e = mayEnable(cgroup, enable);
  if (e !== 0) return e;
  const before = [...cgroup.children.values()].map((child) => ({ child, had: child.controllers }));
  cgroup.subtreeControl = (cgroup.subtreeControl | enable) & ~disable;
  for (const { child, had } of before) forgetLost(cgroups, child, had);
  return 0;
}

/** cgroup_vet_subtree_control_enable */
function mayEnable(cgroup: Cgroup, enable: number): number {
  if (enable === 0) return 0;
  if (!cgroup.domain.isValidDomain) return -EOPNOTSUPP;
  if (cgroup.mixable) return 0;
  if ((enable & ~THREADED_CONTROLLERS) !== 0) {
    if (cgroup.isThreadRoot || cgroup.threaded) return -EOPNOTSUPP;
  } else if (cgroup.canBeThreadRoot || cgroup.threaded) return 0;
  // Children would compete with its own processes.
  return cgroup.tasks.size > 0 ? -EBUSY : 0;
}

/** Controllers `cgroup` had and has no more are as new when they come again. */
function forgetLost(cgroups: Cgroups, cgroup: Cgroup, had: number): void {
  const lost = had & ~cgroup.controllers;
  if (lost === 0) return;
  cgroup.forget(lost);
  if (!cgroup.memory.limited) cgroups.memoryLimited.delete(cgroup);
  if ((lost & CPU) !== 0) bandwidthChanged(cgroups.kernel, cgroup);
}

/** cgroup.type: "threaded" is all that can be set. 0, -EOPNOTSUPP. */
export function enableThreaded(cgroups: Cgroups, cgroup: Cgroup): number {
  const { parent } = cgroup;
  if (cgroup.threaded || parent === null) return 0;
  const { domain } = parent;
  if (cgroup.populated || (cgroup.subtreeControl & ~THREADED_CONTROLLERS) !== 0) return -EOPNOTSUPP;
  if (!domain.isValidDomain || !domain.canBeThreadRoot) return -EOPNOTSUPP;
  const had = cgroup.controllers;
  for (const at of [...cgroup.subtree()]) if (at === cgroup || at.threaded) at.domain = domain;
  parent.threadedChildren++;
  forgetLost(cgroups, cgroup, had);
  return 0;
}
