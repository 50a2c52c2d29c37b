/** Ethernet II frames. */
import { ETH_HLEN } from '@sandbox/abi';
import type { IpAddress } from '../core/address.js';

export const BROADCAST_MAC: Uint8Array = new Uint8Array([255, 255, 255, 255, 255, 255]);

/** Write the 14 bytes of a header at `at`. */
export function writeEthernet(
  bytes: Uint8Array,
  at: number,
  destination: Uint8Array,
  source: Uint8Array,
  etherType: number,
): void {
  for (let i = 0; i < 6; i++) {
    bytes[at + i] = destination[i];
    bytes[at + 6 + i] = source[i];
  }
  bytes[at + 12] = etherType >>> 8;
  bytes[at + ETH_HLEN - 1] = etherType;
}

export function sameMac(bytes: Uint8Array, at: number, mac: Uint8Array): boolean {
  for (let i = 0; i < 6; i++) if (bytes[at + i] !== mac[i]) return false;
  return true;
}

/** The group address a multicast IP address is sent to (RFC 1112 section 6.4, RFC 2464 section 7). */
export function multicastMac(address: IpAddress): Uint8Array {
  const w = address.w3;
  return address.isV4
    ? new Uint8Array([0x01, 0x00, 0x5e, (w >>> 16) & 0x7f, (w >>> 8) & 255, w & 255])
    : new Uint8Array([0x33, 0x33, w >>> 24, (w >>> 16) & 255, (w >>> 8) & 255, w & 255]);
}

/** `02:00:0a:00:00:02` */
export function formatMac(mac: Uint8Array, at = 0): string {
  return Array.from(mac.subarray(at, at + 6), (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** null: not six bytes in hexadecimal. */
export function parseMac(text: string): Uint8Array | null {
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text)) return null;
  return Uint8Array.from(text.split(':'), (part) => Number.parseInt(part, 16));
}
