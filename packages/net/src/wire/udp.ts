/** The UDP header (RFC 768). */
import { getU16, putU16 } from '../core/bytes.js';

export const UDP_HEADER = 8;

/**
 * Length field of the datagram at `at`, 8 or more and within `end`; 0: malformed. (0 stands for all in
 * jumbograms: not supported.)
 */
export function udpLength(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < UDP_HEADER) return 0;
  const length = getU16(bytes, at + 4);
  return length >= UDP_HEADER && at + length <= end ? length : 0;
}

/** UDP-Lite (RFC 3828): bytes the checksum of the datagram `[at, end)` covers, 8 or more; 0: malformed. */
export function liteCoverage(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < UDP_HEADER) return 0;
  const covered = getU16(bytes, at + 4);
  if (covered === 0) return end - at;
  return covered >= UDP_HEADER && at + covered <= end ? covered : 0;
}

export function writeUdp(
  bytes: Uint8Array,
  at: number,
  sourcePort: number,
  destinationPort: number,
  length: number,
): void {
  putU16(bytes, at, sourcePort);
  putU16(bytes, at + 2, destinationPort);
  putU16(bytes, at + 4, length);
  putU16(bytes, at + 6, 0);
}
