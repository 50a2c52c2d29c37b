/**
 * What a SYN cookie cannot hold (RFC 4987 section 3.6): window scale, SACK and ECN go into the lowest six
 * bits of the SYN-ACK's timestamp, which the other side echoes.
 */
import type { Packet } from '../core/packet.js';
import { ACK, CWR, ECE, type Segment, SYN, TCP_HEADER, writeHeader, writeSynOptions } from '../wire/tcp.js';
import { seqGt } from './seq.js';
import type { TcpSettings } from './settings.js';

const NO_SCALE = 0xf;

/**
 * Writes the SYN-ACK that carries a cookie: from `packet.start`, checksum zero.
 *
 * @param syn what it answers
 * @param mss to offer
 * @param scale window scale to offer, if the other side echoes timestamps and so keeps its own one for us
 * @param clock timestamp clock of the connection to be
 */
export function writeCookieAnswer(
  packet: Packet,
  syn: Segment,
  cookie: number,
  mss: number,
  scale: number,
  settings: TcpSettings,
  clock: number,
): void {
  const timestamps = syn.hasTimestamp && settings.timestamps;
  const sack = timestamps && syn.sackPermitted && settings.sack;
  const scaling = timestamps && syn.windowScale >= 0 && settings.windowScaling;
  const ecn = timestamps && (syn.flags & (ECE | CWR)) === (ECE | CWR) && settings.ecn > 0;
  const at = packet.start;
  packet.end = writeSynOptions(packet.bytes, at + TCP_HEADER, {
    mss,
    sackPermitted: sack,
    timestamps,
    tsVal: cookieTimestamp(clock, scaling ? syn.windowScale : -1, sack, ecn),
    tsEcr: syn.tsVal,
    windowScale: scaling ? scale : -1,
  });
  const flags = SYN | ACK | (ecn ? ECE : 0);
  const header = packet.end - at;
  writeHeader(
    packet.bytes,
    at,
    syn.destinationPort,
    syn.sourcePort,
    cookie,
    (syn.seq + 1) | 0,
    header,
    flags,
    65535,
    0,
  );
}

/**
 * The timestamp of the SYN-ACK: the clock with its low bits replaced, not later than the clock. `windowScale`
 * -1: not offered.
 */
function cookieTimestamp(clock: number, windowScale: number, sack: boolean, ecn: boolean): number {
  const bits = (windowScale < 0 ? NO_SCALE : windowScale) | (sack ? 0x10 : 0) | (ecn ? 0x20 : 0);
  const stamp = (clock & ~0x3f) | bits;
  return seqGt(stamp, clock) ? (stamp - 0x40) | 0 : stamp;
}

/** -1: the SYN had no window scale option. */
export function cookieWindowScale(echo: number): number {
  const scale = echo & 0xf;
  return scale === NO_SCALE ? -1 : Math.min(scale, 14);
}

export function cookieSack(echo: number): boolean {
  return (echo & 0x10) !== 0;
}

export function cookieEcn(echo: number): boolean {
  return (echo & 0x20) !== 0;
}
