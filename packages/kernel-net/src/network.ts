import {
  AF_INET,
  AF_INET6,
  AF_NETLINK,
  AF_PACKET,
  NETLINK_CONNECTOR,
  NETLINK_GENERIC,
  NETLINK_NETFILTER,
  NETLINK_ROUTE,
  NETLINK_SOCK_DIAG,
} from '@sandbox/abi';
import { SocketAddress } from '@sandbox/kernel-core/files';
import type {
  Cred,
  KernelCore,
  Network as KernelNetwork,
  LinkFacts,
  NetNamespace,
  NetworkMaker,
  ProcNetNames,
  SocketFamily,
} from '@sandbox/kernel-core/process';
import { Timer } from '@sandbox/kernel-core/time';
import { Netfilter, NetStack } from '@sandbox/net';
import type { Credentials, IoctlCaller, WaitQueue } from '@sandbox/vfs';
import { InetFamily } from './inet/family.js';
import type { InetSocket } from './inet/socket.js';
import { interfaceIoctl } from './ioctl/interfaces.js';
import { NetfilterService } from './netfilter/nft/service.js';
import { Xtables } from './netfilter/tables.js';
import { ConnectorService } from './netlink/connector.js';
import { returnLinks } from './netlink/devices.js';
import { NetlinkDomain, type NetlinkService } from './netlink/domain.js';
import { GenericService } from './netlink/generic.js';
import { RouteService } from './netlink/route.js';
import { SockDiagService } from './netlink/sock-diag.js';
import { TaskStats } from './netlink/taskstats.js';
import { operationalState } from './operational-state.js';
import { PacketFamily } from './packet/family.js';
import { procNetText } from './proc/files.js';
import { macText } from './proc/interfaces.js';
import type { NetSettings } from './sysctl.js';

const NS_PER_MS = 1e6;

/**
 * The network of a namespace: its stack, and the guests' sockets over it. Loaded when the first of them is
 * asked for.
 */
export class Network implements KernelNetwork {
  readonly stack: NetStack;
  readonly netlink: NetlinkDomain;
  /** What other namespaces are called here (nsid of rtnetlink(7)). */
  readonly nsNumbers = new Map<NetNamespace, number>();
  /** Sockets of its namespace, by address family. */
  readonly families: ReadonlyMap<number, SocketFamily>;
  private ownFilter: Netfilter | null = null;
  /** Packet filter tables. */
  readonly xtables: Xtables;
  /** Every open socket over the stack, for /proc/net and sock_diag(7). */
  readonly sockets = new Set<InetSocket>();
  private readonly disposers: (() => void)[] = [];
  /** For a look at an address: never held over a call that may use it too. */
  readonly scratchAddress = new SocketAddress();

  constructor(
    readonly kernel: KernelCore,
    readonly ns: NetNamespace,
  ) {
    this.stack = makeStack(kernel);
    this.xtables = new Xtables(this);
    const route = new RouteService(this);
    this.netlink = new NetlinkDomain(kernel, this, this.makeServices(route));
    this.families = new Map<number, SocketFamily>([
      [AF_INET, new InetFamily(this, AF_INET)],
      [AF_INET6, new InetFamily(this, AF_INET6)],
      [AF_NETLINK, this.netlink],
      [AF_PACKET, new PacketFamily(this)],
    ]);
    const { stack } = this;
    if (ns.network.initial) stack.setInterface(stack.loopback, { up: true });
    route.listen();
  }

  private makeServices(route: RouteService): Map<number, NetlinkService> {
    const services = new Map<number, NetlinkService>([
      [NETLINK_ROUTE, route],
      [NETLINK_SOCK_DIAG, new SockDiagService(this)],
      [NETLINK_GENERIC, new GenericService([new TaskStats(this)])],
      [NETLINK_NETFILTER, new NetfilterService(this)],
    ]);
    if (this.ns.network.initial) services.set(NETLINK_CONNECTOR, new ConnectorService(this));
    return services;
  }

  /** The packet filter: there is none before somebody asks. */
  get filter(): Netfilter {
    if (this.ownFilter === null) {
      this.ownFilter = new Netfilter(this.stack);
      this.stack.filter ??= this.ownFilter;
      // Others' packets are no matter of the log, as Linux has it by default
      // (net.netfilter.nf_log_all_netns).
      if (this.ns.network.initial) this.ownFilter.log = (level, line) => this.kernel.log.append(level, line);
    }
    return this.ownFilter;
  }

  /** Has `cred` the capability over this network (ns_capable)? */
  may(cred: Credentials, capability: number): boolean {
    return (cred as Cred).capableIn(this.ns.userNs, capability);
  }

  /**
   * Tell whoever waits at `queue`. The stack may be in the midst of something: what is woken runs when the
   * kernel is left.
   */
  wake(queue: WaitQueue, events: number): void {
    queue.wake(events);
  }

  /** The content of /proc/net/`name`, whose header is `header`; undefined: none of the network's. */
  procText(name: string, header: string, names: ProcNetNames): string | undefined {
    return procNetText(this, name, header, names);
  }

  /** An ioctl about an interface, route or neighbour; null: none of these. */
  interfaceIoctl(cmd: number, arg: number, caller: IoctlCaller): number | null {
    return interfaceIoctl(this, cmd, arg, caller);
  }

  /** /sys/class/net. */
  linkFacts(): LinkFacts[] {
    const none = '00:00:00:00:00:00';
    return this.stack.interfaces.map((iface) => ({
      name: iface.name,
      index: iface.index,
      address: iface.mac === null ? none : macText(iface.mac),
      broadcast: iface.mac === null ? none : 'ff:ff:ff:ff:ff:ff',
      carrier: iface.link.up ? 1 : 0,
      flags: `0x${(iface.flags & 0xffbf).toString(16)}`,
      mtu: iface.mtu,
      operstate: operationalState(iface).name,
      txQueueLength: iface.txQueueLength,
      type: iface.type,
      rxBytes: iface.statistics.rxBytes,
      rxPackets: iface.statistics.rxPackets,
      txBytes: iface.statistics.txBytes,
      txPackets: iface.statistics.txPackets,
    }));
  }

  namespaceEnded(ns: NetNamespace): void {
    this.nsNumbers.delete(ns);
  }

  /** Its namespace ends: what the embedder put there belongs to `first` again. */
  handBack(first: Network): void {
    returnLinks(this, first);
  }

  /** Have `fn` called when the kernel goes. */
  onDispose(fn: () => void): void {
    this.disposers.push(fn);
  }

  dispose(): void {
    for (const fn of this.disposers) fn();
    this.stack.close();
  }
}

export const makeNetwork: NetworkMaker = (kernel, ns, settings) => {
  const network = new Network(kernel, ns);
  (settings as NetSettings).attach(network.stack.settings);
  return network;
};

/** A stack that lives by this kernel's clock, timers and randomness. */
function makeStack(kernel: KernelCore): NetStack {
  let fire: (() => void) | null = null;
  const timer = new Timer(() => {
    const f = fire;
    fire = null;
    f?.();
  });
  return new NetStack({
    now: () => kernel.clock.monotonic() / NS_PER_MS,
    setAlarm: (at, call) => {
      fire = call;
      kernel.timers.arm(timer, at * NS_PER_MS);
    },
    random32: () => kernel.random.uint32(),
    // What outlives the kernel (an embedder's stream) must not bring it back to life.
    enter: () => {
      if (!kernel.dead) kernel.enter();
    },
    leave: () => {
      if (!kernel.dead) kernel.leave();
    },
  });
}
