import type { MountNamespace } from '@sandbox/vfs';
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
  /** Its tasks now, and how many there may be. */
  tasks = 0;
  maxTasks = Number.POSITIVE_INFINITY;
  /** Bytes its processes and file systems of memory may hold, and held when that was last looked at. */
  maxMemory = Number.POSITIVE_INFINITY;
  memory = 0;
  /** Processes killed for memory. */
  oomKills = 0;
  /** The mounts of its tree. */
  mounts: MountNamespace | null = null;

  constructor(
    readonly ns: NsSet,
    readonly pids: PidTable,
    readonly userNs: UserNamespace,
  ) {}
}
