import type { Packet } from '../core/packet.js';
import {
  ACK,
  RST,
  Segment,
  SYN,
  TCP_HEADER,
  TIMESTAMP_SPACE,
  writeHeader,
  writeTimestamps,
} from '../wire/tcp.js';
import type { TcpConnection } from './connection.js';
import { TIME_WAIT_TIME } from './constants.js';
import type { TcpTimeWaitRecord } from './contract.js';
import { seqGt, seqLt } from './seq.js';

const segment = new Segment();

/** TIME_WAIT (RFC 9293 section 3.10.7.4, RFC 6191, RFC 1337): a few numbers in place of a connection. */
export class TimeWaitRecord implements TcpTimeWaitRecord {
  expires: number;
  private readonly sndNxt: number;
  private readonly rcvNxt: number;
  private readonly window: number;
  private readonly timestampOk: boolean;
  private readonly tsOffset: number;
  private tsRecent: number;
  private readonly localPort: number;
  private readonly remotePort: number;

  constructor(c: TcpConnection) {
    this.expires = c.now + TIME_WAIT_TIME;
    this.sndNxt = c.sndNxt;
    this.rcvNxt = c.rx.next;
    this.window = Math.min(65535, c.rcvWnd >> c.rcvWscale);
    this.timestampOk = c.timestampOk;
    this.tsOffset = c.tsOffset;
    this.tsRecent = c.tsRecent;
    this.localPort = c.host.localPort;
    this.remotePort = c.host.remotePort;
    // Not the host itself: a record must not keep a whole connection in memory.
    this.clock = c.host.timers;
    this.rfc1337 = c.shared.settings.rfc1337;
  }

  private readonly clock: { now(): number };
  private readonly rfc1337: boolean;

  /**
   * `drop`: nothing more, but look at `expires`: an RST may have ended it, an acceptable segment begun it
   * anew. `reopen`: a SYN that is newer than the old connection takes its place.
   */
  receive(packet: Packet): 'drop' | 'acknowledge' | 'reopen' {
    if (!segment.parse(packet.bytes, packet.transport, packet.end)) return 'drop';
    const { flags } = segment;
    let old = false;
    if (this.timestampOk && segment.hasTimestamp) old = seqLt(segment.tsVal, this.tsRecent);
    const empty = segment.seq === segment.end;
    if (!old && segment.seq === this.rcvNxt && (empty || (flags & RST) !== 0)) {
      if ((flags & RST) !== 0) {
        // RFC 1337: whoever kills TIME_WAIT risks old segments; Linux lets it happen unless told otherwise.
        if (!this.rfc1337) this.expires = 0;
        return 'drop';
      }
      this.again();
      if (segment.hasTimestamp) this.tsRecent = segment.tsVal;
      return 'drop';
    }
    if ((flags & SYN) !== 0 && (flags & (RST | ACK)) === 0 && !old) {
      const newer = seqGt(segment.seq, this.rcvNxt);
      const later = this.timestampOk && segment.hasTimestamp && seqGt(segment.tsVal, this.tsRecent);
      if (newer || later) return 'reopen';
    }
    if ((flags & RST) !== 0) return 'drop';
    // Anything else that takes numbers, or is out of place, is answered; an old duplicate does not lengthen
    // the wait.
    if (old || (flags & ACK) !== 0) this.again();
    return 'acknowledge';
  }

  /** The wait begins anew. */
  private again(): void {
    this.expires = this.clock.now() + TIME_WAIT_TIME;
  }

  acknowledgement(packet: Packet): void {
    const { bytes, start } = packet;
    const header = TCP_HEADER + (this.timestampOk ? TIMESTAMP_SPACE : 0);
    writeHeader(
      bytes,
      start,
      this.localPort,
      this.remotePort,
      this.sndNxt,
      this.rcvNxt,
      header,
      ACK,
      this.window,
      0,
    );
    if (this.timestampOk) {
      const clock = (this.clock.now() + this.tsOffset) | 0;
      writeTimestamps(bytes, start + TCP_HEADER, clock, this.tsRecent);
    }
    packet.end = start + header;
  }
}
