/**
 * Numbers of a stack's TCP that are Linux's sysctls (net.ipv4.tcp_*); times in ms. Shared by all connections,
 * changed at any time.
 */
export class TcpSettings {
  /** tcp_ecn: 0 never, 1 ask and answer, 2 only answer. */
  ecn = 2;
  sack = true;
  dsack = true;
  timestamps = true;
  windowScaling = true;
  /** tcp_retries1, tcp_retries2: retransmissions before another way is looked for, and before giving up. */
  retries1 = 3;
  retries2 = 15;
  synAckRetries = 5;
  /** tcp_orphan_retries, with 0 read as 8 as Linux does. */
  orphanRetries = 8;
  /** tcp_fin_timeout: how long an orphan waits for the other side's FIN. */
  finTimeout = 60_000;
  slowStartAfterIdle = true;
  moderateReceiveBuffer = true;
  /** tcp_rmem and tcp_wmem: least, default, most. */
  receiveMemory: [number, number, number] = [4096, 131072, 6291456];
  sendMemory: [number, number, number] = [4096, 16384, 4194304];
  /** tcp_early_retrans 3: tail loss probes. */
  tailLossProbe = true;
  /** tcp_rfc1337: an RST does not end TIME_WAIT. */
  rfc1337 = false;
  /** tcp_invalid_ratelimit. */
  invalidRateLimit = 500;
  /** tcp_min_snd_mss, tcp_base_mss. */
  minSendMss = 48;
}
