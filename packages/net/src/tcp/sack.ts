/** What the other side reports with SACK: RFC 2018, RFC 2883 (D-SACK). */

import type { Segment } from '../wire/tcp.js';
import { ack } from './ack-state.js';
import type { TcpConnection } from './connection.js';
import { noteReordering, rackDelivered } from './rack.js';
import { noteDelivered } from './rate.js';
import { seqBetween, seqGe, seqGt, seqLe, seqLt } from './seq.js';
import { EVER_RETRANSMITTED, LOST, RETRANSMITTED, SACKED } from './transmit-queue.js';

/** Marks what the blocks of a segment cover. */
export function processSacks(c: TcpConnection, segment: Segment): void {
  const { sacks } = segment;
  let first = 0;
  if (isDsack(c, segment)) {
    first = 1;
    ack.dsack = true;
    c.dsackDups++;
    c.shared.counters.TCPDSACKRecv++;
    c.rackDsackSeen = true;
    if (c.undoRetrans > 0) c.undoRetrans--;
  }
  for (let i = first; i < segment.sackCount; i++) {
    const start = sacks[2 * i];
    const end = sacks[2 * i + 1];
    // A block of nothing, or of what was never sent, or was acknowledged, is no news.
    if (seqLe(end, start) || seqGt(end, c.sndNxt) || seqLt(start, c.sndUna)) continue;
    markBlock(c, start, end);
  }
  if (c.lastSacks.length === 0) c.lastSacks = new Int32Array(8);
  c.lastSackCount = 0;
  for (let i = first; i < segment.sackCount; i++) {
    c.lastSacks[2 * c.lastSackCount] = sacks[2 * i];
    c.lastSacks[2 * c.lastSackCount + 1] = sacks[2 * i + 1];
    c.lastSackCount++;
  }
}

/** RFC 2883 section 4: the first block is below the acknowledgement, or inside the second block. */
function isDsack(c: TcpConnection, segment: Segment): boolean {
  const { sacks } = segment;
  const start = sacks[0];
  const end = sacks[1];
  if (seqLe(end, start) || seqGt(end, c.sndNxt)) return false;
  if (seqLt(start, segment.ack)) return seqLe(end, segment.ack) && ((c.sndUna - start) | 0) <= c.maxWindow;
  return segment.sackCount > 1 && seqGe(start, sacks[2]) && seqLe(end, sacks[3]);
}

function markBlock(c: TcpConnection, start: number, end: number): void {
  const { tx, lastSacks } = c;
  // What the last acknowledgement reported at either end of this block was looked at then.
  for (let k = 0; k < c.lastSackCount; k++) {
    const s = lastSacks[2 * k];
    const e = lastSacks[2 * k + 1];
    if (seqLe(e, s)) continue;
    if (seqBetween(start, s, e)) start = e;
    else if (seqBetween(end, s, e) && seqGt(s, start)) end = s;
  }
  if (seqLe(end, start)) return;
  for (let i = tx.find(start); i < tx.length; i++) {
    const segment = tx.at(i);
    if (seqGt(segment.end, end)) return;
    if (seqLt(segment.seq, start) || (segment.marks & SACKED) !== 0) continue;
    rackDelivered(c, segment);
    if ((segment.marks & EVER_RETRANSMITTED) === 0) {
      ack.originalDelivered = true;
      if (ack.sackRtt < 0) ack.sackRtt = c.now - segment.sentAt;
    }
    noteReordering(c, segment);
    noteDelivered(c, segment);
    tx.unmark(segment, LOST | RETRANSMITTED);
    tx.mark(segment, SACKED);
    tx.unlink(segment);
    c.delivered++;
    ack.sacked++;
  }
}
