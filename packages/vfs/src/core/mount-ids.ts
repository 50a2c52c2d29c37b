import type { Credentials } from './credentials.js';
import { KERNEL_CREDENTIALS } from './credentials.js';
import type { Inode } from './inode.js';

/** Ids of two worlds; -1 where one has none in the other. */
export interface IdTable {
  toKernel(id: number): number;
  fromKernel(id: number): number;
}

/** What the owner of a file without a place in the mount's map is shown as. */
const NOBODY = 65534;
/** Owns nothing. */
const UNMAPPED = -2;

/**
 * The ids of an ID-mapped mount (mount_setattr(2), MOUNT_ATTR_IDMAP): a file of uid N of the file system is
 * one of `uids.toKernel(N)` for those who come by the mount, and the other way round for what they make.
 * Rights are judged in the ids of the file system, by `credentials`.
 */
export class MountIds {
  private readonly known = new WeakMap<Credentials, Credentials>();

  constructor(
    readonly uids: IdTable,
    readonly gids: IdTable,
  ) {}

  /** Owner of a file as shown. */
  shownUid(uid: number): number {
    const shown = this.uids.toKernel(uid);
    return shown < 0 ? NOBODY : shown;
  }
  shownGid(gid: number): number {
    const shown = this.gids.toKernel(gid);
    return shown < 0 ? NOBODY : shown;
  }

  /** Have the owners of the file a place in the map? What has not cannot be changed. */
  covers(inode: Inode): boolean {
    return this.uids.toKernel(inode.uid) >= 0 && this.gids.toKernel(inode.gid) >= 0;
  }

  /** `cred` in the ids of the file system. The kernel itself is the same everywhere. */
  credentials(cred: Credentials): Credentials {
    if (cred === KERNEL_CREDENTIALS) return cred;
    let mapped = this.known.get(cred);
    if (mapped === undefined) {
      mapped = new MappedCredentials(this, cred);
      this.known.set(cred, mapped);
    }
    return mapped;
  }
}

class MappedCredentials implements Credentials {
  readonly fsuid: number;
  readonly fsgid: number;
  readonly groups: readonly number[];

  constructor(
    readonly ids: MountIds,
    private readonly real: Credentials,
  ) {
    const uid = ids.uids.fromKernel(real.fsuid);
    const gid = ids.gids.fromKernel(real.fsgid);
    this.fsuid = uid < 0 ? UNMAPPED : uid;
    this.fsgid = gid < 0 ? UNMAPPED : gid;
    this.groups = real.groups.map((g) => ids.gids.fromKernel(g)).filter((g) => g >= 0);
  }

  get guard() {
    return this.real.guard;
  }

  capable(cap: number, uid?: number, gid?: number): boolean {
    if (uid === undefined || gid === undefined) return this.real.capable(cap);
    const u = this.ids.uids.toKernel(uid);
    const g = this.ids.gids.toKernel(gid);
    return u >= 0 && g >= 0 && this.real.capable(cap, u, g);
  }
}

/** Are there ids for what `cred` makes? */
export function canOwn(cred: Credentials): boolean {
  return cred.fsuid !== UNMAPPED && cred.fsgid !== UNMAPPED;
}
