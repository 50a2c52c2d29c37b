import {
  IFADDRMSG,
  IFINFOMSG,
  NLM_F_CREATE,
  NLM_F_REPLACE,
  RTM_DELADDR,
  RTM_GETADDR,
  RTM_GETLINK,
  RTM_GETROUTE,
  RTM_NEWADDR,
  RTM_NEWROUTE,
  RTMSG,
} from '@sandbox/abi';
import type { Link } from '../link/link.js';
import { PacketLink } from '../link/packet.host.js';
import { LoopbackMirror } from '../nat/loopback-mirror.host.js';
import type { NetStack } from '../stack.js';
import {
  type HostAddress,
  type HostLinkFacts,
  type HostRoute,
  readAddress,
  readLink,
  readRoute,
} from './facts.js';
import { inHostNamespace } from './namespace.host.js';
import { HostRouting } from './rtnetlink.host.js';

export interface JoinOptions {
  /** The host's network namespace: /run/netns/NAME, /proc/PID/ns/net. Default: this process's own. */
  readonly path?: string;
  /** Names of the interfaces to take; default: every Ethernet interface that is up. */
  readonly interfaces?: readonly string[];
}

/** An interface taken from the host. */
export interface JoinedInterface extends HostLinkFacts {
  readonly link: Link;
  readonly addresses: readonly HostAddress[];
}

/**
 * The interfaces of a network namespace of the host's, with what they were configured to, for a stack to be in the place of the host's own.
 */
export class HostNetwork {
  /** @internal Use `joinHostNetwork`. */
  constructor(
    readonly interfaces: readonly JoinedInterface[],
    /** Those that do not come by themselves with an address, those without a gateway first. */
    readonly routes: readonly HostRoute[],
    private readonly routing: HostRouting,
    private readonly path: string | null,
  ) {}

  private mirror: LoopbackMirror | null = null;

  /**
   * Give `stack` the interfaces, up, under their names and with their numbers where these are free, their addresses and routes. `wrap` may put
   * links in front. From now on TCP to the namespace's 127.0.0.1 is for those
   * who listen in the stack. Returns 0, or -EEXIST when a name is taken.
   */
  attachTo(stack: NetStack, wrap: (link: Link, name: string) => Link = (link) => link): number {
    const numbers = new Map<number, number>();
    for (const joined of this.interfaces) {
      const { name, index, addresses } = joined;
      const free = stack.interfaceByIndex(index) === undefined;
      const iface = stack.addInterface(name, wrap(joined.link, name), free ? index : undefined);
      if (typeof iface === 'number') return iface;
      numbers.set(index, iface.index);
      stack.setInterface(iface, { up: true });
      // The stack has its link-local address already, which is the same.
      for (const address of addresses) stack.addAddress(iface, address);
    }
    for (const { route } of this.routes)
      stack.routesFor(route.destination).add({ ...route, ifindex: numbers.get(route.ifindex)! });
    if (this.path !== null) this.mirror = new LoopbackMirror(stack, this.path);
    return 0;
  }

  /** Close the links and give the host its addresses and routes back, where the namespace is still there. */
  close(): void {
    this.mirror?.close();
    for (const { link, addresses } of this.interfaces) {
      link.close?.();
      for (const { message } of addresses)
        this.routing.change(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, message);
    }
    for (const { message } of this.routes) this.routing.change(RTM_NEWROUTE, NLM_F_CREATE, message);
    this.routing.close();
  }
}

/**
 * Take over the Ethernet interfaces of a network namespace of the host's: their addresses are taken away from the host's network, which
 * would answer beside the stack otherwise, and are given back by `close`. An interface keeps its MTU and hardware address. Loopback and
 * what is down stays as it is. Throws an `Error` with the host's `code`: ENOENT (no such namespace), EPERM (CAP_SYS_ADMIN to
 * enter it, CAP_NET_ADMIN and CAP_NET_RAW inside).
 */
export function joinHostNetwork(options: JoinOptions = {}): HostNetwork {
  return inHostNamespace(options.path ?? null, () => {
    const routing = new HostRouting();
    const taken: JoinedInterface[] = [];
    try {
      const links = routing.dump(RTM_GETLINK, IFINFOMSG.SIZE).map(readLink);
      const addresses = routing.dump(RTM_GETADDR, IFADDRMSG.SIZE).map(readAddress);
      const routes = routing.dump(RTM_GETROUTE, RTMSG.SIZE).map(readRoute);
      for (const facts of links) {
        if (facts === null || options.interfaces?.includes(facts.name) === false) continue;
        const own = addresses.filter((a): a is HostAddress => a !== null && a.ifindex === facts.index);
        taken.push({ ...facts, addresses: own, link: new PacketLink(facts) });
      }
      const ours = routes.filter(
        (r): r is HostRoute => r !== null && taken.some((iface) => iface.index === r.route.ifindex),
      );
      for (const { addresses } of taken)
        for (const { message } of addresses) routing.change(RTM_DELADDR, 0, message);
      ours.sort((a, b) => Number(a.route.gateway !== null) - Number(b.route.gateway !== null));
      return new HostNetwork(taken, ours, routing, options.path ?? null);
    } catch (error) {
      for (const { link } of taken) link.close?.();
      routing.close();
      throw error;
    }
  });
}
