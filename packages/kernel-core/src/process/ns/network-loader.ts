import { AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, ARPHRD_LOOPBACK } from '@sandbox/abi';
import { type IoctlCaller, WaitQueue } from '@sandbox/vfs';
import type { KernelCore } from '../kernel/kernel-core.js';
import type { NetNamespace } from './namespaces.js';
import type { SocketFamily } from './socket-family.js';

/** The event with which waiters for the network are woken. */
export const NETWORK_READY = 1;

/** What /sys/class/net shows of an interface. */
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

/** The names of counters, in the order /proc/net/snmp and netstat have them. */
export interface ProcNetNames {
  readonly snmp: readonly (readonly [string, readonly string[]])[];
  readonly tcpExt: readonly string[];
  readonly ipExt: readonly string[];
}

/** The parameters below /proc/sys/net of one namespace. */
export interface NetworkSettings {
  /** The text of the parameter `path` ('net/ipv4/ip_forward'), which is one of `NetworkProvider.sysctls`. */
  get(path: string): string;
  /** 0 or -EINVAL. */
  set(path: string, text: string): number;
}

/** The network of one namespace: what the rest of the kernel asks of it. */
export interface Network {
  /** Makers of its sockets, by address family. */
  readonly families: ReadonlyMap<number, SocketFamily>;
  /** The content of /proc/net/`name`, whose header is `header`; undefined: the network has no such file. */
  procText(name: string, header: string, names: ProcNetNames): string | undefined;
  /** An ioctl about an interface, route or neighbour (netdevice(7)); null: the command is none of these. */
  interfaceIoctl(cmd: number, arg: number, caller: IoctlCaller): number | null;
  linkFacts(): LinkFacts[];
  /** Another namespace has ended. */
  namespaceEnded(ns: NetNamespace): void;
  /** Its own namespace ends: what the embedder put there belongs to `first` again. */
  handBack(first: Network): void;
  dispose(): void;
}

/** Makes the network of a namespace, which goes by `settings`. */
export type NetworkMaker = (kernel: KernelCore, ns: NetNamespace, settings: NetworkSettings) => Network;

/** Where a kernel's networks come from: the embedder's side hands one in, as it hands in a platform. */
export interface NetworkProvider {
  /** Paths of the parameters there are, below /proc/sys. */
  readonly sysctls: readonly string[];
  settings(): NetworkSettings;
  /**
   * Loads the code: most programs never ask for a network, and its code takes longer to load than a kernel to
   * start.
   */
  load(): Promise<NetworkMaker>;
}

/** Loopback as it is while nobody has used it. */
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

/** Has the network of a namespace made when it is first needed. */
export class NetworkLoader {
  private readonly queue = new WaitQueue();
  /** /proc/sys/net: kept here, since it can be set before there is a network. */
  readonly settings: NetworkSettings;
  private loaded: Network | null = null;
  private loading: Promise<Network> | null = null;

  constructor(
    private readonly kernel: KernelCore,
    private readonly ns: NetNamespace,
  ) {
    this.settings = kernel.networks.settings();
  }

  /** The family of `domain` here; null: no family of the network's. */
  family(domain: number): SocketFamily | null {
    return this.loaded?.families.get(domain) ?? null;
  }

  /** The network, for a caller who is part of one and so knows that the code is there. */
  ensure(): Network {
    return (this.loaded ??= this.kernel.makeNetwork!(this.kernel, this.ns, this.settings));
  }

  /** Loopback is up from the start, in the first namespace only. */
  get initial(): boolean {
    return this.kernel.namespaces.initial.net === this.ns;
  }

  /** The network, if it is there already. */
  get current(): Network | null {
    return this.loaded;
  }

  /**
   * Where a caller waits who wants a socket of `domain`, which needs the network while that is not there;
   * null: go ahead.
   */
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
    this.kernel.makeNetwork = await this.kernel.networks.load();
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
