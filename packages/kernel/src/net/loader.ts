import { AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, ARPHRD_LOOPBACK } from '@sandbox/abi';
import { WaitQueue } from '@sandbox/vfs';
import type { SocketFamily } from '../fs/socket/families.js';
import type { KernelCore } from '../kernel/kernel-core.js';
import type { NetNamespace } from '../ns/namespaces.js';
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
  /** How a network is made, once the code for it is there. */
  private static make: ((kernel: KernelCore, ns: NetNamespace) => Network) | null = null;

  private readonly queue = new WaitQueue();
  /** /proc/sys/net. */
  readonly settings = new NetSettings();
  private loaded: Network | null = null;
  private loading: Promise<Network> | null = null;

  constructor(
    private readonly kernel: KernelCore,
    private readonly ns: NetNamespace,
  ) {}

  /** The family of `domain` here; null: no family of the network's. */
  family(domain: number): SocketFamily | null {
    return this.loaded?.families.get(domain) ?? null;
  }

  /** The network, by somebody who is part of one himself, so that its code is there. */
  ensure(): Network {
    return (this.loaded ??= this.create());
  }

  private create(): Network {
    const network = NetworkLoader.make!(this.kernel, this.ns);
    this.settings.attach(network.stack.settings);
    return network;
  }

  /** Loopback is up from the start, in the first namespace only. */
  get initial(): boolean {
    return this.kernel.namespaces.initial.net === this.ns;
  }

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
    NetworkLoader.make = (kernel, ns) => new Network(kernel, ns);
    return this.kernel.run(() => {
      const network = this.ensure();
      this.queue.wake(NETWORK_READY);
      return network;
    });
  }

  /** The interfaces there are. */
  links(): readonly LinkFacts[] {
    if (this.loaded !== null) return this.loaded.linkFacts();
    return this.initial ? [IDLE_LOOPBACK] : [{ ...IDLE_LOOPBACK, flags: '0x8', operstate: 'down' }];
  }

  /** Its namespace ends: what the embedder put there is in `first` again. */
  retire(first: NetworkLoader): void {
    this.loaded?.handBack(first.ensure());
    this.dispose();
  }

  dispose(): void {
    this.loaded?.dispose();
    this.loaded = null;
  }
}
