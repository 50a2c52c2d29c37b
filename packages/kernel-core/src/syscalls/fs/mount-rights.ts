import { CAP_SYS_ADMIN } from '@sandbox/abi';
import type { FileSystem } from '@sandbox/vfs';
import { INITIAL_USER_NS } from '../../process/ns/user-ns.js';
import type { Task } from '../../process/task/task.js';

/** File systems a user namespace may mount (user_namespaces(7); Linux: FS_USERNS_MOUNT). */
const FOR_ALL: ReadonlySet<string> = new Set([
  'proc',
  'sysfs',
  'devpts',
  'tmpfs',
  'ramfs',
  'mqueue',
  'cgroup2',
  'overlay',
]);

/** CAP_SYS_ADMIN over the caller's mounts (may_mount). */
export function mayMount(t: Task): boolean {
  return t.cred.capableIn(t.kernel.namespaces.ownerOf(t.fs.namespace), CAP_SYS_ADMIN);
}

/** The same for what changes the tree, which a landlocked thread may not: its rules are about places. */
export function mayChangeTree(t: Task): boolean {
  return mayMount(t) && t.cred.guard?.handlesFiles !== true;
}

/**
 * May the caller make a new file system of this type (mount_capable)? Of some only the first user namespace
 * may.
 */
export function mayMountType(t: Task, type: string): boolean {
  return FOR_ALL.has(type) || t.kernel.namespaces.ownerOf(t.fs.namespace).parent === null;
}

/** A new file system belongs to the user namespace of whoever mounts it. */
export function noteUserNs(t: Task, fs: FileSystem): void {
  if (fs.mounts === 0 && t.cred.userNs !== INITIAL_USER_NS) fs.userNs = t.cred.userNs;
}
