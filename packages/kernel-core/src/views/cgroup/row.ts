import type { Mover } from '../../process/cgroup/attach.js';
import type { Cgroup } from '../../process/cgroup/cgroup.js';
import type { KernelCore } from '../../process/kernel/kernel-core.js';
import type { Content } from '../../pseudo/text.js';

export type Show = (cgroup: Cgroup, kernel: KernelCore) => Content;
/** Takes what was written, blanks around it cut off: 0 or -errno. */
export type Store = (cgroup: Cgroup, text: string, kernel: KernelCore, opener: Mover) => number;

/** A file of a group (Linux: struct cftype). */
export interface CgroupFileRow {
  readonly name: string;
  /** The controller it belongs to; 0: it is always there. */
  readonly controller: number;
  /** The root has it: as the others do, to be read only (a limit of the sandbox), or not at all. */
  readonly onRoot: 'same' | 'limit' | 'no';
  readonly show: Show | null;
  readonly store: Store | null;
  /** May be written in the root of a namespace from within (nsdelegate). */
  readonly delegated: boolean;
}

export function file(
  name: string,
  controller: number,
  show: Show | null,
  store: Store | null = null,
  { onRoot = 'no', delegated = false }: { onRoot?: CgroupFileRow['onRoot']; delegated?: boolean } = {},
): CgroupFileRow {
  return { name, controller, show, store, onRoot, delegated };
}
