import type { NsSet } from '../ns/namespaces.js';
import type { UserNamespace } from '../ns/user-ns.js';
import type { PidTable } from './pid-table.js';

/**
 * What processes of one container of the embedder's have in common (`ThreadGroup.container`): the namespaces new ones begin in, and whether they
 * may run. Those that fork stay in it, whatever namespaces they enter.
 */
export class ContainerCore {
  /** None of its threads returns to guest code; see `Task.park`. */
  frozen = false;

  constructor(
    readonly ns: NsSet,
    readonly pids: PidTable,
    readonly userNs: UserNamespace,
  ) {}
}
