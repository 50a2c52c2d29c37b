import type { Network } from '../network.js';

type Values = Readonly<Record<string, number>>;

/** Two lines of a table: names that are zero when nothing counts them, then their values. */
function table(prefix: string, names: readonly string[], values: Values): string {
  return `${prefix}: ${names.join(' ')}\n${prefix}: ${names.map((n) => values[n] ?? 0).join(' ')}\n`;
}

/** /proc/net/snmp, from the names each table has. */
export function snmpText(
  network: Network,
  tables: readonly (readonly [string, readonly string[]])[],
): string {
  const { counters, settings } = network.stack;
  const values: Readonly<Record<string, Values>> = {
    Ip: { ...counters.ip, Forwarding: settings.forwarding4 ? 1 : 2, DefaultTTL: settings.defaultTtl },
    Icmp: counters.icmp,
    Tcp: {
      ...tcpCounters(network),
      RtoAlgorithm: 1,
      RtoMin: 200,
      RtoMax: 120000,
      MaxConn: -1,
    },
    Udp: counters.udp,
    UdpLite: {},
  };
  return tables.map(([prefix, names]) => table(prefix, names, values[prefix] ?? {})).join('');
}

function tcpCounters(network: Network): Values {
  const { stack } = network;
  return { ...stack.tcp.shared.counters, ...stack.counters.tcp };
}

/** /proc/net/netstat. */
export function netstatText(network: Network, tcpExt: readonly string[], ipExt: readonly string[]): string {
  const { counters } = network.stack;
  return (
    table('TcpExt', tcpExt, { ...network.stack.tcp.shared.counters, ...counters.tcpExt }) +
    table('IpExt', ipExt, counters.ip)
  );
}

/** /proc/net/snmp6 */
export function snmp6Text(network: Network): string {
  const { counters } = network.stack;
  const groups: readonly (readonly [string, Values])[] = [
    ['Ip6', counters.ip6],
    ['Icmp6', counters.icmp6],
    ['Udp6', counters.udp6],
  ];
  let text = '';
  for (const [prefix, values] of groups)
    for (const [name, value] of Object.entries(values)) text += `${(prefix + name).padEnd(32)}\t${value}\n`;
  return text;
}
