import { CLONE_NEWUSER } from '@sandbox/abi';

/** What an id without a place in a namespace is shown as (/proc/sys/kernel/overflowuid). */
export const OVERFLOW_ID = 65534;
/** Nesting of user and pid namespaces. */
export const MAX_NS_LEVEL = 32;

/**
 * One line of uid_map or gid_map: `count` ids from `inner` on in the namespace are those from `outer` on in
 * the kernel.
 */
export interface IdRange {
  readonly inner: number;
  readonly outer: number;
  readonly count: number;
}

/** Ids in a namespace and in the kernel (user_namespaces(7), "User and group ID mappings"). */
export class IdMap {
  /** In the order they were written; empty until then. Null: all ids are themselves. */
  constructor(public ranges: readonly IdRange[] | null) {}

  /** The kernel's id for `id`, -1 when it has none. */
  toKernel(id: number): number {
    if (this.ranges === null) return id;
    for (const r of this.ranges) if (id >= r.inner && id - r.inner < r.count) return r.outer + (id - r.inner);
    return -1;
  }

  /** The id of the kernel's `id` here, -1 when it has none. */
  fromKernel(id: number): number {
    if (this.ranges === null) return id;
    for (const r of this.ranges) if (id >= r.outer && id - r.outer < r.count) return r.inner + (id - r.outer);
    return -1;
  }

  /** The same for showing: an id without a place is the overflow id. */
  show(id: number): number {
    const shown = this.fromKernel(id);
    return shown < 0 ? OVERFLOW_ID : shown;
  }
}

/**
 * A user namespace (user_namespaces(7)). Credentials hold kernel ids; namespaces say how they are spelled,
 * and over whom capabilities reach.
 */
export class UserNamespace {
  readonly kind = 'user';
  readonly flag = CLONE_NEWUSER;
  readonly level: number;
  readonly uids: IdMap;
  readonly gids: IdMap;
  readonly projids: IdMap;
  /** /proc/PID/setgroups: may its processes call setgroups(2)? */
  setgroupsAllowed: boolean;

  constructor(
    readonly parent: UserNamespace | null,
    readonly ino: number,
    /** Kernel ids of its creator. */
    readonly ownerUid: number,
    readonly ownerGid: number,
  ) {
    this.level = parent === null ? 0 : parent.level + 1;
    const ranges = parent === null ? null : [];
    this.uids = new IdMap(ranges);
    this.gids = new IdMap(ranges);
    this.projids = new IdMap(ranges);
    this.setgroupsAllowed = parent?.setgroupsAllowed ?? true;
  }

  /** The namespace its own rights are judged in. */
  get userNs(): UserNamespace {
    return this.parent ?? this;
  }

  /** Is it `other`, or does it lie within? */
  isWithin(other: UserNamespace): boolean {
    for (let ns: UserNamespace | null = this; ns !== null; ns = ns.parent) if (ns === other) return true;
    return false;
  }
}

/** The first one: all ids are the kernel's own. */
export const INITIAL_USER_NS = new UserNamespace(null, 4026531837, 0, 0);
