import { TCP_SYN_RECV } from '@sandbox/abi';
import type { Packet } from '../core/packet.js';
import { Segment, TIMESTAMP_SPACE } from '../wire/tcp.js';
import type { TcpConnection } from './connection.js';
import { cookieEcn, cookieSack, cookieWindowScale } from './cookie-options.js';
import { receiveSegment } from './input.js';
import { offeredMss, peerMss } from './mss.js';
import { beginSending, established } from './open.js';
import { initWindow } from './window.js';

const segment = new Segment();

/** Passive open by a cookie that came back: what the SYN said is in the acknowledgement and its timestamp. */
export function acceptCookie(c: TcpConnection, packet: Packet, mss: number): number {
  const { host } = c;
  segment.parse(packet.bytes, packet.transport, packet.end);
  c.passive = true;
  c.tsOffset = host.timestampOffset() | 0;
  beginSending(c, (segment.ack - 1) | 0);
  c.sndUna = c.sndNxt;
  c.irs = (segment.seq - 1) | 0;
  c.rx.next = segment.seq;
  c.rcvWup = c.rx.next;
  c.sndWl1 = c.irs;
  c.timestampOk = segment.hasTimestamp;
  if (c.timestampOk) {
    c.tsRecent = segment.tsVal;
    c.tsRecentAt = Math.floor(c.now);
    const scale = cookieWindowScale(segment.tsEcr);
    c.wscaleOk = scale >= 0;
    c.sndWscale = c.wscaleOk ? scale : 0;
    c.sackOk = cookieSack(segment.tsEcr);
    c.ecnOk = cookieEcn(segment.tsEcr);
  }
  c.peerMss = peerMss(c, mss);
  c.advMss = offeredMss(c);
  c.sndWnd = segment.window << c.sndWscale;
  c.maxWindow = c.sndWnd;
  initWindow(c, c.advMss - (c.timestampOk ? TIMESTAMP_SPACE : 0), c.wscaleOk);
  c.state = TCP_SYN_RECV;
  established(c);
  receiveSegment(c, packet);
  return 0;
}
