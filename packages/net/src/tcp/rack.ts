/** Loss detection by time: RFC 8985 section 6. */
import { armPending } from './arming.js';
import type { TcpConnection } from './connection.js';
import { CA_RECOVERY, DUP_THRESHOLD, PENDING_REORDER } from './constants.js';
import { seqGe } from './seq.js';
import { EVER_RETRANSMITTED, LOST, RETRANSMITTED, type SentSegment } from './transmit-queue.js';

/** Round trips a larger reordering window lasts after a D-SACK (section 6.2 step 4). */
const PERSIST = 16;

/** Step 1 and 2: a segment was delivered. */
export function rackDelivered(c: TcpConnection, segment: SentSegment): void {
  const rtt = c.now - segment.sentAt;
  // An answer that fast is to the first copy, not to the one sent again.
  if ((segment.marks & EVER_RETRANSMITTED) !== 0 && rtt < c.minRtt) return;
  c.rackAdvanced = true;
  c.rackRtt = rtt;
  if (segment.order > c.rackOrder) c.rackOrder = segment.order;
}

/**
 * Step 3: a segment was delivered behind one with a higher number, both sent once only: the path reorders.
 */
export function noteReordering(c: TcpConnection, segment: SentSegment): void {
  if (seqGe(segment.end, c.rackFack)) {
    c.rackFack = segment.end;
    return;
  }
  if ((segment.marks & EVER_RETRANSMITTED) !== 0) return;
  c.reorderSeen++;
  const { tx, mss } = c;
  const distance = Math.ceil(((c.rackFack - segment.seq) | 0) / mss);
  c.reordering = Math.max(c.reordering, Math.min(distance, 300, tx.length + 1));
}

/** Step 4, D-SACK: a retransmission was for nothing; wait longer. At most once a round trip. */
export function updateReorderWindow(c: TcpConnection): void {
  if (c.rackDsackSeen) {
    c.rackDsackSeen = false;
    c.rackSteps = Math.min(255, c.rackSteps + 1);
    c.rackRoundDelivered = c.delivered + c.tx.length;
    c.rackPersist = PERSIST;
  } else if (c.rackPersist === 0) {
    c.rackSteps = 1;
  }
}

function reorderWindow(c: TcpConnection): number {
  if (c.reorderSeen === 0) {
    if (c.caState >= CA_RECOVERY) return 0;
    if (c.tx.sacked >= DUP_THRESHOLD) return 0;
  }
  const minRtt = c.minRtt === Number.POSITIVE_INFINITY ? c.srtt : c.minRtt;
  return Math.min((minRtt / 4) * c.rackSteps, c.srtt);
}

/** How long until this segment counts as lost, ms; not positive: it does. */
export function rackTimeLeft(c: TcpConnection, segment: SentSegment, window: number): number {
  return segment.sentAt + c.rackRtt + window - c.now;
}

export function markLost(c: TcpConnection, segment: SentSegment): void {
  const { tx } = c;
  if ((segment.marks & RETRANSMITTED) !== 0) tx.unmark(segment, RETRANSMITTED);
  tx.mark(segment, LOST);
  tx.unlink(segment);
}

/** Step 5: marks what is lost. Returns how long to wait for more, 0: nothing to wait for. */
export function detectLoss(c: TcpConnection): number {
  const window = reorderWindow(c);
  let timeout = 0;
  let segment = c.tx.oldest;
  while (segment !== null) {
    const next: SentSegment | null = segment.after;
    if (segment.order >= c.rackOrder) break;
    const left = rackTimeLeft(c, segment, window);
    if (left <= 0) markLost(c, segment);
    else if (left > timeout) timeout = left;
    segment = next;
  }
  return timeout;
}

/** After an acknowledgement. */
export function rackIdentifyLoss(c: TcpConnection): void {
  if (!c.rackAdvanced || !c.sackOk) return;
  c.rackAdvanced = false;
  const timeout = detectLoss(c);
  if (timeout > 0) armPending(c, PENDING_REORDER, c.now + timeout + 0.01);
}
