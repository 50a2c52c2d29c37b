/** Checksums that were left out because a packet would not leave the process, written after all. */
import {
  ETH_P_IP,
  ETH_P_IPV6,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_IGMP,
  IPPROTO_TCP,
  IPPROTO_UDP,
} from '@sandbox/abi';
import { IpAddress } from '../core/address.js';
import { getU16, putU16 } from '../core/bytes.js';
import { internetChecksum, pseudoHeader } from './checksum.js';
import { IPV4 } from './ipv4.js';
import { ExtensionWalk, IPV6, walkExtensions } from './ipv6.js';

const walk = new ExtensionWalk();
const FRAGMENT_BITS = 0x3fff;

/**
 * Write the checksums of the IP packet `[network, end)`: IPv4's own, and that of TCP, UDP, ICMP, ICMPv6 or
 * IGMP inside. A packet whose headers are not sound is left as it is, and so is the inside of a fragment.
 */
export function writeChecksums(bytes: Uint8Array, etherType: number, network: number, end: number): void {
  let protocol: number;
  let at: number;
  let source: IpAddress;
  let destination: IpAddress;
  if (etherType === ETH_P_IP) {
    at = network + (bytes[network] & 15) * 4;
    if (end - network < 20 || at > end) return;
    putU16(bytes, network + IPV4.checksum, 0);
    putU16(bytes, network + IPV4.checksum, internetChecksum(bytes, network, at));
    if ((getU16(bytes, network + IPV4.fragment) & FRAGMENT_BITS) !== 0) return;
    protocol = bytes[network + IPV4.protocol];
    source = IpAddress.fromBytes4(bytes, network + IPV4.source);
    destination = IpAddress.fromBytes4(bytes, network + IPV4.destination);
  } else if (etherType === ETH_P_IPV6) {
    if (end - network < 40 || !walkExtensions(bytes, network, end, true, walk)) return;
    protocol = walk.protocol;
    at = walk.offset;
    source = IpAddress.fromBytes6(bytes, network + IPV6.source);
    destination = IpAddress.fromBytes6(bytes, network + IPV6.destination);
  } else return;
  writeTransportChecksum(bytes, at, end, protocol, source, destination);
}

/** The checksum of a transport packet `[at, end)`, when `protocol` is one that has a checksum. */
export function writeTransportChecksum(
  bytes: Uint8Array,
  at: number,
  end: number,
  protocol: number,
  source: IpAddress,
  destination: IpAddress,
): void {
  const field = checksumOffset(protocol);
  if (field < 0 || at + field + 2 > end) return;
  const plain = protocol === IPPROTO_ICMP || protocol === IPPROTO_IGMP;
  const initial = plain ? 0 : pseudoHeader(source, destination, protocol, end - at);
  putU16(bytes, at + field, 0);
  const sum = internetChecksum(bytes, at, end, initial);
  putU16(bytes, at + field, sum === 0 && protocol === IPPROTO_UDP ? 0xffff : sum);
}

function checksumOffset(protocol: number): number {
  if (protocol === IPPROTO_TCP) return 16;
  if (protocol === IPPROTO_UDP) return 6;
  return protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6 || protocol === IPPROTO_IGMP ? 2 : -1;
}
