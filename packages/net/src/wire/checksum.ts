/** The Internet checksum (RFC 1071). */
import type { IpAddress } from '../core/address.js';

/**
 * The ones' complement of the ones' complement sum of 16-bit big-endian words, a last odd byte padded with
 * zero.
 *
 * @param initial a partial sum to go on from (a pseudo header's), not complemented
 */
export function internetChecksum(bytes: Uint8Array, start = 0, end = bytes.length, initial = 0): number {
  // Eight words at a time: sums of 2^15 words of 16 bits stay below 2^31, which keeps them small integers.
  let sum = initial;
  let i = start;
  while (end - i >= 16) {
    const stop = Math.min(end - 15, i + 16384);
    for (; i < stop; i += 16) {
      sum +=
        ((bytes[i] + bytes[i + 2] + bytes[i + 4] + bytes[i + 6]) << 8) +
        bytes[i + 1] +
        bytes[i + 3] +
        bytes[i + 5] +
        bytes[i + 7] +
        ((bytes[i + 8] + bytes[i + 10] + bytes[i + 12] + bytes[i + 14]) << 8) +
        bytes[i + 9] +
        bytes[i + 11] +
        bytes[i + 13] +
        bytes[i + 15];
    }
    sum = (sum & 0xffff) + (sum >>> 16);
  }
  for (; i + 1 < end; i += 2) sum += (bytes[i] << 8) | bytes[i + 1];
  if (i < end) sum += bytes[i] << 8;
  sum = (sum & 0xffff) + (sum >>> 16);
  sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/**
 * Sum of the pseudo header TCP, UDP and ICMPv6 checksums begin with (RFC 9293 section 3.1, RFC 8200 section
 * 8.1).
 */
export function pseudoHeader(
  source: IpAddress,
  destination: IpAddress,
  protocol: number,
  length: number,
): number {
  let sum = protocol + (length >>> 16) + (length & 0xffff);
  sum += half(source.w3) + half(destination.w3);
  if (source.isV4) return sum;
  sum += half(source.w0) + half(source.w1) + half(source.w2);
  return sum + half(destination.w0) + half(destination.w1) + half(destination.w2);
}

function half(word: number): number {
  return (word >>> 16) + (word & 0xffff);
}
