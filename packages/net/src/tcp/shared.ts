import { BufferPool } from './buffer-pool.js';
import { TcpSettings } from './settings.js';

/**
 * Counters of /proc/net/snmp (Tcp:) and /proc/net/netstat (TcpExt:) that connections keep, by their names
 * there.
 */
export class TcpCounters {
  InSegs = 0;
  InErrs = 0;
  OutSegs = 0;
  RetransSegs = 0;
  OutRsts = 0;
  TCPTimeouts = 0;
  TCPLossProbes = 0;
  TCPLossProbeRecovery = 0;
  TCPFastRetrans = 0;
  TCPSlowStartRetrans = 0;
  TCPSackRecovery = 0;
  TCPRenoRecovery = 0;
  TCPSACKReneging = 0;
  TCPDSACKOldSent = 0;
  TCPDSACKOfoSent = 0;
  TCPDSACKRecv = 0;
  TCPFullUndo = 0;
  TCPDSACKUndo = 0;
  TCPChallengeACK = 0;
  TCPSYNChallenge = 0;
  TCPOFOQueue = 0;
  TCPOFODrop = 0;
  TCPRcvQDrop = 0;
  TCPZeroWindowDrop = 0;
  TCPKeepAlive = 0;
  TCPAbortOnData = 0;
  TCPAbortOnClose = 0;
  TCPAbortOnTimeout = 0;
  TCPAbortOnLinger = 0;
  PAWSEstab = 0;
  DelayedACKs = 0;
  DelayedACKLost = 0;
  TCPWinProbe = 0;
  TCPLostRetransmit = 0;
  TCPSpuriousRTOs = 0;
}

/** What all connections of a stack have in common. */
export class TcpShared {
  readonly counters = new TcpCounters();
  /** When the entry into a connection now being served began: there is one at a time. */
  now = 0;

  /**
   * @param settings sysctls
   * @param memoryLimit bytes all send and receive buffers together may take (tcp_mem)
   */
  constructor(
    readonly settings = new TcpSettings(),
    memoryLimit = 256 << 20,
  ) {
    this.pool = new BufferPool(memoryLimit);
  }

  readonly pool: BufferPool;
}
