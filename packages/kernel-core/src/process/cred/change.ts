import {
  CAP_CHOWN,
  CAP_DAC_OVERRIDE,
  CAP_DAC_READ_SEARCH,
  CAP_FOWNER,
  CAP_FSETID,
  CAP_LINUX_IMMUTABLE,
  CAP_MKNOD,
} from '@sandbox/abi';
import { withdrawAnswers } from '../task/answers.js';
import type { Task } from '../task/task.js';
import type { Cred } from './cred.js';

/** securebits (capabilities(7)). */
export const SECBIT_NOROOT = 1 << 0;
export const SECBIT_NO_SETUID_FIXUP = 1 << 2;
export const SECBIT_KEEP_CAPS = 1 << 4;
export const SECBIT_KEEP_CAPS_LOCKED = 1 << 5;
export const SECBIT_NO_CAP_AMBIENT_RAISE = 1 << 6;
export const SECURE_ALL_BITS = 0x55;
export const SECURE_ALL_LOCKS = SECURE_ALL_BITS << 1;

/** Capabilities that follow the file system uid (CAP_FS_SET). CAP_MAC_OVERRIDE is bit 0 of the high word. */
const FS_SET_LO =
  (1 << CAP_CHOWN) |
  (1 << CAP_MKNOD) |
  (1 << CAP_DAC_OVERRIDE) |
  (1 << CAP_DAC_READ_SEARCH) |
  (1 << CAP_FOWNER) |
  (1 << CAP_FSETID) |
  (1 << CAP_LINUX_IMMUTABLE);
const FS_SET_HI = 1;

/**
 * What a change of uids does to capabilities (capabilities(7), "Effect of user ID changes on capabilities").
 * `next` is a changed copy of `old`, not yet installed.
 */
export function fixSetuid(next: Cred, old: Cred): void {
  if ((next.securebits & SECBIT_NO_SETUID_FIXUP) !== 0) return;
  const root = old.userNs.uids.toKernel(0);
  const wasRoot = old.uid === root || old.euid === root || old.suid === root;
  const isRoot = next.uid === root || next.euid === root || next.suid === root;
  if (wasRoot && !isRoot) {
    if ((next.securebits & SECBIT_KEEP_CAPS) === 0) {
      next.permittedLo = next.permittedHi = 0;
      next.effectiveLo = next.effectiveHi = 0;
    }
    next.ambientLo = next.ambientHi = 0;
  }
  if (old.euid === root && next.euid !== root) {
    next.effectiveLo = next.effectiveHi = 0;
  } else if (old.euid !== root && next.euid === root) {
    next.effectiveLo = next.permittedLo;
    next.effectiveHi = next.permittedHi;
  }
}

/** The same for setfsuid(2). */
export function fixSetfsuid(next: Cred, old: Cred): void {
  if ((next.securebits & SECBIT_NO_SETUID_FIXUP) !== 0) return;
  const root = old.userNs.uids.toKernel(0);
  if (old.fsuid === root && next.fsuid !== root) {
    next.effectiveLo = (next.effectiveLo & ~FS_SET_LO) >>> 0;
    next.effectiveHi = (next.effectiveHi & ~FS_SET_HI) >>> 0;
  } else if (old.fsuid !== root && next.fsuid === root) {
    next.effectiveLo = (next.effectiveLo | (next.permittedLo & FS_SET_LO)) >>> 0;
    next.effectiveHi = (next.effectiveHi | (next.permittedHi & FS_SET_HI)) >>> 0;
  }
}

/**
 * Install new credentials. A program whose rights changed is no longer dumpable and loses its parent-death
 * signal (commit_creds).
 */
export function commitCred(task: Task, next: Cred): void {
  const old = task.cred;
  const grows = ((next.permittedLo & ~old.permittedLo) | (next.permittedHi & ~old.permittedHi)) !== 0;
  if (
    old.euid !== next.euid ||
    old.egid !== next.egid ||
    old.fsuid !== next.fsuid ||
    old.fsgid !== next.fsgid ||
    grows
  ) {
    task.group.dumpable = 0;
    task.pdeathsig = 0;
  }
  task.cred = next;
  tellIds(task, old);
  withdrawAnswers(task);
}

/** Those who watch processes hear of ids that are not what they were in `old`. */
export function tellIds(task: Task, old: Cred): void {
  const { watchers } = task.kernel.hooks;
  if (watchers.length === 0) return;
  const c = task.cred;
  const uid = c.uid !== old.uid || c.euid !== old.euid || c.suid !== old.suid || c.fsuid !== old.fsuid;
  const gid = c.gid !== old.gid || c.egid !== old.egid || c.sgid !== old.sgid || c.fsgid !== old.fsgid;
  for (const watcher of watchers) {
    if (uid) watcher.uidChanged?.(task);
    if (gid) watcher.gidChanged?.(task);
  }
}
