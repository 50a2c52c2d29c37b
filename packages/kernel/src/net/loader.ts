import { AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, ARPHRD_LOOPBACK } from '@sandbox/abi';
import { WaitQueue } from '@sandbox/vfs';
import type { KernelCore } from '../kernel/kernel-core.js';
import type { Network } from './network.js';
import { NetSettings } from './sysctl.js';

/** What waiters for the network are woken with. */
export const NETWORK_READY = 1;

/** What /sys/class/net tells of an interface. */
export interface LinkFacts {
  readonly name: string;
  readonly index: number;
  readonly address: string;
  readonly broadcast: string;
  readonly carrier: number;
  readonly flags: string;
  readonly mtu: number;
  readonly operstate: string;
  readonly txQueueLength: number;
  readonly type: number;
  readonly rxBytes: number;
  readonly rxPackets: number;
  readonly txBytes: number;
  readonly txPackets: number;
}

/** Loopback as it is while nobody used it. */
const IDLE_LOOPBACK: LinkFacts = {
  name: 'lo',
  index: 1,
  address: '00:00:00:00:00:00',
  broadcast: '00:00:00:00:00:00',
  carrier: 1,
  flags: '0x9',
  mtu: 65536,
  operstate: 'unknown',
  txQueueLength: 1000,
  type: ARPHRD_LOOPBACK,
  rxBytes: 0,
  rxPackets: 0,
  txBytes: 0,
  txPackets: 0,
};

/**
 * Has a kernel's network loaded when it is first needed: most programs never ask for it, and its code takes longer to load than a
 * kernel to start.
 */
export class NetworkLoader {
  private readonly queue = new WaitQueue();
  /** /proc/sys/net. */
  readonly settings = new NetSettings();
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
      this.settings.attach(this.loaded.stack.settings);
      this.queue.wake(NETWORK_READY);
      return this.loaded;
    });
  }

  /** The interfaces there are. */
  links(): readonly LinkFacts[] {
    return this.loaded?.linkFacts() ?? [IDLE_LOOPBACK];
  }

  dispose(): void {
    this.loaded?.dispose();
    this.loaded = null;
  }
}
