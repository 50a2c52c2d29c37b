import { EBUSY, EINVAL, ELOOP, ENOENT, ENOSPC, ENOTDIR, MS_RDONLY } from '@sandbox/abi';
import type { Dentry } from '../dentry.js';
import type { FsContext } from '../fs-context.js';
import { type Mount, MountNamespace } from '../mount.js';
import { Path } from '../path.js';
import type { Vfs } from '../vfs.js';

/** Mounts cover each other: the place a new one goes to is the top of the stack at `at`. */
function topOf(at: Path): Path {
  let { mount, dentry } = at;
  for (let over = mount.children.get(dentry); over !== undefined; over = mount.children.get(dentry)) {
    mount = over;
    dentry = over.root;
  }
  return mount === at.mount ? at : new Path(mount, dentry);
}

/** Attach `mount` on top of what is at `at`. The mount, or -errno (-ENOTDIR: directory over file or file over directory). */
export function mountAt(ns: MountNamespace, at: Path, mount: Mount): Mount | number {
  const e = graft(ns, at, mount);
  if (e !== 0) mount.retireIfIdle();
  return e !== 0 ? e : mount;
}

function graft(ns: MountNamespace, at: Path, mount: Mount): number {
  const to = topOf(at);
  if (to.mount.namespace !== ns) return -EINVAL;
  if (!ns.hasRoom(1)) return -ENOSPC;
  if (!to.dentry.hashed) return -ENOENT;
  if (to.dentry.inode!.isDirectory !== mount.root.inode!.isDirectory) return -ENOTDIR;
  ns.attach(mount, to.mount, to.dentry);
  return 0;
}

export function bind(vfs: Vfs, ns: MountNamespace, from: Path, at: Path, recursive: boolean): number {
  const src = topOf(from);
  if (src.mount.namespace !== ns) return -EINVAL;
  // Collect before attaching, lest a bind into itself copies the copy.
  const below = recursive ? mountsBelow(src.mount, src.dentry) : [];
  if (!ns.hasRoom(1 + below.length)) return -ENOSPC;
  const copy = copyMount(vfs, src.mount, src.dentry);
  const e = mountAt(ns, at, copy);
  if (typeof e === 'number') return e;
  copyChildren(vfs, ns, src.mount, copy, below);
  return 0;
}

function copyMount(vfs: Vfs, mount: Mount, root: Dentry): Mount {
  const copy = vfs.createMount(mount.fs, mount.flags, root);
  copy.source = mount.source;
  return copy;
}

/** All mounts whose mount point lies below `dentry` on `mount`, parents first. */
function mountsBelow(mount: Mount, dentry: Dentry): Mount[] {
  const found = new Set<Mount>();
  for (const child of mount.children.values()) if (child.mountpoint!.isWithin(dentry)) found.add(child);
  for (const m of found) for (const child of m.children.values()) found.add(child);
  return [...found];
}

function copyChildren(
  vfs: Vfs,
  ns: MountNamespace,
  from: Mount,
  to: Mount,
  list: readonly Mount[],
): Map<Mount, Mount> {
  const copies = new Map<Mount, Mount>([[from, to]]);
  for (const m of list) {
    const parent = copies.get(m.parent!);
    if (parent === undefined) continue;
    const copy = copyMount(vfs, m, m.root);
    ns.attach(copy, parent, m.mountpoint!);
    copies.set(m, copy);
  }
  return copies;
}

export function moveMount(ns: MountNamespace, from: Path, to: Path): number {
  const src = topOf(from);
  const dst = topOf(to);
  const mount = src.mount;
  if (mount.namespace !== ns || dst.mount.namespace !== ns) return -EINVAL;
  if (src.dentry !== mount.root || mount.parent === null) return -EINVAL;
  if (dst.dentry.inode!.isDirectory !== mount.root.inode!.isDirectory) return -ENOTDIR;
  for (let m: Mount | null = dst.mount; m !== null; m = m.parent) if (m === mount) return -ELOOP;
  ns.move(mount, dst.mount, dst.dentry);
  return 0;
}

export function remount(ns: MountNamespace, at: Path, flags: number, wholeFs: boolean): number {
  const place = topOf(at);
  const mount = place.mount;
  if (place.dentry !== mount.root || mount.namespace !== ns) return -EINVAL;
  if (wholeFs) {
    const readOnly = (flags & MS_RDONLY) !== 0;
    if (readOnly && !mount.fs.readOnly && mount.fs.writers > 0) return -EBUSY;
    mount.fs.readOnly = readOnly;
    flags &= ~MS_RDONLY;
  }
  if ((flags & ~mount.flags & MS_RDONLY) !== 0 && mount.writers > 0) return -EBUSY;
  mount.flags = flags;
  ns.touch();
  return 0;
}

export function umount(ns: MountNamespace, at: Path, lazy: boolean): number {
  const mount = at.mount;
  if (at.dentry !== mount.root || mount.namespace !== ns) return -EINVAL;
  if (mount.parent === null) return lazy ? -EINVAL : -EBUSY;
  if (!lazy && (mount.children.size > 0 || mount.pins > 0)) return -EBUSY;
  ns.detach(mount);
  return 0;
}

/** pivot_root(2): the checks of its man page, then the two mounts change places. */
export function pivotRoot(ctx: FsContext, newRoot: Path, putOld: Path): number {
  const ns = ctx.namespace;
  const oldRoot = ctx.root;
  const m = newRoot.mount;
  if (m.namespace !== ns || putOld.mount.namespace !== ns) return -EINVAL;
  if (m === oldRoot.mount || putOld.mount === oldRoot.mount) return -EBUSY;
  if (oldRoot.dentry !== oldRoot.mount.root || newRoot.dentry !== m.root) return -EINVAL;
  if (m.parent === null || !isBelow(putOld, newRoot)) return -EINVAL;
  const old = oldRoot.mount;
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
  const copies = copyChildren(vfs, ns, oldRoot, root, mountsBelow(oldRoot, oldRoot.root));
  const move = (p: Path): Path => {
    const copy = copies.get(p.mount);
    return copy === undefined ? p : new Path(copy, p.dentry);
  };
  ctx.root = move(ctx.root);
  ctx.cwd = move(ctx.cwd);
  ctx.namespace = ns;
}
