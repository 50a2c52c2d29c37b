import { LANDLOCK_ACCESS_FS_REFER } from '@sandbox/abi';

/** Rulesets a thread may be under at once. */
export const MAX_LAYERS = 16;
/** Kinds of access to files, numbered by their bits. */
const ACCESSES = 16;
/** All of them. */
export const MASK_FS = 0xffff;
/** Denied by every layer that says anything about files, whether it names the right or not. */
export const INITIALLY_DENIED = LANDLOCK_ACCESS_FS_REFER;

/** What one ruleset grants, layer by layer: bits of access. */
export type Grants = Uint16Array;

/** For each kind of access the layers, as bits, that still deny it. */
export class LayerMasks {
  readonly denying = new Uint16Array(ACCESSES);

  /** Start with the accesses of `wanted` each layer handles (`handled`). Those some layer does. */
  init(handled: readonly number[], wanted: number): number {
    this.denying.fill(0);
    let asked = 0;
    for (let layer = 0; layer < handled.length; layer++) {
      const bits = handled[layer]! & wanted;
      asked |= bits;
      for (let access = 0; access < ACCESSES; access++)
        if ((bits & (1 << access)) !== 0) this.denying[access]! |= 1 << layer;
    }
    return asked;
  }

  /**
   * Take away what `grants` gives of `wanted`. True when nothing of it is denied any more
   * (landlock_unmask_layers).
   */
  grant(grants: Grants | undefined, wanted: number): boolean {
    if (wanted === 0) return true;
    if (grants === undefined) return false;
    for (let layer = 0; layer < grants.length; layer++) {
      const bits = grants[layer]! & wanted;
      for (let access = 0; access < ACCESSES; access++)
        if ((bits & (1 << access)) !== 0) this.denying[access]! &= ~(1 << layer);
    }
    return (this.denied & wanted) === 0;
  }

  /** Accesses some layer denies. */
  get denied(): number {
    let bits = 0;
    for (let access = 0; access < ACCESSES; access++) if (this.denying[access] !== 0) bits |= 1 << access;
    return bits;
  }

  /** Forget all but `wanted`; true when none of that is denied. */
  narrow(wanted: number): boolean {
    for (let access = 0; access < ACCESSES; access++)
      if ((wanted & (1 << access)) === 0) this.denying[access] = 0;
    return this.denied === 0;
  }

  /**
   * Would a file under `this` and its own masks `child` be at least as restricted under `there`
   * (no_more_access)? Of a file, only the accesses in `counts` matter.
   */
  within(child: LayerMasks, there: LayerMasks, counts: number): boolean {
    for (let access = 0; access < ACCESSES; access++) {
      if ((counts & (1 << access)) === 0) continue;
      const now = this.denying[access]! & child.denying[access]!;
      if ((now & ~there.denying[access]!) !== 0) return false;
    }
    return true;
  }
}
