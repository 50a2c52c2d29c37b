import { AF_INET, NUD_PERMANENT, RT_TABLE_MAIN, RTN_LOCAL, RTN_UNICAST } from '@sandbox/abi';
import { hex } from '@sandbox/kernel-core/views';
import type { IpAddress, NetInterface } from '@sandbox/net';
import { inDumpOrder } from '../netlink/route-message.js';
import type { Network } from '../network.js';

const RTF_UP = 1;
const RTF_GATEWAY = 2;
const RTF_HOST = 4;
const RTF_LOCAL = 0x80000000;

/** Hexadecimal digits of an address, in the order of its bytes. */
function plain(address: IpAddress): string {
  const bytes = new Uint8Array(16);
  return Buffer.from(bytes.buffer, 0, address.toBytes(bytes)).toString('hex');
}

/** As a word of a little-endian host. */
function word(bits: number): string {
  const swapped =
    ((bits & 0xff) << 24) | ((bits & 0xff00) << 8) | ((bits >>> 8) & 0xff00) | ((bits >>> 24) & 0xff);
  return (swapped >>> 0).toString(16).padStart(8, '0').toUpperCase();
}

/** /proc/net/dev, behind the header. */
export function deviceLines(network: Network): string {
  return network.stack.interfaces.map(deviceLine).join('');
}

function deviceLine(iface: NetInterface): string {
  const s = iface.statistics;
  const column = (n: number, width: number): string => String(n).padStart(width);
  return (
    `${iface.name.padStart(6)}: ${column(s.rxBytes, 7)} ${column(s.rxPackets, 7)} ${column(s.rxErrors, 4)} ${column(s.rxDropped, 4)} ` +
    `${column(0, 4)} ${column(0, 5)} ${column(0, 10)} ${column(s.multicast, 9)} ${column(s.txBytes, 8)} ${column(s.txPackets, 7)} ` +
    `${column(s.txErrors, 4)} ${column(s.txDropped, 4)} ${column(0, 4)} ${column(0, 5)} ${column(0, 7)} ${column(0, 10)}\n`
  );
}

/** /proc/net/if_inet6 */
export function inet6Lines(network: Network): string {
  let text = '';
  for (const iface of network.stack.interfaces) {
    for (const entry of iface.addresses) {
      if (entry.address.isV4) continue;
      // The scope as IPv6 addresses have it: loopback 0x10, link-local 0x20, global 0.
      const scope = entry.address.isLoopback ? 0x10 : entry.address.isLinkLocal ? 0x20 : 0;
      text +=
        `${plain(entry.address)} ${hex(iface.index, 2)} ${hex(entry.prefixLength, 2)} ${hex(scope, 2)} ` +
        `${hex(entry.flags & 0xff, 2)} ${iface.name.padStart(8)}\n`;
    }
  }
  return text;
}

/** /proc/net/route, behind the header: IPv4 routes of the main table. */
export function routeLines(network: Network): string {
  let text = '';
  for (const route of inDumpOrder(network.stack.routes4.table(RT_TABLE_MAIN).routes)) {
    const iface = network.stack.interfaceByIndex(route.ifindex);
    let flags = RTF_UP;
    if (route.gateway !== null) flags |= RTF_GATEWAY;
    if (route.prefixLength === 32) flags |= RTF_HOST;
    const mask = route.prefixLength === 0 ? 0 : (0xffffffff << (32 - route.prefixLength)) >>> 0;
    const line =
      `${iface?.name ?? '*'}\t${word(route.destination.w3)}\t${word(route.gateway?.w3 ?? 0)}\t${hex(flags, 4)}\t0\t0\t` +
      `${route.metric}\t${word(mask)}\t${route.mtu}\t0\t0`;
    text += `${line.padEnd(127)}\n`;
  }
  return text;
}

/** /proc/net/ipv6_route */
export function route6Lines(network: Network): string {
  let text = '';
  for (const route of network.stack.routes6.all()) {
    const iface = network.stack.interfaceByIndex(route.ifindex);
    let flags = RTF_UP;
    if (route.gateway !== null) flags |= RTF_GATEWAY;
    if (route.type === RTN_LOCAL) flags |= RTF_LOCAL;
    if (route.type !== RTN_LOCAL && route.type !== RTN_UNICAST) continue;
    text +=
      `${plain(route.destination)} ${hex(route.prefixLength, 2)} ${'0'.repeat(32)} 00 ` +
      `${route.gateway === null ? '0'.repeat(32) : plain(route.gateway)} ${hex(route.metric, 8)} 00000001 00000000 ` +
      `${hex(flags >>> 0, 8)} ${(iface?.name ?? 'lo').padStart(8)}\n`;
  }
  return text;
}

/** /proc/net/arp, behind the header. */
export function arpLines(network: Network): string {
  let text = '';
  for (const entry of network.stack.neighbours.all()) {
    if (entry.address.family !== AF_INET) continue;
    const mac = entry.mac === null ? '00:00:00:00:00:00' : macText(entry.mac);
    const flags = entry.mac === null ? 0 : (entry.state & NUD_PERMANENT) !== 0 ? 6 : 2;
    text +=
      `${String(entry.address).padEnd(16)} 0x${entry.iface.type.toString(16).padEnd(10)}0x${flags.toString(16).padEnd(10)}` +
      `${mac}     *        ${entry.iface.name}\n`;
  }
  return text;
}

/** 'aa:bb:...' */
export function macText(mac: Uint8Array): string {
  return Array.from(mac, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** /proc/net/igmp, behind the header. */
export function igmpLines(network: Network): string {
  let text = '';
  for (const iface of network.stack.interfaces) {
    const groups = [...network.stack.multicast.groupsOf(iface)].filter((g) => g.group.isV4);
    text += `${iface.index}\t${iface.name.padEnd(10)}: ${String(groups.length).padStart(5)}      V3\n`;
    for (const { group, users } of groups)
      text += `\t\t\t\t${word(group.w3)} ${String(users).padStart(5)} 0:00000000\t\t0\n`;
  }
  return text;
}

/** /proc/net/igmp6 */
export function igmp6Lines(network: Network): string {
  let text = '';
  for (const iface of network.stack.interfaces) {
    for (const { group, users } of network.stack.multicast.groupsOf(iface)) {
      if (group.isV4) continue;
      text += `${String(iface.index).padEnd(4)} ${iface.name.padEnd(15)} ${plain(group)} ${String(users).padStart(5)} 0000000C 0\n`;
    }
  }
  return text;
}
