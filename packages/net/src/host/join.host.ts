import { IFADDRMSG, IFINFOMSG, RTM_GETADDR, RTM_GETLINK, RTM_GETROUTE, RTMSG } from '@sandbox/abi';
import { getU16 } from '../core/bytes.js';
import type { NetInterface } from '../ip/interface.js';
import type { Route } from '../ip/route-table.js';
import type { Link } from '../link/link.js';
import { PacketLink } from '../link/packet.host.js';
import type { NetStack } from '../stack.js';
import { HostDeafness } from './deafness.host.js';
import { type HostAddress, type HostLinkFacts, readAddress, readLink, readRoute } from './facts.js';
import { LoopbackMirror } from './loopback-mirror.host.js';
import { LoopbackOutlet } from './loopback-outlet.host.js';
import { inHostNamespace } from './namespace.host.js';
import { HostChanges, HostRouting } from './rtnetlink.host.js';

const DNS_PORT = 53;

export interface JoinOptions {
  /** The host's network namespace: /run/netns/NAME, /proc/PID/ns/net. Default: this process's own. */
  readonly path?: string;
  /** Names of the interfaces to take; default: every Ethernet interface that is up. */
  readonly interfaces?: readonly string[];
}

/** Puts links in front of those of the host's interfaces. */
export type WrapLink = (link: Link, name: string) => Link;

/** An interface taken from the host, and what the stack was given for it. */
class Taken {
  /** In the stack; null: not yet. */
  iface: NetInterface | null = null;
  readonly addresses = new Map<string, HostAddress>();

  constructor(
    /** What the host said last. */
    public facts: HostLinkFacts,
    readonly link: PacketLink,
  ) {}
}

/** A network namespace of the host's which a stack is in the place of. */
export class HostNetwork {
  private readonly routing = new HostRouting();
  private readonly deafness = new HostDeafness();
  private readonly changes = new HostChanges();
  /** By the host's number. */
  private readonly taken = new Map<number, Taken>();
  private readonly routes = new Map<string, Route>();
  private loopback: readonly { close(): void }[] = [];
  private wrap: WrapLink = (link) => link;

  /** @internal Use `joinHostNetwork`. The thread is in the namespace. */
  constructor(private readonly options: JoinOptions) {
    try {
      for (const facts of this.links()) this.take(facts);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Give `stack` the interfaces, up, under their names and with their numbers where these are free, their
   * addresses and routes, and from now on whatever becomes of these. `wrap` may put links in front. TCP to
   * the namespace's 127.0.0.1 is for those who listen in the stack, and what is sent to loopback in the stack
   * and is nobody's there is for those who listen in the namespace. Returns 0, or -EEXIST when a name is
   * taken.
   */
  attachTo(stack: NetStack, wrap: WrapLink = this.wrap): number {
    this.wrap = wrap;
    for (const taken of this.taken.values()) {
      const r = this.plug(stack, taken);
      if (r < 0) return r;
    }
    this.configure(stack);
    const { path } = this.options;
    if (path !== undefined)
      this.loopback = [new LoopbackMirror(stack, path), new LoopbackOutlet(stack, path)];
    this.leaveAnswers(stack);
    this.changes.watch(() => this.follow(stack));
    return 0;
  }

  /**
   * An answer of a name server that nobody in the stack has asked for was for a program of the host, which
   * has heard it.
   */
  private leaveAnswers({ udp }: NetStack): void {
    const { fallback } = udp;
    udp.fallback = (packet, source, destination, iface) => {
      const fromServer = getU16(packet.bytes, packet.transport) === DNS_PORT && !destination.isLoopback;
      return fromServer || fallback?.(packet, source, destination, iface) === true;
    };
  }

  /** Ethernet interfaces there are. */
  private links(): HostLinkFacts[] {
    const { interfaces } = this.options;
    return this.routing
      .dump(RTM_GETLINK, IFINFOMSG.SIZE)
      .map(readLink)
      .filter(
        (facts): facts is HostLinkFacts => facts !== null && interfaces?.includes(facts.name) !== false,
      );
  }

  /**
   * Have what comes in on an interface, if it is up, and the host not have it. The thread is in the
   * namespace.
   */
  private take(facts: HostLinkFacts): Taken | null {
    if (!facts.up) return null;
    const taken = new Taken(facts, new PacketLink(facts));
    try {
      this.deafness.add(facts.name);
    } catch (error) {
      taken.link.close();
      throw error;
    }
    this.taken.set(facts.index, taken);
    return taken;
  }

  /** 0 or -EEXIST. */
  private plug(stack: NetStack, taken: Taken): number {
    const { name, index } = taken.facts;
    const free = stack.interfaceByIndex(index) === undefined;
    const iface = stack.addInterface(name, this.wrap(taken.link, name), free ? index : undefined);
    if (typeof iface === 'number') return iface;
    taken.iface = iface;
    stack.setInterface(iface, { up: true });
    return 0;
  }

  /** Something has changed. */
  private follow(stack: NetStack): void {
    stack.enter();
    try {
      inHostNamespace(this.options.path ?? null, () => this.followLinks(stack, this.links()));
      this.configure(stack);
    } catch {
      // The namespace is going, or what was there a moment ago has gone: that is told as well.
    } finally {
      stack.leave();
    }
  }

  private followLinks(stack: NetStack, links: readonly HostLinkFacts[]): void {
    for (const [index, taken] of this.taken) {
      if (links.some((facts) => facts.index === index)) continue;
      if (taken.iface !== null) stack.removeInterface(taken.iface);
      taken.link.close();
      this.taken.delete(index);
    }
    for (const facts of links) {
      const known = this.taken.get(facts.index);
      if (known !== undefined) this.update(stack, known, facts);
      else {
        const taken = this.take(facts);
        // Its name may be one the guest has made an interface of.
        if (taken !== null && this.plug(stack, taken) < 0) taken.link.close();
      }
    }
  }

  private update(stack: NetStack, taken: Taken, facts: HostLinkFacts): void {
    const { iface, facts: before } = taken;
    taken.facts = facts;
    if (iface === null) return;
    if (facts.name !== before.name) stack.setInterface(iface, { name: facts.name });
    if (!Buffer.from(facts.mac).equals(before.mac)) stack.setInterface(iface, { mac: facts.mac });
    if (facts.mtu !== before.mtu) {
      taken.link.mtu = facts.mtu;
      stack.setInterface(iface, { mtu: facts.mtu });
    }
    if (facts.up !== before.up) stack.setInterface(iface, { up: facts.up });
  }

  /** Have the stack's addresses and routes be those of the host; what the guest has made of its own stays. */
  private configure(stack: NetStack): void {
    const all = this.routing.dump(RTM_GETADDR, IFADDRMSG.SIZE).map(readAddress);
    for (const { facts, iface, addresses } of this.taken.values()) {
      if (iface === null) continue;
      const now = new Map<string, HostAddress>();
      for (const found of all)
        if (found?.ifindex === facts.index) now.set(`${found.address}/${found.prefixLength}`, found);
      follow(addresses, now, {
        gone: ({ address, prefixLength }) => stack.removeAddress(iface, address, prefixLength),
        // The stack has its link-local address already, which is the same.
        come: (address) => stack.addAddress(iface, address),
      });
    }
    const now = new Map<string, Route>();
    for (const route of this.routing.dump(RTM_GETROUTE, RTMSG.SIZE).map(readRoute)) {
      const iface = route === null ? null : this.taken.get(route.ifindex)?.iface;
      if (!route || !iface) continue;
      const { flags: _, ...told } = { ...route, ifindex: iface.index };
      now.set(Object.values(told).join(' '), { ...route, ifindex: iface.index });
    }
    // Gateways must be neighbours when they are named.
    const neighboursFirst = [...now].sort(
      ([, a], [, b]) => Number(a.gateway !== null) - Number(b.gateway !== null),
    );
    follow(this.routes, new Map(neighboursFirst), {
      gone: (route) => stack.routesFor(route.destination).remove(route),
      come: (route) => stack.routesFor(route.destination).add(route),
    });
  }

  /** Close the links; the host hears again. */
  close(): void {
    for (const part of this.loopback) part.close();
    for (const { link } of this.taken.values()) link.close();
    this.changes.close();
    this.deafness.close();
    this.routing.close();
  }
}

/** Have `known` be as `now`, telling what goes, and then what comes. */
function follow<T>(
  known: Map<string, T>,
  now: ReadonlyMap<string, T>,
  tell: { gone(entry: T): void; come(entry: T): void },
): void {
  for (const [key, entry] of known) {
    if (now.has(key)) continue;
    known.delete(key);
    tell.gone(entry);
  }
  for (const [key, entry] of now) {
    if (known.has(key)) continue;
    known.set(key, entry);
    tell.come(entry);
  }
}

/**
 * Take over the Ethernet interfaces of a network namespace of the host's, now and when they come: the host's
 * own network does not hear what comes in on them any more (`HostDeafness`). An interface keeps its MTU and
 * hardware address. Loopback and what was never up stays as it is. Throws an `Error` with the host's `code`:
 * ENOENT (no such namespace), EPERM (CAP_SYS_ADMIN to enter it, CAP_NET_ADMIN and CAP_NET_RAW inside).
 */
export function joinHostNetwork(options: JoinOptions = {}): HostNetwork {
  return inHostNamespace(options.path ?? null, () => new HostNetwork(options));
}
