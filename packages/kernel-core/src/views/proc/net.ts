import { ENOENT, S_IFREG } from '@sandbox/abi';
import type { DirEmitter, Inode } from '@sandbox/vfs';
import type { ProcNetNames } from '../../process/ns/network-loader.js';
import { direntType } from '../../pseudo/inode.js';
import { netUnixText } from './net-unix.js';
import type { ProcFs } from './procfs.js';
import type { ProcSubject } from './subject.js';
import { TaskDirectory, TaskText } from './task-inodes.js';

const SOCKET_COLUMNS =
  'sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
const SOCKET6_COLUMNS =
  'sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';

const DEV = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
`;
const LOOPBACK =
  '    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0\n';

const NETSTAT_TCP = [
  'SyncookiesSent',
  'SyncookiesRecv',
  'SyncookiesFailed',
  'EmbryonicRsts',
  'PruneCalled',
  'RcvPruned',
  'OfoPruned',
  'TW',
  'TWRecycled',
  'TWKilled',
  'DelayedACKs',
  'DelayedACKLocked',
  'DelayedACKLost',
  'ListenOverflows',
  'ListenDrops',
  'TCPHPHits',
  'TCPPureAcks',
  'TCPHPAcks',
  'TCPLostRetransmit',
  'TCPTimeouts',
  'TCPAbortOnData',
];
const NETSTAT_IP = [
  'InNoRoutes',
  'InTruncatedPkts',
  'InMcastPkts',
  'OutMcastPkts',
  'InBcastPkts',
  'OutBcastPkts',
  'InOctets',
  'OutOctets',
  'InMcastOctets',
  'OutMcastOctets',
  'InBcastOctets',
  'OutBcastOctets',
];
const SNMP: readonly (readonly [string, string])[] = [
  [
    'Ip',
    'Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos InDiscards InDelivers OutRequests OutDiscards OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs ReasmFails FragOKs FragFails FragCreates OutTransmits',
  ],
  [
    'Icmp',
    'InMsgs InErrors InCsumErrors InDestUnreachs InTimeExcds InParmProbs InSrcQuenchs InRedirects InEchos InEchoReps InTimestamps InTimestampReps InAddrMasks InAddrMaskReps OutMsgs OutErrors OutRateLimitGlobal OutRateLimitHost OutDestUnreachs OutTimeExcds OutParmProbs OutSrcQuenchs OutRedirects OutEchos OutEchoReps OutTimestamps OutTimestampReps OutAddrMasks OutAddrMaskReps',
  ],
  [
    'Tcp',
    'RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs OutSegs RetransSegs InErrs OutRsts InCsumErrors',
  ],
  [
    'Udp',
    'InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors',
  ],
  [
    'UdpLite',
    'InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors',
  ],
];
/** Values of snmp that are settings rather than counts. */
const SNMP_SETTINGS: Readonly<Record<string, string>> = {
  Forwarding: '2',
  DefaultTTL: '64',
  RtoAlgorithm: '1',
  RtoMin: '200',
  RtoMax: '120000',
  MaxConn: '-1',
};

function zeros(prefix: string, names: readonly string[]): string {
  return `${prefix}: ${names.join(' ')}\n${prefix}: ${names.map((n) => SNMP_SETTINGS[n] ?? '0').join(' ')}\n`;
}

const SOCKSTAT = `sockets: used 0
TCP: inuse 0 orphan 0 tw 0 alloc 0 mem 0
UDP: inuse 0 mem 0
UDPLITE: inuse 0
RAW: inuse 0
FRAG: inuse 0 memory 0
`;
const SOCKSTAT6 = `TCP6: inuse 0
UDP6: inuse 0
UDPLITE6: inuse 0
RAW6: inuse 0
FRAG6: inuse 0 memory 0
`;

/**
 * A file as it is while no network was loaded, which is as good as a network nobody used: its header, and
 * lines there are even then.
 */
interface Table {
  readonly header: string;
  readonly idle?: string;
}

const IGMP = 'Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n';
const PACKET = 'sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n';
const NETLINK = 'sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n';
const PROTOCOLS =
  'protocol  size sockets  memory press maxhdr  slab module     cl co di ac io in de sh ss gs se re bi br ha uh gp em\n';
const NAMES: ProcNetNames = {
  snmp: SNMP.map(([prefix, names]) => [prefix, names.split(' ')] as const),
  tcpExt: NETSTAT_TCP,
  ipExt: NETSTAT_IP,
};

const TABLES: ReadonlyMap<string, Table> = new Map<string, Table>([
  ['arp', { header: 'IP address       HW type     Flags       HW address            Mask     Device\n' }],
  ['dev', { header: DEV, idle: LOOPBACK }],
  ['if_inet6', { header: '', idle: '00000000000000000000000000000001 01 80 10 80       lo\n' }],
  ['igmp', { header: IGMP, idle: '1\tlo        :     1      V3\n\t\t\t\t010000E0     1 0:00000000\t\t0\n' }],
  ['igmp6', { header: '', idle: '1    lo              ff020000000000000000000000000001     1 0000000C 0\n' }],
  ['ip6_tables_names', { header: '' }],
  ['ip_tables_names', { header: '' }],
  ['ipv6_route', { header: '' }],
  ['netlink', { header: NETLINK }],
  ['netstat', { header: '', idle: zeros('TcpExt', NETSTAT_TCP) + zeros('IpExt', NETSTAT_IP) }],
  ['packet', { header: PACKET }],
  ['protocols', { header: PROTOCOLS }],
  ['raw', { header: `  ${SOCKET_COLUMNS} ref pointer drops\n` }],
  ['raw6', { header: `  ${SOCKET6_COLUMNS} ref pointer drops\n` }],
  [
    'route',
    {
      header: `${'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT'.padEnd(127)}\n`,
    },
  ],
  ['snmp', { header: '', idle: SNMP.map(([p, names]) => zeros(p, names.split(' '))).join('') }],
  ['snmp6', { header: '' }],
  ['sockstat', { header: '', idle: SOCKSTAT }],
  ['sockstat6', { header: '', idle: SOCKSTAT6 }],
  ['tcp', { header: `${`  ${SOCKET_COLUMNS}`.padEnd(149)}\n` }],
  ['tcp6', { header: `  ${SOCKET6_COLUMNS}\n` }],
  ['udp', { header: `${`   ${SOCKET_COLUMNS} ref pointer drops`.padEnd(127)}\n` }],
  ['udp6', { header: `  ${SOCKET6_COLUMNS} ref pointer drops\n` }],
  ['udplite', { header: `${`   ${SOCKET_COLUMNS} ref pointer drops`.padEnd(127)}\n` }],
  ['udplite6', { header: `  ${SOCKET6_COLUMNS} ref pointer drops\n` }],
]);

/** What tells loopback that is down, in a namespace that is not the first. */
const DOWN: ReadonlyMap<string, string> = new Map([
  ['if_inet6', ''],
  ['igmp', ''],
]);

const UNIX = 'unix';

function textOf(s: ProcSubject, name: string): string {
  const ns = (s.task?.nsSet ?? s.kernel.namespaces.initial).net;
  if (name === UNIX) return netUnixText(s.kernel, ns);
  const { header, idle = '' } = TABLES.get(name)!;
  const { current, initial } = ns.network;
  if (current === null && !initial) return header + (DOWN.get(name) ?? idle);
  return current?.procText(name, header, NAMES) ?? header + idle;
}

class NetDir extends TaskDirectory {
  constructor(fs: ProcFs, s: ProcSubject) {
    super(fs, 0o555, s);
  }

  override lookup(name: string): Inode | number {
    if (name !== UNIX && !TABLES.has(name)) return -ENOENT;
    const make = (s: ProcSubject): string => textOf(s, name);
    return new TaskText(this.procfs, 0o444, this.subject, make, false, null);
  }

  override readdir(pos: number, emit: DirEmitter): number {
    let at = 2;
    for (const name of [...TABLES.keys(), UNIX]) {
      if (at >= pos && !emit(name, this.ino + at, direntType(S_IFREG), at + 1)) return 0;
      at++;
    }
    return 0;
  }
}

/** /proc/PID/net: the process's network (proc_net(5)). */
export function netDir(fs: ProcFs, s: ProcSubject): Inode {
  return new NetDir(fs, s);
}
