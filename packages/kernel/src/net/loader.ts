import { AF_INET, AF_INET6, AF_NETLINK, AF_PACKET } from '@sandbox/abi';
import { WaitQueue } from '@sandbox/vfs';
import type { KernelCore } from '../kernel/kernel-core.js';
import type { Network } from './network.js';

/** What waiters for the network are woken with. */
export const NETWORK_READY = 1;

/**
 * Has a kernel's network loaded when it is first needed: most programs never ask for it, and its code takes longer to load than a
 * kernel to start.
 */
export class NetworkLoader {
  private readonly queue = new WaitQueue();
  private loaded: Network | null = null;
  private loading: Promise<Network> | null = null;

  constructor(private readonly kernel: KernelCore) {}

  /** The network, if it is there already. */
  get current(): Network | null {
    return this.loaded;
  }

  /** Sockets of `domain` need the network, and it is not there yet: where to wait for it. Null: go ahead. */
  pendingFor(domain: number): WaitQueue | null {
    if (this.loaded !== null) return null;
    if (domain !== AF_INET && domain !== AF_INET6 && domain !== AF_NETLINK && domain !== AF_PACKET)
      return null;
    void this.load();
    return this.queue;
  }

  /** Load it now. */
  load(): Promise<Network> {
    this.loading ??= this.start();
    return this.loading;
  }

  private async start(): Promise<Network> {
    const { Network } = await import('./network.js');
    return this.kernel.run(() => {
      this.loaded = new Network(this.kernel);
      this.queue.wake(NETWORK_READY);
      return this.loaded;
    });
  }

  dispose(): void {
    this.loaded?.dispose();
    this.loaded = null;
  }
}
