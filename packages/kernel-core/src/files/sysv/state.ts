import type { KernelCore } from '../../process/kernel/kernel-core.js';
import { Slot } from '../../process/kernel/slot.js';
import type { IpcNamespace } from '../../process/ns/namespaces.js';
import { SysvLimits } from './limits.js';
import { MessageQueues } from './msg.js';
import { Semaphores } from './sem.js';
import { SharedMemory } from './shm.js';

/** The System V objects of a kernel (sysvipc(7)): one IPC namespace. */
export class SysvIpc {
  readonly shm: SharedMemory;
  readonly sem: Semaphores;
  readonly limits = new SysvLimits();
  readonly msg = new MessageQueues(this.limits);

  constructor(kernel: KernelCore) {
    this.shm = new SharedMemory(kernel, this.limits);
    this.sem = new Semaphores(kernel, this.limits);
  }
}

const instances = new Slot((ns: IpcNamespace) => new SysvIpc(ns.kernel));

/** System V IPC of a namespace. */
export function sysvOf(ns: IpcNamespace): SysvIpc {
  return instances.of(ns);
}
