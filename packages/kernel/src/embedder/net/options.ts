import type { Link, NatBackend, NatGateway } from '@sandbox/net';
import { InvalidOptionError } from '../errors.js';

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
   * Reach out through the host's network, without privileges: interface eth0 behind a gateway that lets pass what `allow` says. An object is a
   * gateway several kernels share. Default: true when `allow` is given.
   */
  readonly nat?: boolean | NatGateway;
  /** What may leave, nothing by default: 'example.com:443', '*.example.com', '10.0.0.0/8', '*' (everything public). */
  readonly allow?: readonly string[];
  readonly publish?: readonly PublishOption[];
  /** Names the guest knows, by address: /etc/hosts. */
  readonly hosts?: Readonly<Record<string, string>>;
  /** Name servers of the guest's: /etc/resolv.conf. Default with `nat`: the gateway's own, which obeys `allow`. */
  readonly dns?: readonly string[];
  /** Further interfaces. */
  readonly links?: readonly LinkOption[];
  /**
   * A network namespace of the host's (/run/netns/NAME, /proc/PID/ns/net) the guest is to be the owner of: its Ethernet interfaces that are
   * up, their addresses, routes and MTUs become the guest's until the kernel ends. Needs CAP_SYS_ADMIN, CAP_NET_ADMIN and CAP_NET_RAW.
   */
  readonly namespace?: string;
  /** Gets what passes eth0, in blocks of pcapng. */
  readonly capture?: (block: Uint8Array) => void;
  /** What stands for the world outside; default: the host's network. */
  readonly backend?: NatBackend;
}

/** 'none' (default): loopback only. 'nat': `{ nat: true }`. */
export type NetworkOption = 'none' | 'nat' | NetworkOptions;

const KNOWN = new Set<string>([
  'nat',
  'allow',
  'publish',
  'hosts',
  'dns',
  'links',
  'namespace',
  'capture',
  'backend',
] satisfies (keyof NetworkOptions)[]);

/** Is `port` one, and at least `least`? Returns it. */
export function checkPort(option: string, port: unknown, least: number): number {
  if (typeof port !== 'number' || !Number.isInteger(port) || port < least || port > 65535)
    throw new InvalidOptionError(option, `a port from ${least} to 65535 is needed`);
  return port;
}

export function checkPublish(option: string, p: PublishOption): PublishOption {
  checkPort(`${option}.guest`, p?.guest, 1);
  checkPort(`${option}.host`, p.host ?? 0, 0);
  if (p.protocol !== undefined && p.protocol !== 'tcp' && p.protocol !== 'udp')
    throw new InvalidOptionError(`${option}.protocol`, "'tcp' or 'udp' is needed");
  if (p.address !== undefined && typeof p.address !== 'string')
    throw new InvalidOptionError(`${option}.address`, 'an address of the host is needed');
  return p;
}

function checkStrings(option: string, list: readonly string[]): readonly string[] {
  if (!Array.isArray(list) || list.some((entry) => typeof entry !== 'string'))
    throw new InvalidOptionError(option, 'a list of strings is needed');
  return list;
}

/** Check the option's shape. What addresses and rules mean is looked at when the network is made, before any program starts. */
export function checkNetwork(option: NetworkOption): NetworkOptions {
  if (option === 'none') return {};
  if (option === 'nat') return { nat: true };
  if (typeof option !== 'object' || option === null)
    throw new InvalidOptionError('network', "'none', 'nat' or an object is needed");
  for (const key of Object.keys(option))
    if (!KNOWN.has(key)) throw new InvalidOptionError(`network.${key}`, 'is not an option of a network');
  option.publish?.forEach((p, i) => {
    checkPublish(`network.publish[${i}]`, p);
  });
  if (option.allow !== undefined) checkStrings('network.allow', option.allow);
  if (option.dns !== undefined) checkStrings('network.dns', option.dns);
  if (option.namespace !== undefined && typeof option.namespace !== 'string')
    throw new InvalidOptionError('network.namespace', 'a path of the host is needed');
  for (const [name, address] of Object.entries(option.hosts ?? {})) {
    if (!/^[\w.-]+$/.test(name) || typeof address !== 'string')
      throw new InvalidOptionError('network.hosts', `'${name}' is no host name, or has no address`);
  }
  return { ...option, nat: option.nat ?? option.allow !== undefined };
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
