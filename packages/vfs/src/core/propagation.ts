import { MS_PRIVATE, MS_SHARED, MS_SLAVE, MS_UNBINDABLE } from '@sandbox/abi';
import type { Dentry } from './dentry.js';
import type { MountEnvironment } from './filesystem.js';
import type { Mount } from './mount.js';

/** Numbers of groups, in each kernel. */
const idsInUse = new WeakMap<MountEnvironment, Set<number>>();

/** Mounts that tell each other of what is mounted on them (mount_namespaces(7), "Shared subtrees"). */
export class PeerGroup {
  /** Shown in mountinfo: the lowest that is free. */
  readonly id: number;
  /** A ring: who is told first is who comes behind the teller. A clone comes right behind its original. */
  readonly members: Mount[] = [];
  /** Mounts that hear of the group's changes and tell it nothing. */
  readonly slaves = new Set<Mount>();

  constructor(private readonly env: MountEnvironment) {
    let used = idsInUse.get(env);
    if (used === undefined) {
      used = new Set();
      idsInUse.set(env, used);
    }
    let id = 1;
    while (used.has(id)) id++;
    used.add(id);
    this.id = id;
  }

  /** The last member left: its slaves hear from its own master, if it had one, or from nobody. */
  dissolve(master: PeerGroup | null): void {
    idsInUse.get(this.env)?.delete(this.id);
    for (const slave of this.slaves) {
      slave.master = master;
      master?.slaves.add(slave);
    }
    this.slaves.clear();
  }
}

export function joinGroup(mount: Mount, group: PeerGroup, behind: Mount | null = null): void {
  mount.peers = group;
  const at = behind === null ? -1 : group.members.indexOf(behind);
  if (at < 0) group.members.push(mount);
  else group.members.splice(at + 1, 0, mount);
}

function setMaster(mount: Mount, master: PeerGroup | null): void {
  mount.master?.slaves.delete(mount);
  mount.master = master;
  master?.slaves.add(mount);
}

/** Out of its group, which may thereby end. */
function leaveGroup(mount: Mount): void {
  const group = mount.peers;
  if (group === null) return;
  mount.peers = null;
  group.members.splice(group.members.indexOf(mount), 1);
  if (group.members.length === 0) group.dissolve(mount.master);
}

/** The mount is gone: nobody tells it anything any more, nor it others. */
export function leavePropagation(mount: Mount): void {
  leaveGroup(mount);
  setMaster(mount, null);
}

/** mount(2): MS_SHARED, MS_PRIVATE, MS_SLAVE or MS_UNBINDABLE of one mount. */
export function setPropagation(mount: Mount, kind: number): void {
  switch (kind) {
    case MS_SHARED:
      if (mount.peers === null) joinGroup(mount, new PeerGroup(mount.fs.env));
      mount.unbindable = false;
      return;
    case MS_SLAVE: {
      const group = mount.peers;
      if (group === null) return;
      const alone = group.members.length === 1;
      leaveGroup(mount);
      // Without peers there is nobody to hear from but its own master.
      if (!alone) setMaster(mount, group);
      return;
    }
    case MS_PRIVATE:
    case MS_UNBINDABLE:
      leavePropagation(mount);
      mount.unbindable = kind === MS_UNBINDABLE;
      return;
    default:
  }
}

/** `copy` is a clone of `mount`: it stands to others as that does. */
export function copyPropagation(mount: Mount, copy: Mount): void {
  if (mount.peers !== null) joinGroup(copy, mount.peers, mount);
  if (mount.master !== null) setMaster(copy, mount.master);
}

/** A place that hears of a mount at `dentry` of another one. */
export interface Receiver {
  readonly mount: Mount;
  /** Whose copy it gets: index into the list of receivers, -1 for the original. */
  readonly from: number;
  /** It stands below that one, not beside it: its copy is a slave of that one's. */
  readonly slave: boolean;
}

/**
 * All mounts that must show what is mounted on (or taken from) `dentry` of `parent`, each after the one it
 * gets it from; none of `without`: what is being mounted there.
 */
export function receivers(parent: Mount, dentry: Dentry, without: readonly Mount[] = []): Receiver[] {
  const found: Receiver[] = [];
  if (parent.peers === null) return found;
  const seen = new Set<Mount>([parent]);
  /**
   * Note `m`, if it shows `dentry` at all. What its own peers and slaves get theirs from: its index, or
   * `from`.
   */
  const add = (m: Mount, from: number, slave: boolean): number => {
    seen.add(m);
    if (!dentry.isWithin(m.root) || m.namespace === null || without.includes(m)) return from;
    return found.push({ mount: m, from, slave }) - 1;
  };
  const { members } = parent.peers;
  const start = members.indexOf(parent);
  for (let i = 1; i < members.length; i++) add(members[(start + i) % members.length]!, -1, false);
  /** Groups whose slaves are still to visit, with the receiver that stands for each. */
  const groups: [group: PeerGroup, from: number][] = [[parent.peers, -1]];
  for (let at = groups.shift(); at !== undefined; at = groups.shift()) {
    for (const m of at[0].slaves) {
      if (seen.has(m)) continue;
      const own = add(m, at[1], true);
      if (m.peers === null) continue;
      for (const peer of m.peers.members) if (!seen.has(peer)) add(peer, own, false);
      groups.push([m.peers, own]);
    }
  }
  return found;
}

/** `copy`, which goes to `receiver`, hears from (and tells) what it was copied from. */
export function relateCopy(original: Mount, copy: Mount, slave: boolean, shared: boolean): void {
  const group = original.peers;
  if (group === null) return;
  if (!slave) {
    joinGroup(copy, group, original);
    if (original.master !== null) setMaster(copy, original.master);
    return;
  }
  setMaster(copy, group);
  if (shared) joinGroup(copy, new PeerGroup(copy.fs.env));
}
