import type { KernelCore, NetworkProvider } from '@sandbox/kernel-core/process';
import { networkIn } from './lookup.js';
import type { Network } from './network.js';
import { NET_SYSCTLS, NetSettings } from './sysctl.js';

export type { Network } from './network.js';

/**
 * The network of `@sandbox/net`, for kernels: its parameters at once, its code when the first socket is asked
 * for.
 */
export const networkProvider: NetworkProvider = {
  sysctls: [...NET_SYSCTLS.keys()],
  settings: () => new NetSettings(),
  load: async () => (await import('./network.js')).makeNetwork,
};

/**
 * The network of a kernel's first namespace, loaded now. The kernel's `networks` must be `networkProvider`.
 */
export async function loadNetwork(core: KernelCore): Promise<Network> {
  await core.net.load();
  return networkIn(core.namespaces.initial.net);
}
