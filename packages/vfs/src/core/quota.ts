import { EDQUOT, GRPQUOTA, USRQUOTA } from '@sandbox/abi';
import type { MountEnvironment } from './filesystem.js';

/** Limits of somebody who was given none of his own; 0 or absent: none. */
export interface QuotaDefaults {
  /** Bytes of content. */
  readonly size?: number;
  readonly inodes?: number;
}

/** Seconds between going over a soft limit and not being allowed to any more. */
const GRACE = 7 * 24 * 3600;

/**
 * What somebody uses and may use. Space in bytes, times in seconds since the epoch (0: not over the soft
 * limit).
 */
export class Dquot {
  spaceSoft = 0;
  inodeSoft = 0;
  space = 0;
  inodes = 0;
  spaceTime = 0;
  inodeTime = 0;
  /** It has had limits of its own. */
  custom = false;

  constructor(
    public spaceHard: number,
    public inodeHard: number,
  ) {}
}

/** Quotas of all users, or of all groups. */
export class QuotaKind {
  /** Limits count; use is kept account of in any case. */
  enforced = true;
  spaceGrace = GRACE;
  inodeGrace = GRACE;
  readonly dquots = new Map<number, Dquot>();

  constructor(readonly defaults: QuotaDefaults) {}

  of(id: number): Dquot {
    let d = this.dquots.get(id);
    if (d === undefined) {
      d = new Dquot(this.defaults.size ?? 0, this.defaults.inodes ?? 0);
      this.dquots.set(id, d);
    }
    return d;
  }

  /** The least id from `id` on that has something to tell; -1: none. */
  next(id: number): number {
    let least = -1;
    for (const known of this.dquots.keys()) if (known >= id && (least < 0 || known < least)) least = known;
    return least;
  }

  fits(id: number, space: number, inodes: number, now: number): boolean {
    if (!this.enforced) return true;
    const d = this.of(id);
    const s = d.space + space;
    const n = d.inodes + inodes;
    if (space > 0) {
      if (d.spaceHard !== 0 && s > d.spaceHard) return false;
      if (d.spaceSoft !== 0 && s > d.spaceSoft && d.spaceTime !== 0 && now >= d.spaceTime) return false;
    }
    if (inodes > 0) {
      if (d.inodeHard !== 0 && n > d.inodeHard) return false;
      if (d.inodeSoft !== 0 && n > d.inodeSoft && d.inodeTime !== 0 && now >= d.inodeTime) return false;
    }
    return true;
  }

  /** Count `space` and `inodes` more, or fewer, of `id`. */
  book(id: number, space: number, inodes: number, now: number): void {
    const d = this.of(id);
    d.space += space;
    d.inodes += inodes;
    this.settle(d, now);
    if (d.inodes === 0 && d.space === 0 && !d.custom) this.dquots.delete(id);
  }

  /** Begin or end the time of grace, after use or limits have changed. */
  settle(d: Dquot, now: number): void {
    if (d.spaceSoft === 0 || d.space <= d.spaceSoft) d.spaceTime = 0;
    else if (d.spaceTime === 0) d.spaceTime = now + this.spaceGrace;
    if (d.inodeSoft === 0 || d.inodes <= d.inodeSoft) d.inodeTime = 0;
    else if (d.inodeTime === 0) d.inodeTime = now + this.inodeGrace;
  }
}

/** Disk quotas of a file system (quotactl(2)): how much of it each user and each group may use. */
export class Quotas {
  /** By USRQUOTA and GRPQUOTA; null: not kept. */
  readonly kinds: readonly [QuotaKind | null, QuotaKind | null];

  constructor(
    private readonly env: MountEnvironment,
    users: QuotaDefaults | null,
    groups: QuotaDefaults | null,
  ) {
    this.kinds = [users && new QuotaKind(users), groups && new QuotaKind(groups)];
  }

  /** Bytes and inodes for a file of `uid` and `gid`. 0, or -EDQUOT: then nothing is counted. */
  charge(uid: number, gid: number, space: number, inodes: number): number {
    const now = this.env.clock.now();
    const [users, groups] = this.kinds;
    const fits =
      (users?.fits(uid, space, inodes, now) ?? true) && (groups?.fits(gid, space, inodes, now) ?? true);
    if (!fits && !(this.env.ignoresQuotas?.() ?? true)) return -EDQUOT;
    users?.book(uid, space, inodes, now);
    groups?.book(gid, space, inodes, now);
    return 0;
  }

  uncharge(uid: number, gid: number, space: number, inodes: number): void {
    const now = this.env.clock.now();
    this.kinds[USRQUOTA]?.book(uid, -space, -inodes, now);
    this.kinds[GRPQUOTA]?.book(gid, -space, -inodes, now);
  }

  /** A file gets another owner. 0 or -EDQUOT (dquot_transfer). */
  transfer(from: { uid: number; gid: number }, uid: number, gid: number, space: number): number {
    const now = this.env.clock.now();
    const moves = [
      [this.kinds[USRQUOTA], from.uid, uid],
      [this.kinds[GRPQUOTA], from.gid, gid],
    ] as const;
    const fits = moves.every(
      ([kind, old, id]) => kind === null || old === id || kind.fits(id, space, 1, now),
    );
    if (!fits && !(this.env.ignoresQuotas?.() ?? true)) return -EDQUOT;
    for (const [kind, old, id] of moves) {
      if (kind === null || old === id) continue;
      kind.book(id, space, 1, now);
      kind.book(old, -space, -1, now);
    }
    return 0;
  }
}
