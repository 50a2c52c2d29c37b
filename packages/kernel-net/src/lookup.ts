import type { KernelCore, NetNamespace } from '@sandbox/kernel-core/process';
import type { NetInterface } from '@sandbox/net';
import type { Network } from './network.js';

/** The network of `ns`, made when there is none yet. */
export function networkIn(ns: NetNamespace): Network {
  return ns.network.ensure() as Network;
}

/** The namespace whose network has `iface`; null: none has it any more. */
export function namespaceOfInterface(kernel: KernelCore, iface: NetInterface): NetNamespace | null {
  for (const ns of kernel.namespaces.allNets()) {
    const network = ns.network.current as Network | null;
    if (network?.stack.interfaces.includes(iface)) return ns;
  }
  return null;
}
