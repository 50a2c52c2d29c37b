/** The IPv4 header (RFC 791). */
import { getU16, putU16, putU32 } from '../core/bytes.js';
import { internetChecksum } from './checksum.js';

export const IPV4_HEADER = 20;
export const IPV4_MAX_HEADER = 60;
export const IP_DF = 0x4000;
export const IP_MF = 0x2000;
export const IP_OFFSET_MASK = 0x1fff;

/** Offsets of fields. */
export const IPV4 = {
  tos: 1,
  totalLength: 2,
  id: 4,
  fragment: 6,
  ttl: 8,
  protocol: 9,
  checksum: 10,
  source: 12,
  destination: 16,
} as const;

/**
 * Length of the header at `start` when there is a sound IPv4 packet in `[start, end)`: version, lengths and
 * (unless `trusted`) the checksum; 0: there is none.
 */
export function checkIpv4(bytes: Uint8Array, start: number, end: number, trusted: boolean): number {
  if (end - start < IPV4_HEADER || bytes[start] >>> 4 !== 4) return 0;
  const headerLength = (bytes[start] & 15) * 4;
  const total = getU16(bytes, start + IPV4.totalLength);
  if (headerLength < IPV4_HEADER || total < headerLength) return 0;
  // Loopback's 65536 bytes do not fit the field; nothing larger than 65535 is made.
  if (total > end - start) return 0;
  if (!trusted && internetChecksum(bytes, start, start + headerLength) !== 0) return 0;
  return headerLength;
}

/** Write a header of 20 bytes plus `options` at `at`; the checksum too, unless `trusted`. */
export function writeIpv4(
  bytes: Uint8Array,
  at: number,
  totalLength: number,
  tos: number,
  id: number,
  fragment: number,
  ttl: number,
  protocol: number,
  source: number,
  destination: number,
  options: Uint8Array,
  trusted: boolean,
): void {
  const headerLength = IPV4_HEADER + options.length;
  bytes[at] = 0x40 | (headerLength >> 2);
  bytes[at + 1] = tos;
  putU16(bytes, at + 2, totalLength);
  putU16(bytes, at + 4, id);
  putU16(bytes, at + 6, fragment);
  bytes[at + 8] = ttl;
  bytes[at + 9] = protocol;
  bytes[at + 10] = 0;
  bytes[at + 11] = 0;
  putU32(bytes, at + 12, source);
  putU32(bytes, at + 16, destination);
  if (options.length > 0) bytes.set(options, at + IPV4_HEADER);
  if (!trusted) putU16(bytes, at + 10, internetChecksum(bytes, at, at + headerLength));
}

/** Options end; one byte of padding; options with the copy bit go into every fragment. */
export const IPOPT_EOL = 0;
export const IPOPT_NOP = 1;
export const IPOPT_RR = 7;
export const IPOPT_LSRR = 131;
export const IPOPT_SSRR = 137;
const COPIED = 0x80;

/** Offset in `options` of the first option that is malformed; -1: all are sound (RFC 791 section 3.1). */
export function checkOptions(options: Uint8Array, start = 0, end = options.length): number {
  let i = start;
  while (i < end) {
    const kind = options[i];
    if (kind === IPOPT_EOL) return -1;
    if (kind === IPOPT_NOP) {
      i++;
      continue;
    }
    if (i + 1 >= end) return i;
    const length = options[i + 1];
    if (length < 2 || i + length > end) return i;
    if (
      (kind === IPOPT_RR || kind === IPOPT_LSRR || kind === IPOPT_SSRR) &&
      (length < 3 || options[i + 2] < 4)
    ) {
      return i + 2;
    }
    i += length;
  }
  return -1;
}

/** The options later fragments carry: those with the copy bit, padded to 4 bytes. `options` must be sound. */
export function copiedOptions(options: Uint8Array): Uint8Array {
  const kept: number[] = [];
  for (let i = 0; i < options.length && options[i] !== IPOPT_EOL; ) {
    if (options[i] === IPOPT_NOP) {
      i++;
      continue;
    }
    const length = options[i + 1];
    if (options[i] & COPIED) kept.push(...options.subarray(i, i + length));
    i += length;
  }
  while (kept.length % 4 !== 0) kept.push(IPOPT_EOL);
  return Uint8Array.from(kept);
}
