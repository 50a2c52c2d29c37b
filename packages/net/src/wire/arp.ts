/** ARP for IPv4 over Ethernet (RFC 826). */
import { ETH_P_IP } from '@sandbox/abi';
import { getU16, getU32, putU16, putU32 } from '../core/bytes.js';

export const ARP_LENGTH = 28;
export const ARP_REQUEST = 1;
export const ARP_REPLY = 2;

/** Offsets of fields. */
export const ARP = { operation: 6, senderMac: 8, senderIp: 14, targetMac: 18, targetIp: 24 } as const;

/** Is there a sound ARP packet for IPv4 over Ethernet at `at`? */
export function checkArp(bytes: Uint8Array, at: number, end: number): boolean {
  return (
    end - at >= ARP_LENGTH &&
    getU16(bytes, at) === 1 &&
    getU16(bytes, at + 2) === ETH_P_IP &&
    bytes[at + 4] === 6 &&
    bytes[at + 5] === 4
  );
}

export function senderIp(bytes: Uint8Array, at: number): number {
  return getU32(bytes, at + ARP.senderIp);
}

export function targetIp(bytes: Uint8Array, at: number): number {
  return getU32(bytes, at + ARP.targetIp);
}

export function writeArp(
  bytes: Uint8Array,
  at: number,
  operation: number,
  senderMac: Uint8Array,
  sender: number,
  targetMac: Uint8Array,
  target: number,
): void {
  putU16(bytes, at, 1);
  putU16(bytes, at + 2, ETH_P_IP);
  bytes[at + 4] = 6;
  bytes[at + 5] = 4;
  putU16(bytes, at + 6, operation);
  bytes.set(senderMac, at + ARP.senderMac);
  putU32(bytes, at + ARP.senderIp, sender);
  bytes.set(targetMac, at + ARP.targetMac);
  putU32(bytes, at + ARP.targetIp, target);
}
