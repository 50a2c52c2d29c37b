import { TcpSettings } from './tcp/settings.js';

/** What /proc/sys/net holds of a stack. */
export class StackSettings {
  /** net.ipv4.tcp_*, as far as connections go by them. */
  readonly tcp = new TcpSettings();
  /** net.ipv4.ip_forward and net.ipv6.conf.all.forwarding. */
  forwarding4 = false;
  forwarding6 = false;
  /** net.ipv4.ip_default_ttl, net.ipv6.conf.all.hop_limit. */
  defaultTtl = 64;
  defaultHopLimit = 64;
  /** net.ipv4.ip_local_port_range, both ends included. */
  portLow = 32768;
  portHigh = 60999;
  /** net.ipv4.ip_unprivileged_port_start: the caller checks it. */
  unprivilegedPortStart = 1024;
  /** net.ipv4.ip_nonlocal_bind. */
  nonlocalBind = false;
  /** net.ipv4.icmp_echo_ignore_all. */
  echoIgnoreAll = false;
  echoIgnoreBroadcasts = true;
  /** net.ipv4.ping_group_range. */
  pingGroupLow = 0;
  pingGroupHigh = 2147483647;
  /** net.core.somaxconn. */
  somaxconn = 4096;
  /** net.ipv4.tcp_max_syn_backlog. */
  maxSynBacklog = 4096;
  /** net.ipv4.tcp_syncookies: 0 never, 1 when a backlog is full, 2 always. */
  synCookies = 1;
  /** net.ipv4.tcp_tw_reuse: 0, 1, or 2 (loopback only). */
  timeWaitReuse = 2;
  /** net.ipv4.tcp_abort_on_overflow. */
  abortOnOverflow = false;
  /** net.ipv4.tcp_max_tw_buckets. */
  maxTimeWait = 8192;
  /** net.ipv6.bindv6only. */
  bindV6Only = false;
  /** net.ipv6.conf.all.disable_ipv6. */
  disableIpv6 = false;
  /** net.core.{r,w}mem_{default,max}, bytes. */
  receiveBufferDefault = 212992;
  receiveBufferMax = 212992;
  sendBufferDefault = 212992;
  sendBufferMax = 212992;
  /** net.ipv4.tcp_congestion_control. */
  congestionControl = 'cubic';
  /** Bytes all reassembly queues together may hold (net.ipv4.ipfrag_high_thresh). */
  fragmentMemory = 4 * 1024 * 1024;
  /** net.ipv4.ipfrag_time, ms. */
  fragmentTime = 30_000;
  /** net.ipv4.icmp_ratelimit: ms between two errors to one destination; 0: no limit. */
  icmpRateLimit = 1000;
  /** net.ipv4.neigh.default.gc_thresh3. */
  maxNeighbours = 1024;
}

/**
 * Counters of /proc/net/snmp, netstat and snmp6, by the names they have there. More of TCP's are in
 * `stack.tcp.shared.counters`.
 */
export class StackCounters {
  readonly ip: Record<string, number> = zeros(
    'InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos InDiscards InDelivers OutRequests OutDiscards ' +
      'OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs ReasmFails FragOKs FragFails FragCreates OutTransmits',
  );
  readonly ip6: Record<string, number> = zeros(
    'InReceives InHdrErrors InTooBigErrors InNoRoutes InAddrErrors InUnknownProtos InTruncatedPkts InDiscards InDelivers ' +
      'OutForwDatagrams OutRequests OutDiscards OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs ReasmFails FragOKs FragFails ' +
      'FragCreates InMcastPkts OutMcastPkts InOctets OutOctets InMcastOctets OutMcastOctets',
  );
  readonly icmp: Record<string, number> = zeros(
    'InMsgs InErrors InCsumErrors InDestUnreachs InTimeExcds InParmProbs InRedirects InEchos InEchoReps OutMsgs OutErrors ' +
      'OutRateLimitGlobal OutDestUnreachs OutTimeExcds OutParmProbs OutRedirects OutEchos OutEchoReps',
  );
  readonly icmp6: Record<string, number> = zeros(
    'InMsgs InErrors InCsumErrors OutMsgs OutErrors OutRateLimitHost',
  );
  readonly udp: Record<string, number> = zeros(
    'InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti',
  );
  readonly udp6: Record<string, number> = zeros(
    'InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti',
  );
  readonly tcp: Record<string, number> = zeros(
    'ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InCsumErrors',
  );
  readonly tcpExt: Record<string, number> = zeros(
    'SyncookiesSent SyncookiesRecv SyncookiesFailed ListenOverflows ListenDrops TW TWRecycled',
  );
}

function zeros(names: string): Record<string, number> {
  return Object.fromEntries(names.split(' ').map((name) => [name, 0]));
}
