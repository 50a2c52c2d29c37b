import {
  EBUSY,
  EINVAL,
  ELOOP,
  ENOENT,
  ENOSPC,
  ENOTDIR,
  EROFS,
  MS_PRIVATE,
  MS_RDONLY,
  MS_REC,
  MS_SHARED,
  MS_SLAVE,
  MS_UNBINDABLE,
} from '@sandbox/abi';
import type { Dentry } from '../dentry.js';
import type { FileSystem } from '../filesystem.js';
import type { FsContext } from '../fs-context.js';
import { type Mount, MountNamespace } from '../mount.js';
import { Path } from '../path.js';
import {
  copyPropagation,
  joinGroup,
  PeerGroup,
  receivers,
  relateCopy,
  setPropagation,
} from '../propagation.js';
import type { Vfs } from './vfs.js';

/** Mounts cover each other: the place a new one goes to is the top of the stack at `at`. */
function topOf(at: Path): Path {
  let { mount, dentry } = at;
  for (let over = mount.children.get(dentry); over !== undefined; over = mount.children.get(dentry)) {
    mount = over;
    dentry = over.root;
  }
  return mount === at.mount ? at : new Path(mount, dentry);
}

/** Is `at` where `fs` is mounted already? It is not mounted there again (do_add_mount). */
export function shows(at: Path, fs: FileSystem): boolean {
  const { mount, dentry } = topOf(at);
  return mount.fs === fs && dentry === mount.root;
}

/**
 * Attach `mount` on top of what is at `at`. The mount, or -errno (-ENOTDIR: directory over file or file over
 * directory).
 */
export function mountAt(vfs: Vfs, ns: MountNamespace, at: Path, mount: Mount): Mount | number {
  const e = graft(vfs, ns, at, mount);
  if (e !== 0) mount.retireIfIdle();
  return e !== 0 ? e : mount;
}

function graft(vfs: Vfs, ns: MountNamespace, at: Path, mount: Mount): number {
  const to = topOf(at);
  if (to.mount.namespace !== ns) return -EINVAL;
  if (!ns.hasRoom(1)) return -ENOSPC;
  if (!to.dentry.hashed) return -ENOENT;
  if (to.dentry.inode!.isDirectory !== mount.root.inode!.isDirectory) return -ENOTDIR;
  return attachTree(vfs, ns, mount, to.mount, to.dentry);
}

/**
 * All mounts of the tree `root`, depth first: parents before their children. A tree may be as deep as a guest
 * likes: no recursion.
 */
function treeOf(root: Mount): Mount[] {
  const tree: Mount[] = [];
  const pending = [root];
  for (let m = pending.pop(); m !== undefined; m = pending.pop()) {
    tree.push(m);
    pending.push(...[...m.children.values()].reverse());
  }
  return tree;
}

/**
 * Attach the tree `mount` at `dentry` of `parent`, beneath what may be mounted there, and copies of it
 * wherever that propagates to (attach_recursive_mnt). 0 or -ENOSPC.
 */
function attachTree(vfs: Vfs, ns: MountNamespace, mount: Mount, parent: Mount, dentry: Dentry): number {
  const tree = treeOf(mount);
  const places = receivers(parent, dentry, tree);
  for (const { mount: q } of places) if (!q.namespace!.hasRoom(tree.length)) return -ENOSPC;
  // What lies on a shared mount is shared.
  if (parent.peers !== null) {
    for (const m of tree) if (m.peers === null) joinGroup(m, new PeerGroup(m.fs.env));
  }
  ns.takeOver(mount);
  const above = parent.children.get(dentry);
  if (above !== undefined) ns.lift(above);
  if (mount.parent !== null) ns.move(mount, parent, dentry);
  else ns.attach(mount, parent, dentry);
  if (above !== undefined) ns.attach(above, mount, mount.root);
  const copies: Mount[][] = [];
  for (const { mount: q, from, slave } of places) {
    const source = from < 0 ? tree : copies[from]!;
    const made = copyTree(vfs, source, (m, copy) => relateCopy(m, copy, slave, q.peers !== null));
    copies.push(made);
    place(made, q, dentry);
  }
  return 0;
}

/** Copies of the mounts of a tree (parents first), in the same order, in no namespace yet. */
function copyTree(vfs: Vfs, tree: readonly Mount[], relate: (m: Mount, copy: Mount) => void): Mount[] {
  return tree.map((m) => {
    const copy = vfs.createMount(m.fs, m.flags, m.root);
    copy.ids = m.ids;
    copy.source = m.source;
    relate(m, copy);
    copyOrigin.set(copy, m);
    return copy;
  });
}

/** What each copy under way was made of. */
const copyOrigin = new WeakMap<Mount, Mount>();

/** Put a copied tree at `dentry` of `parent`; what is there already comes to lie on top of it. */
function place(copies: readonly Mount[], parent: Mount, dentry: Dentry): void {
  const ns = parent.namespace!;
  const root = copies[0]!;
  const above = parent.children.get(dentry);
  if (above !== undefined) ns.lift(above);
  ns.attach(root, parent, dentry);
  const byOrigin = new Map(copies.map((c) => [copyOrigin.get(c)!, c]));
  for (const copy of copies.slice(1)) {
    const original = copyOrigin.get(copy)!;
    ns.attach(copy, byOrigin.get(original.parent!)!, original.mountpoint!);
  }
  if (above !== undefined) ns.attach(above, root, root.root);
}

export function bind(vfs: Vfs, ns: MountNamespace, from: Path, at: Path, recursive: boolean): number {
  const copy = cloneTree(vfs, ns, topOf(from), recursive);
  if (typeof copy === 'number') return copy;
  const e = mountAt(vfs, ns, at, copy);
  if (typeof e === 'number') copy.namespace?.detach(copy);
  return typeof e === 'number' ? e : 0;
}

/**
 * A tree of its own like that at `src` (open_tree(2)): its root, in an anonymous namespace. -EINVAL: not in
 * `ns`, or unbindable.
 */
export function cloneTree(vfs: Vfs, ns: MountNamespace, src: Path, recursive: boolean): Mount | number {
  const mount = src.mount;
  const here = mount.namespace === ns || mount.namespace?.anonymous === true;
  if (!here && !(mount.namespace === null && mount.fs.bindable)) return -EINVAL;
  if (mount.unbindable) return -EINVAL;
  // Collected before anything is attached, lest a bind into itself copies the copy.
  const below = recursive ? mountsBelow(mount, src.dentry) : [];
  if (!ns.hasRoom(1 + below.length)) return -ENOSPC;
  const copy = copyMount(vfs, mount, src.dentry);
  copyChildren(vfs, new MountNamespace(copy, true), mount, copy, below);
  return copy;
}

function copyMount(vfs: Vfs, mount: Mount, root: Dentry): Mount {
  const copy = vfs.createMount(mount.fs, mount.flags, root);
  copy.ids = mount.ids;
  copy.source = mount.source;
  copyPropagation(mount, copy);
  return copy;
}

/** All mounts whose mount point lies below `dentry` on `mount`, depth first. */
function mountsBelow(mount: Mount, dentry: Dentry): Mount[] {
  const found: Mount[] = [];
  for (const child of mount.children.values()) {
    if (child.mountpoint!.isWithin(dentry)) found.push(...treeOf(child));
  }
  return found;
}

/** Copy `list`, what lies on `from`, onto `to`; unbindable mounts and what lies on them stay out. */
function copyChildren(
  vfs: Vfs,
  ns: MountNamespace,
  from: Mount,
  to: Mount,
  list: readonly Mount[],
  whole = false,
): Map<Mount, Mount> {
  const copies = new Map<Mount, Mount>([[from, to]]);
  for (const m of list) {
    const parent = copies.get(m.parent!);
    if (parent === undefined || (m.unbindable && !whole)) continue;
    const copy = copyMount(vfs, m, m.root);
    copy.unbindable = m.unbindable;
    ns.attach(copy, parent, m.mountpoint!);
    copies.set(m, copy);
  }
  return copies;
}

/**
 * mount(2) MS_MOVE, and move_mount(2) of a tree that is attached or (in an anonymous namespace) not;
 * `beneath`: below the topmost mount at `to`, which must be the root of one (MOVE_MOUNT_BENEATH).
 */
export function moveMount(vfs: Vfs, ctx: FsContext, from: Path, to: Path, beneath = false): number {
  const ns = ctx.namespace;
  const top = topOf(to);
  const { mount } = from;
  const detached = mount.namespace?.anonymous === true && mount.parent === null;
  if ((mount.namespace !== ns && !detached) || top.mount.namespace !== ns) return -EINVAL;
  if (from.dentry !== mount.root || (mount.parent === null && !detached)) return -EINVAL;
  if (mount.parent !== null && mount.parent.peers !== null) return -EINVAL;
  if (beneath && !canGoBeneath(ctx, from, top)) return -EINVAL;
  const parent = beneath ? top.mount.parent! : top.mount;
  const dentry = beneath ? top.mount.mountpoint! : top.dentry;
  if (!dentry.hashed) return -ENOENT;
  if (dentry.inode!.isDirectory !== mount.root.inode!.isDirectory) return beneath ? -EINVAL : -ENOTDIR;
  const tree = treeOf(mount);
  if (parent.peers !== null && tree.some((m) => m.unbindable)) return -EINVAL;
  if (isAbove(parent, mount)) return -ELOOP;
  if (detached && !ns.hasRoom(tree.length)) return -ENOSPC;
  return attachTree(vfs, ns, mount, parent, dentry);
}

/** Does `mount` lie on `ancestor`, or is it that? */
function isAbove(mount: Mount, ancestor: Mount): boolean {
  for (let m: Mount | null = mount; m !== null; m = m.parent) if (m === ancestor) return true;
  return false;
}

/** May what is at `from` come to lie beneath the mount `top` is the root of (can_move_mount_beneath)? */
function canGoBeneath(ctx: FsContext, from: Path, top: Path): boolean {
  const { mount } = top;
  const { parent, mountpoint } = mount;
  if (parent === null || mountpoint === null || top.dentry !== mount.root) return false;
  if (from.mount.children.has(from.dentry)) return false;
  if (mount === ctx.root.mount || isAbove(from.mount, mount)) return false;
  // What goes there would come back as a copy on top of one of the two.
  return !coveredThrough(parent, mountpoint, mount) && !coveredThrough(parent, mountpoint, from.mount);
}

/**
 * Would what is mounted at `dentry` of `parent` be told to `mount`, and cover its root there
 * (propagation_would_overmount)?
 */
function coveredThrough(parent: Mount, dentry: Dentry, mount: Mount): boolean {
  if (parent.peers === null || mount.root !== dentry) return false;
  return receivers(parent, dentry).some((r) => r.mount === mount);
}

/**
 * MOVE_MOUNT_SET_GROUP: `to`, as yet private, is told of, and tells, what the mount at `from` of the same
 * file system is. 0 or -EINVAL (do_set_group).
 */
export function shareGroup(ns: MountNamespace, from: Path, to: Path): number {
  const [source, target] = [from.mount, to.mount];
  for (const { namespace } of [source, target]) {
    if (namespace !== ns && namespace?.anonymous !== true) return -EINVAL;
  }
  if (from.dentry !== source.root || to.dentry !== target.root) return -EINVAL;
  if (source.fs !== target.fs || !target.root.isWithin(source.root)) return -EINVAL;
  if (target.peers !== null || target.master !== null) return -EINVAL;
  if (source.peers === null && source.master === null) return -EINVAL;
  copyPropagation(source, target);
  ns.touch();
  return 0;
}

/**
 * mount(2) with one of MS_SHARED, MS_PRIVATE, MS_SLAVE, MS_UNBINDABLE, and MS_REC. 0 or -EINVAL (no root of a
 * mount).
 */
export function changePropagation(ns: MountNamespace, at: Path, flags: number): number {
  const { mount, dentry } = topOf(at);
  if (dentry !== mount.root || mount.namespace !== ns) return -EINVAL;
  const kind = flags & (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE);
  for (const m of (flags & MS_REC) !== 0 ? treeOf(mount) : [mount]) setPropagation(m, kind);
  ns.touch();
  return 0;
}

export function remount(ns: MountNamespace, at: Path, flags: number, wholeFs: boolean, data: string): number {
  const place = topOf(at);
  const mount = place.mount;
  if (place.dentry !== mount.root || mount.namespace !== ns) return -EINVAL;
  if (wholeFs) {
    const e = reconfigure(mount, (flags & MS_RDONLY) !== 0, data);
    if (e !== 0) return e;
    flags &= ~MS_RDONLY;
  }
  if ((flags & ~mount.flags & MS_RDONLY) !== 0 && mount.writers > 0) return -EBUSY;
  mount.flags = flags;
  ns.touch();
  return 0;
}

/** Change the file system of `mount` itself. 0, -EBUSY (open for writing), or what it says of its options. */
export function reconfigure(mount: Mount, readOnly: boolean, data: string): number {
  const { fs } = mount;
  if (readOnly && !fs.readOnly && fs.writers > 0) return -EBUSY;
  if (!readOnly && !fs.canWrite) return -EROFS;
  const e = data === '' ? 0 : fs.reconfigure(data);
  if (e !== 0) return e;
  fs.readOnly = readOnly;
  return 0;
}

/**
 * The mounts elsewhere that go with `tree`, because it was propagated there: those with nothing else mounted
 * on them.
 */
function copiesOf(tree: readonly Mount[]): Set<Mount> {
  const gone = new Set(tree);
  const copies = new Set<Mount>();
  for (const m of tree) {
    const dentry = m.mountpoint!;
    for (const { mount: q } of receivers(m.parent!, dentry)) {
      const child = q.children.get(dentry);
      if (child !== undefined && child.fs === m.fs && child.root === m.root && !gone.has(child))
        copies.add(child);
    }
  }
  // Children come behind their parents in `tree`, and so do their copies: backwards, one pass tells what is
  // left standing.
  for (const c of [...copies].reverse()) {
    for (const child of c.children.values()) {
      if (!copies.has(child) && !gone.has(child)) copies.delete(c);
    }
  }
  return copies;
}

export function umount(ns: MountNamespace, at: Path, lazy: boolean): number {
  const mount = at.mount;
  if (at.dentry !== mount.root || mount.namespace !== ns) return -EINVAL;
  if (mount.parent === null) return lazy ? -EINVAL : -EBUSY;
  if (!lazy && (mount.children.size > 0 || mount.pins > 0)) return -EBUSY;
  const copies = copiesOf(lazy ? treeOf(mount) : [mount]);
  if (!lazy) for (const c of copies) if (c.pins > 0) return -EBUSY;
  ns.detach(mount);
  for (const c of copies) c.namespace?.detach(c);
  return 0;
}

/** pivot_root(2): the checks of its man page, then the two mounts change places. */
export function pivotRoot(ctx: FsContext, newRoot: Path, putOld: Path): number {
  const ns = ctx.namespace;
  const oldRoot = ctx.root;
  const m = newRoot.mount;
  const old = oldRoot.mount;
  if (putOld.mount.peers !== null || m.parent?.peers || old.parent?.peers) return -EINVAL;
  if (m.namespace !== ns || putOld.mount.namespace !== ns) return -EINVAL;
  if (!newRoot.dentry.hashed) return -ENOENT;
  if (m === old || putOld.mount === old) return -EBUSY;
  if (oldRoot.dentry !== old.root || newRoot.dentry !== m.root) return -EINVAL;
  if (m.parent === null || !isBelow(putOld, newRoot)) return -EINVAL;
  const parent = old.parent;
  const at = old.mountpoint;
  if (parent === null) {
    ns.setRoot(m);
    ns.move(old, putOld.mount, putOld.dentry);
  } else {
    ns.move(old, putOld.mount, putOld.dentry);
    ns.move(m, parent, at!);
  }
  return 0;
}

function isBelow(path: Path, root: Path): boolean {
  let { mount, dentry } = path;
  while (mount !== root.mount) {
    if (mount.parent === null) return false;
    dentry = mount.mountpoint!;
    mount = mount.parent;
  }
  return dentry.isWithin(root.dentry);
}

export function unshareNamespace(vfs: Vfs, ctx: FsContext): void {
  const old = ctx.namespace;
  const oldRoot = old.root;
  const root = copyMount(vfs, oldRoot, oldRoot.root);
  const ns = new MountNamespace(root);
  const copies = copyChildren(vfs, ns, oldRoot, root, mountsBelow(oldRoot, oldRoot.root), true);
  const move = (p: Path): Path => {
    const copy = copies.get(p.mount);
    return copy === undefined ? p : new Path(copy, p.dentry);
  };
  ctx.root = move(ctx.root);
  ctx.cwd = move(ctx.cwd);
  ctx.namespace = ns;
}
