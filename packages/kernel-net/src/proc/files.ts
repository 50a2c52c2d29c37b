import { AF_INET, AF_INET6 } from '@sandbox/abi';
import type { ProcNetNames } from '@sandbox/kernel-core/process';
import type { Network } from '../network.js';
import { netstatText, snmp6Text, snmpText } from './counters.js';
import {
  arpLines,
  deviceLines,
  igmp6Lines,
  igmpLines,
  inet6Lines,
  route6Lines,
  routeLines,
} from './interfaces.js';
import {
  datagramLines,
  netlinkLines,
  packetLines,
  sockstat6Text,
  sockstatText,
  tcpLines,
} from './sockets.js';

type Lines = (network: Network) => string;

/** Files of /proc/net that are a header and lines: what stands behind the header. */
const LINES: ReadonlyMap<string, Lines> = new Map<string, Lines>([
  ['arp', arpLines],
  ['dev', deviceLines],
  ['igmp', igmpLines],
  ['netlink', netlinkLines],
  ['packet', packetLines],
  ['raw', (n) => datagramLines(n, AF_INET, true)],
  ['raw6', (n) => datagramLines(n, AF_INET6, true)],
  ['route', routeLines],
  ['tcp', (n) => tcpLines(n, AF_INET)],
  ['tcp6', (n) => tcpLines(n, AF_INET6)],
  ['udp', (n) => datagramLines(n, AF_INET, false)],
  ['udp6', (n) => datagramLines(n, AF_INET6, false)],
]);

/** Files without a header. */
const WHOLE: ReadonlyMap<string, Lines> = new Map<string, Lines>([
  ['if_inet6', inet6Lines],
  ['igmp6', igmp6Lines],
  ['ipv6_route', route6Lines],
  ['snmp6', snmp6Text],
  [
    'ip_tables_names',
    (n) =>
      n.xtables
        .names(AF_INET)
        .map((name) => `${name}\n`)
        .join(''),
  ],
  [
    'ip6_tables_names',
    (n) =>
      n.xtables
        .names(AF_INET6)
        .map((name) => `${name}\n`)
        .join(''),
  ],
  ['sockstat', sockstatText],
  ['sockstat6', sockstat6Text],
]);

/** The content of /proc/net/`name`, whose header is `header`; undefined: not one of the network's. */
export function procNetText(
  network: Network,
  name: string,
  header: string,
  names: ProcNetNames,
): string | undefined {
  if (name === 'snmp') return snmpText(network, names.snmp);
  if (name === 'netstat') return netstatText(network, names.tcpExt, names.ipExt);
  const whole = WHOLE.get(name);
  if (whole !== undefined) return whole(network);
  const lines = LINES.get(name);
  return lines === undefined ? undefined : header + lines(network);
}
