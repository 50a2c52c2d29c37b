/**
 * Urgent data (RFC 9293 section 3.8.5, RFC 6093): one byte, its place told by the urgent pointer, which
 * points behind it.
 */
import { POLLPRI } from '@sandbox/abi';
import type { Segment } from '../wire/tcp.js';
import type { TcpConnection } from './connection.js';
import { seqGt, seqLe, seqLt } from './seq.js';

export const URGENT_NONE = 0;
/** The pointer came, the byte did not. */
export const URGENT_EXPECTED = 1;
export const URGENT_VALID = 2;
/** Taken by MSG_OOB; its place in the stream is still ahead of the reader. */
export const URGENT_READ = 3;

/** A segment with URG in order. */
export function urgentPointer(c: TcpConnection, segment: Segment): void {
  // Linux sends a pointer behind the byte, as BSD did; zero cannot mean anything.
  const place = (segment.seq + Math.max(segment.urgent - 1, 0)) | 0;
  const first = c.rx.first;
  if (seqGt(first, place)) return;
  if (seqLt(place, c.rx.next)) return;
  if (c.urgentState !== URGENT_NONE && seqLe(place, c.urgentSeq)) return;
  // A byte before it that nobody took, and nobody has read past, is lost to MSG_OOB and skipped in the
  // stream.
  if (c.urgentState !== URGENT_NONE && c.urgentSeq === first && !c.options.oobInline && c.rx.length > 0) {
    c.rx.consume(1);
  }
  c.urgentState = URGENT_EXPECTED;
  c.urgentSeq = place;
  c.host.wake(POLLPRI);
}

/** After data came: is the urgent byte in `[seq, end)`, at `dataStart` on? */
export function urgentByteArrived(c: TcpConnection, segment: Segment): void {
  const at = (c.urgentSeq - segment.seq) | 0;
  if (at < 0 || at >= segment.length) return;
  c.urgentByte = segment.bytes[segment.dataStart + at];
  c.urgentState = URGENT_VALID;
  c.host.wake(POLLPRI);
}
