/** Segment sizes: RFC 9293 section 3.7.1, RFC 6691, path MTU. */

import { TCP_HEADER, TIMESTAMP_SPACE } from '../wire/tcp.js';
import type { TcpConnection } from './connection.js';

/** The longest IP packet there is. */
const MAX_PACKET = 65535;

/** The MSS to offer. */
export function offeredMss(c: TcpConnection): number {
  const { host, options } = c;
  const mss = Math.min(host.interfaceMtu, MAX_PACKET) - host.ipHeaderLength - TCP_HEADER;
  return options.maxSegment > 0 ? Math.min(mss, options.maxSegment) : mss;
}

/** What the other side's MSS option (0: none) and TCP_MAXSEG allow to send. */
export function peerMss(c: TcpConnection, option: number): number {
  let mss = option === 0 ? 536 : option;
  const { maxSegment } = c.options;
  if (maxSegment > 0 && maxSegment < mss) mss = maxSegment;
  return Math.max(mss, c.shared.settings.minSendMss);
}

/** Computes `mss` after the path, the options or the largest window changed. */
export function syncMss(c: TcpConnection): void {
  const { host } = c;
  c.pathMtu = host.pathMtu;
  let mss = Math.min(c.pathMtu, MAX_PACKET) - host.ipHeaderLength - TCP_HEADER;
  mss = Math.min(mss, c.peerMss);
  mss = Math.max(mss, c.shared.settings.minSendMss);
  if (c.timestampOk) mss -= TIMESTAMP_SPACE;
  // Half the window at most: two segments must fit into it, or acknowledgements would be delayed ones.
  const cutoff = c.maxWindow > 536 ? c.maxWindow >> 1 : c.maxWindow;
  if (cutoff > 0 && mss > cutoff) mss = Math.max(cutoff, 48);
  c.mss = mss;
}
