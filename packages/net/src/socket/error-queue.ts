import { SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6, SO_EE_ORIGIN_LOCAL } from '@sandbox/abi';
import type { IpAddress } from '../core/address.js';
import type { IcmpError } from '../ip/protocol.js';
import type { ExtendedError } from './request.js';

/** Bytes of quoted packets an endpoint keeps at most; older errors give way. */
const MOST_BYTES = 65536;
const MOST_ERRORS = 256;

export interface QueuedError {
  readonly error: ExtendedError;
  /** Where the packet it is about was going. */
  readonly destination: IpAddress;
  readonly port: number;
  /** What of that packet's payload was quoted. */
  readonly payload: Uint8Array;
  readonly ifindex: number;
  /** Monotonic ms. */
  readonly time: number;
}

/** Errors for recvmsg(MSG_ERRQUEUE): IP_RECVERR, IPV6_RECVERR. */
export class ErrorQueue {
  private readonly entries: QueuedError[] = [];
  private bytes = 0;

  get length(): number {
    return this.entries.length;
  }

  push(entry: QueuedError): void {
    this.entries.push(entry);
    this.bytes += entry.payload.length;
    while (this.entries.length > MOST_ERRORS || this.bytes > MOST_BYTES) {
      this.bytes -= this.entries.shift()!.payload.length;
    }
  }

  /** The first one; it stays when `peek`. */
  take(peek: boolean): QueuedError | undefined {
    if (peek) return this.entries[0];
    const entry = this.entries.shift();
    if (entry !== undefined) this.bytes -= entry.payload.length;
    return entry;
  }
}

/** An ICMP error as the queue keeps it; the payload begins `headerLength` behind the transport header. */
export function queuedIcmp(
  e: IcmpError,
  errno: number,
  port: number,
  headerLength: number,
  time: number,
): QueuedError {
  const from = Math.min(e.offset + headerLength, e.end);
  const error: ExtendedError = {
    errno,
    origin: e.isV4 ? SO_EE_ORIGIN_ICMP : SO_EE_ORIGIN_ICMP6,
    type: e.type,
    code: e.code,
    info: e.info,
    data: 0,
    offender: e.offender,
  };
  return {
    error,
    destination: e.destination,
    port,
    payload: e.bytes.slice(from, e.end),
    ifindex: e.ifindex,
    time,
  };
}

/** An error of this host's own: a packet that was too long to send. */
export function queuedLocal(
  errno: number,
  info: number,
  destination: IpAddress,
  port: number,
  payload: Uint8Array,
  time: number,
): QueuedError {
  const error: ExtendedError = {
    errno,
    origin: SO_EE_ORIGIN_LOCAL,
    type: 0,
    code: 0,
    info,
    data: 0,
    offender: null,
  };
  return { error, destination, port, payload, ifindex: 0, time };
}
