/** What ICMP tells of a connection: RFC 9293 section 3.9.2.2, RFC 5927, RFC 1191. */
import { EMSGSIZE, TCP_CLOSE, TCP_SYN_RECV, TCP_SYN_SENT } from '@sandbox/abi';
import { FIN } from '../wire/tcp.js';
import { failWith } from './close.js';
import type { TcpConnection } from './connection.js';
import { syncMss } from './mss.js';
import { currentMss, PUSH_NORMAL, pushPending, retransmitLost } from './output.js';
import { markLost } from './rack.js';
import { seqGe, seqLe } from './seq.js';
import { LOST, SACKED } from './transmit-queue.js';

/** Only about what is under way: anything else is old, or made up. */
function quotesOutstanding(c: TcpConnection, sequence: number): boolean {
  return seqGe(sequence, c.sndUna) && seqLe(sequence, c.sndNxt);
}

export function icmpError(c: TcpConnection, errno: number, sequence: number): void {
  if (c.state === TCP_CLOSE || errno === EMSGSIZE || !quotesOutstanding(c, sequence)) return;
  if (c.state === TCP_SYN_SENT || c.state === TCP_SYN_RECV) {
    failWith(c, errno);
    return;
  }
  // Established connections outlive what may be over in a moment, unless their user asked to know.
  if (c.options.receiveErrors && !c.orphan) {
    c.error = errno;
    c.host.wake(POLLERR_EVENTS);
  } else c.softError = errno;
}

const POLLERR_EVENTS = 8;

/**
 * The path takes less (or more) than before. What was sent too long is lost for certain and goes again,
 * shorter.
 */
export function pathChanged(c: TcpConnection, sequence: number | undefined): void {
  if (c.state === TCP_CLOSE) return;
  if (sequence !== undefined && !quotesOutstanding(c, sequence)) return;
  const before = c.mss;
  syncMss(c);
  if (c.mss >= before || c.state === TCP_SYN_SENT || c.state === TCP_SYN_RECV) return;
  const { tx } = c;
  const mss = currentMss(c);
  for (let i = 0; i < tx.length; i++) {
    const segment = tx.at(i);
    if (((segment.end - segment.seq) | 0) - (segment.flags & FIN) <= mss) continue;
    if ((segment.marks & (SACKED | LOST)) !== 0) continue;
    markLost(c, segment);
  }
  retransmitLost(c);
  pushPending(c, PUSH_NORMAL);
}
