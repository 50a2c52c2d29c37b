/** The IPv6 header and its extension headers (RFC 8200). */
import {
  IPPROTO_AH,
  IPPROTO_DSTOPTS,
  IPPROTO_FRAGMENT,
  IPPROTO_HOPOPTS,
  IPPROTO_NONE,
  IPPROTO_ROUTING,
} from '@sandbox/abi';
import type { IpAddress } from '../core/address.js';
import { getU16, putU16, putU32 } from '../core/bytes.js';

export const IPV6_HEADER = 40;
export const FRAGMENT_HEADER = 8;
export const IPV6_MIN_MTU = 1280;

/** Offsets of fields. */
export const IPV6 = { payloadLength: 4, nextHeader: 6, hopLimit: 7, source: 8, destination: 24 } as const;

/** Is there a sound IPv6 header at `start` whose payload lies within `end`? */
export function checkIpv6(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < IPV6_HEADER || bytes[start] >>> 4 !== 6) return false;
  return getU16(bytes, start + IPV6.payloadLength) + IPV6_HEADER <= end - start;
}

/** Write the 40 bytes at `at`. */
export function writeIpv6(
  bytes: Uint8Array,
  at: number,
  payloadLength: number,
  trafficClass: number,
  flowLabel: number,
  nextHeader: number,
  hopLimit: number,
  source: IpAddress,
  destination: IpAddress,
): void {
  putU32(bytes, at, (0x60000000 | (trafficClass << 20) | flowLabel) >>> 0);
  putU16(bytes, at + 4, payloadLength);
  bytes[at + 6] = nextHeader;
  bytes[at + 7] = hopLimit;
  source.toBytes(bytes, at + 8);
  destination.toBytes(bytes, at + 24);
}

export function trafficClassOf(bytes: Uint8Array, at: number): number {
  return ((bytes[at] & 15) << 4) | (bytes[at + 1] >>> 4);
}

export function flowLabelOf(bytes: Uint8Array, at: number): number {
  return ((bytes[at + 1] & 15) << 16) | getU16(bytes, at + 2);
}

/** Where the walk along the extension headers ended. One object, reused. */
export class ExtensionWalk {
  /** Type of the header at `offset`: an upper layer's protocol, IPPROTO_NONE, or IPPROTO_FRAGMENT. */
  protocol = 0;
  offset = 0;
  /** Where the byte stands that named `protocol`. */
  pointer = 0;
  /**
   * Offset of an unknown option that wants the packet dropped and its high bits (RFC 8200 section 4.2), or
   * -1.
   */
  badOption = -1;
  badAction = 0;
  /** Offset of a routing header with segments left, or -1. */
  routing = -1;
  /** Number of headers seen. */
  count = 0;
}

const MAX_HEADERS = 16;

/**
 * Walk from the fixed header at `start` to the upper-layer header, or to a fragment header (`protocol`
 * IPPROTO_FRAGMENT) when `stopAtFragment`. false: a header is cut off, or there are too many.
 */
export function walkExtensions(
  bytes: Uint8Array,
  start: number,
  end: number,
  stopAtFragment: boolean,
  out: ExtensionWalk,
): boolean {
  return walkFrom(bytes, start + IPV6.nextHeader, start + IPV6_HEADER, end, stopAtFragment, out);
}

/** As `walkExtensions`, from a header at `at` whose type stands at `pointer`. */
function walkFrom(
  bytes: Uint8Array,
  pointer: number,
  at: number,
  end: number,
  stopAtFragment: boolean,
  out: ExtensionWalk,
): boolean {
  out.badOption = -1;
  out.routing = -1;
  out.count = 0;
  for (;;) {
    const type = bytes[pointer];
    out.protocol = type;
    out.offset = at;
    out.pointer = pointer;
    if (type === IPPROTO_NONE) return true;
    const fragment = type === IPPROTO_FRAGMENT;
    if (fragment && stopAtFragment) return at + FRAGMENT_HEADER <= end;
    const extension =
      fragment ||
      type === IPPROTO_HOPOPTS ||
      type === IPPROTO_DSTOPTS ||
      type === IPPROTO_ROUTING ||
      type === IPPROTO_AH;
    if (!extension) return true;
    if (at + 8 > end || ++out.count > MAX_HEADERS) return false;
    const length = fragment ? 8 : type === IPPROTO_AH ? (bytes[at + 1] + 2) * 4 : (bytes[at + 1] + 1) * 8;
    if (at + length > end) return false;
    if (type === IPPROTO_ROUTING && bytes[at + 3] !== 0 && out.routing < 0) out.routing = at;
    if ((type === IPPROTO_HOPOPTS || type === IPPROTO_DSTOPTS) && out.badOption < 0) {
      if (!checkTlvs(bytes, at + 2, at + length, out)) return false;
    }
    pointer = at;
    at += length;
  }
}

const TLV_PAD1 = 0;
const TLV_PADN = 1;
const KNOWN_TLVS = new Set([TLV_PADN, 5, 194]);
/**
 * Padding aligns to eight bytes; more of it, or other than zeros, could carry things past filters (RFC 4942
 * section 2.1.9.5).
 */
const MOST_PADDING = 7;
/** net.ipv6.max_hbh_opts_number, max_dst_opts_number: options of one header. */
const MOST_TLVS = 8;

function checkTlvs(bytes: Uint8Array, at: number, end: number, out: ExtensionWalk): boolean {
  let padding = 0;
  let count = 0;
  while (at < end) {
    const type = bytes[at];
    if (type === TLV_PAD1) {
      if (++padding > MOST_PADDING) return false;
      at++;
      continue;
    }
    if (at + 2 > end || at + 2 + bytes[at + 1] > end) return false;
    if (type === TLV_PADN) {
      const next = at + 2 + bytes[at + 1];
      padding += next - at;
      if (padding > MOST_PADDING) return false;
      for (let i = at + 2; i < next; i++) if (bytes[i] !== 0) return false;
      at = next;
      continue;
    }
    padding = 0;
    if (++count > MOST_TLVS) return false;
    if (!KNOWN_TLVS.has(type) && type >>> 6 !== 0 && out.badOption < 0) {
      out.badOption = at;
      out.badAction = type >>> 6;
    }
    at += 2 + bytes[at + 1];
  }
  return true;
}
