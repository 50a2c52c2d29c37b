import type { Link, NatBackend, NatGateway } from '@sandbox/net';
import { checkFunction, checkList, checkMethods, checkObject, checkRecord } from '../check.js';
import { InvalidOptionError } from '../errors.js';
import { isAddress } from './address.host.js';

/** A port of the guest's to be reachable on the host. */
export interface PublishOption {
  /** Port in the guest's network: its loopback, where servers bound to any address or to 127.0.0.1 answer. */
  readonly guest: number;
  /** Port on the host; 0 (default): any that is free. */
  readonly host?: number;
  /** Address on the host; default 127.0.0.1. */
  readonly address?: string;
  readonly protocol?: 'tcp' | 'udp';
}

/** A further interface of the guest's. */
export interface LinkOption {
  /** 'eth1' and the like. */
  readonly name: string;
  readonly link: Link;
  /** '10.1.0.2/24', 'fd00:1::2/64'. */
  readonly addresses?: readonly string[];
  /** Default gateways, one a family at most. */
  readonly gateways?: readonly string[];
}

export interface NetworkOptions {
  /**
   * Reach out through the host's network, without privileges: interface eth0 behind a gateway that lets pass
   * what `allow` says. An object is a gateway several kernels share. Default: true when `allow` is given.
   */
  readonly nat?: boolean | NatGateway;
  /**
   * What may leave, nothing by default: 'example.com:443', '*.example.com', '10.0.0.0/8', '*' (everything
   * public).
   */
  readonly allow?: readonly string[];
  readonly publish?: readonly PublishOption[];
  /** Names the guest knows, by address: /etc/hosts. */
  readonly hosts?: Readonly<Record<string, string>>;
  /**
   * Name servers of the guest's: /etc/resolv.conf. Default with `nat`: the gateway's own, which obeys
   * `allow`.
   */
  readonly dns?: readonly string[];
  /** Further interfaces. */
  readonly links?: readonly LinkOption[];
  /**
   * A network namespace of the host's (/run/netns/NAME, /proc/PID/ns/net) the guest is to be the owner of:
   * its Ethernet interfaces that are up, their addresses, routes and MTUs become the guest's until the kernel
   * ends. Needs CAP_SYS_ADMIN, CAP_NET_ADMIN and CAP_NET_RAW.
   */
  readonly namespace?: string;
  /** Gets what passes eth0, in blocks of pcapng. */
  readonly capture?: (block: Uint8Array) => void;
  /** What stands for the world outside; default: the host's network. */
  readonly backend?: NatBackend;
}

/** 'none' (default): loopback only. 'nat': `{ nat: true }`. */
export type NetworkOption = 'none' | 'nat' | NetworkOptions;

const NETWORK_OPTIONS: Record<keyof NetworkOptions, true> = {
  nat: true,
  allow: true,
  publish: true,
  hosts: true,
  dns: true,
  links: true,
  namespace: true,
  capture: true,
  backend: true,
};
const PUBLISH_OPTIONS: Record<keyof PublishOption, true> = {
  guest: true,
  host: true,
  address: true,
  protocol: true,
};
const LINK_OPTIONS: Record<keyof LinkOption, true> = {
  name: true,
  link: true,
  addresses: true,
  gateways: true,
};

/** Is `port` one, and at least `least`? Returns it. */
export function checkPort(option: string, port: unknown, least: number): number {
  if (typeof port !== 'number' || !Number.isInteger(port) || port < least || port > 65535)
    throw new InvalidOptionError(option, `a port from ${least} to 65535 is needed`);
  return port;
}

export function checkPublish(option: string, p: PublishOption): PublishOption {
  checkObject(option, p, PUBLISH_OPTIONS);
  checkPort(`${option}.guest`, p.guest, 1);
  if (p.host !== undefined) checkPort(`${option}.host`, p.host, 0);
  if (p.protocol !== undefined && p.protocol !== 'tcp' && p.protocol !== 'udp')
    throw new InvalidOptionError(`${option}.protocol`, "'tcp' or 'udp' is needed");
  if (p.address !== undefined && typeof p.address !== 'string')
    throw new InvalidOptionError(`${option}.address`, 'an address of the host is needed');
  return p;
}

function checkStrings(option: string, list: readonly string[] | undefined): void {
  if (list === undefined) return;
  if (checkList(option, list).some((entry) => typeof entry !== 'string'))
    throw new InvalidOptionError(option, 'a list of strings is needed');
}

function checkLink(option: string, link: LinkOption): void {
  const { name } = checkObject(option, link, LINK_OPTIONS);
  // dev_valid_name() of Linux: what fits IFNAMSIZ and can be a directory of /sys and /proc.
  if (typeof name !== 'string' || !/^[^/:\s\0]{1,15}$/.test(name) || name === '.' || name === '..')
    throw new InvalidOptionError(`${option}.name`, "a name of an interface is needed, such as 'eth1'");
  checkMethods(`${option}.link`, link.link, 'a Link', ['attach', 'send']);
  checkStrings(`${option}.addresses`, link.addresses);
  checkStrings(`${option}.gateways`, link.gateways);
}

function checkHosts(hosts: Readonly<Record<string, string>>): void {
  for (const [name, address] of Object.entries(checkRecord('network.hosts', hosts))) {
    if (!/^[\w.-]+$/.test(name)) throw new InvalidOptionError('network.hosts', `'${name}' is no host name`);
    checkAddress('network.hosts', address);
  }
}

/** An IPv4 or IPv6 address in text. */
function checkAddress(option: string, text: unknown): void {
  if (typeof text !== 'string' || !isAddress(text))
    throw new InvalidOptionError(option, `'${String(text)}' is no address`);
}

/**
 * Check the option's shape. What rules and the addresses of links mean is looked at when the network is made,
 * before any program starts.
 */
export function checkNetwork(option: NetworkOption): NetworkOptions {
  if (option === 'none') return {};
  if (option === 'nat') return { nat: true };
  if (typeof option !== 'object')
    throw new InvalidOptionError('network', "'none', 'nat' or an object is needed");
  const { nat, allow, publish, hosts, dns, links, namespace, capture, backend } = checkObject(
    'network',
    option,
    NETWORK_OPTIONS,
  );
  if (nat !== undefined && typeof nat !== 'boolean')
    checkMethods('network.nat', nat, 'true, false or a NatGateway', ['join', 'on']);
  checkStrings('network.allow', allow);
  if (publish !== undefined)
    for (const [i, p] of checkList('network.publish', publish).entries())
      checkPublish(`network.publish[${i}]`, p);
  if (hosts !== undefined) checkHosts(hosts);
  if (dns !== undefined)
    for (const [i, address] of checkList('network.dns', dns).entries())
      checkAddress(`network.dns[${i}]`, address);
  if (links !== undefined)
    for (const [i, link] of checkList('network.links', links).entries())
      checkLink(`network.links[${i}]`, link);
  if (namespace !== undefined && typeof namespace !== 'string')
    throw new InvalidOptionError('network.namespace', 'a path of the host is needed');
  if (capture !== undefined) checkFunction('network.capture', capture);
  if (backend !== undefined)
    checkMethods('network.backend', backend, 'a NatBackend', ['connectTcp', 'openUdp', 'resolve']);
  return { ...option, nat: nat ?? allow !== undefined };
}

/** Does the network have anything that must be there before the first program? */
export function isIdle(options: NetworkOptions): boolean {
  return (
    options.nat !== true &&
    typeof options.nat !== 'object' &&
    (options.publish ?? []).length === 0 &&
    (options.links ?? []).length === 0 &&
    options.namespace === undefined
  );
}
