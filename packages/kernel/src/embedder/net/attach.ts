import type { Clock } from '@sandbox/kernel-core/time';
import type { Network } from '@sandbox/kernel-net';
import {
  CaptureLink,
  type FlowEvent,
  IpAddress,
  joinHostNetwork,
  type Link,
  makeRoute,
  NatGateway,
  type NetInterface,
  type NetStack,
  nodeBackend,
  PcapngWriter,
  parseCidr,
} from '@sandbox/net';
import { InvalidOptionError } from '../errors.js';
import type { LinkOption, NetworkOptions } from './options.js';

const FIRST_INTERFACE = 'eth0';

/** What a network was joined to, to be let go of at the end. */
export interface Attached {
  /** The gateway's DNS servers; empty: there is none. */
  readonly dns: readonly string[];
  close(): void;
}

/** Give the guest's network what the options ask for. Throws InvalidOptionError. */
export function attach(
  network: Network,
  options: NetworkOptions,
  onDenied: (flow: FlowEvent) => void,
): Attached {
  const { stack } = network;
  const closers: (() => void)[] = [];
  const dns: string[] = [];
  if (options.nat !== undefined && options.nat !== false) {
    const own = typeof options.nat !== 'object';
    const gateway = typeof options.nat === 'object' ? options.nat : makeGateway(stack, options);
    gateway.on('denied', onDenied);
    closers.push(() => {
      gateway.off('denied', onDenied);
      if (own) gateway.close();
    });
    for (const [name, text] of Object.entries(options.hosts ?? {})) {
      const address = IpAddress.parse(text);
      if (address !== null) gateway.names.add(name, address);
    }
    const guest = gateway.join();
    const iface = addInterface(stack, FIRST_INTERFACE, captured(guest.link, options, network.kernel.clock));
    stack.addAddress(iface, {
      address: guest.address,
      prefixLength: guest.prefixLength,
      broadcast: guest.address.broadcastOf(guest.prefixLength),
    });
    stack.addAddress(iface, { address: guest.address6, prefixLength: guest.prefixLength6 });
    stack.setInterface(iface, { up: true });
    addDefaultRoute(stack, iface, guest.gateway);
    addDefaultRoute(stack, iface, guest.gateway6);
    dns.push(String(guest.dns));
  }
  options.links?.forEach((link, i) => {
    addLink(stack, `network.links[${i}]`, link);
  });
  if (options.namespace !== undefined) closers.push(join(network, options.namespace, options));
  return {
    dns,
    close: () => {
      for (const close of closers) close();
    },
  };
}

/**
 * Be in the place of the host's network in its namespace `path`. Returns what ends it. Throws
 * InvalidOptionError, and joinHostNetwork's errors.
 */
export function join(network: Network, path: string, options: NetworkOptions): () => void {
  const host = joinHostNetwork({ path });
  const wrap = (link: Link, name: string): Link =>
    name === FIRST_INTERFACE ? captured(link, options, network.kernel.clock) : link;
  if (host.attachTo(network.stack, wrap) < 0) {
    host.close();
    throw new InvalidOptionError('network.namespace', 'an interface has a name that is taken');
  }
  return () => host.close();
}

function makeGateway(stack: NetStack, options: NetworkOptions): NatGateway {
  try {
    return new NatGateway({
      host: stack.host,
      backend: options.backend ?? nodeBackend(),
      allow: options.allow ?? [],
    });
  } catch (error) {
    if (error instanceof TypeError) throw new InvalidOptionError('network.allow', error.message);
    throw error;
  }
}

function captured(link: Link, options: NetworkOptions, clock: Clock): Link {
  if (options.capture === undefined) return link;
  const wallClock = (): number => clock.realtimeSec() * 1000 + clock.realtimeNsec / 1e6;
  return new CaptureLink(link, new PcapngWriter(options.capture), wallClock, FIRST_INTERFACE);
}

function addInterface(stack: NetStack, name: string, link: Link): NetInterface {
  const iface = stack.addInterface(name, link);
  if (typeof iface === 'number')
    throw new InvalidOptionError('network.links', `'${name}' cannot be a name, or is taken`);
  return iface;
}

function addDefaultRoute(stack: NetStack, iface: NetInterface, gateway: IpAddress): void {
  const destination = gateway.isV4 ? IpAddress.ANY4 : IpAddress.ANY6;
  stack.routesFor(gateway).add(makeRoute({ destination, prefixLength: 0, gateway, ifindex: iface.index }));
}

function addLink(
  stack: NetStack,
  option: string,
  { name, link, addresses = [], gateways = [] }: LinkOption,
): void {
  const parsed = addresses.map((text) => {
    const cidr = parseCidr(text);
    if (cidr === null) throw new InvalidOptionError(`${option}.addresses`, `'${text}' is no address`);
    return cidr;
  });
  const iface = addInterface(stack, name, link);
  for (const { address, prefixLength } of parsed)
    stack.addAddress(iface, {
      address,
      prefixLength,
      broadcast: address.isV4 && prefixLength < 31 ? address.broadcastOf(prefixLength) : null,
    });
  stack.setInterface(iface, { up: true });
  for (const text of gateways) {
    const gateway = IpAddress.parse(text);
    if (gateway === null) throw new InvalidOptionError(`${option}.gateways`, `'${text}' is no address`);
    addDefaultRoute(stack, iface, gateway);
  }
}
