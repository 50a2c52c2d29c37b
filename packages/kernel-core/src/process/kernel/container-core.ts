import type { Nursery } from '@sandbox/platform';
import type { Cgroup } from '../cgroup/cgroup.js';
import type { NsSet } from '../ns/namespaces.js';
import type { UserNamespace } from '../ns/user-ns.js';
import type { PidTable } from './pid-table.js';

/**
 * What processes of one container of the embedder's have in common (`ThreadGroup.container`): the namespaces
 * and the control group new ones begin in. Those that fork stay in it, whatever namespaces they enter.
 */
export class ContainerCore {
  /** Where its programs begin on the host; null: anywhere. */
  nursery: Nursery | null = null;

  constructor(
    readonly ns: NsSet,
    readonly pids: PidTable,
    readonly userNs: UserNamespace,
    /** The control group it begins in, which has its limits. */
    readonly cgroup: Cgroup,
  ) {}
}
