/**
 * How connections come about: RFC 9293 section 3.5, 3.10.1, 3.10.7.3; RFC 5961 section 4; options of RFC
 * 7323, 2018, 3168.
 */
import { POLLOUT, POLLWRNORM, TCP_ESTABLISHED, TCP_SYN_RECV, TCP_SYN_SENT } from '@sandbox/abi';
import type { Packet } from '../core/packet.js';
import { ACK, CWR, ECE, RST, Segment, SYN, TIMESTAMP_SPACE } from '../wire/tcp.js';
import { processAck } from './ack.js';
import { armKeepalive, armRetransmit } from './arming.js';
import { resetReceived } from './close.js';
import type { TcpConnection } from './connection.js';
import { INITIAL_CWND } from './constants.js';
import { offeredMss, peerMss, syncMss } from './mss.js';
import { emitSyn, PUSH_NORMAL, pushPending, sendAck, sendResetAt } from './output.js';
import { seqGt, seqLe } from './seq.js';
import { initBuffers, initWindow } from './window.js';

const segment = new Segment();

export function beginSending(c: TcpConnection, iss: number): void {
  c.iss = iss;
  c.sndUna = iss;
  c.sndNxt = (iss + 1) | 0;
  c.writeSeq = c.sndNxt;
  c.sendBase = c.sndNxt;
  c.sndSml = c.sndNxt;
  c.rackFack = iss;
  c.lastAckReceived = Math.floor(c.now);
}

/** Active open. */
export function connect(c: TcpConnection): number {
  const { host } = c;
  const { settings } = c.shared;
  c.tsOffset = host.timestampOffset() | 0;
  beginSending(c, host.initialSequence() | 0);
  c.advMss = offeredMss(c);
  c.peerMss = peerMss(c, c.options.maxSegment);
  syncMss(c);
  initWindow(c, c.advMss, settings.windowScaling);
  c.ecnAsked = settings.ecn === 1;
  c.state = TCP_SYN_SENT;
  c.tx.push(c.iss, c.sndNxt, SYN, c.now);
  emitSyn(c, SYN);
  armRetransmit(c);
  return 0;
}

/** Takes over what a SYN says. `scaled`: it may have been answered with our own options before. */
function learn(c: TcpConnection, syn: Segment): void {
  const { settings } = c.shared;
  c.irs = syn.seq;
  c.rx.next = (syn.seq + 1) | 0;
  c.rcvWup = c.rx.next;
  c.sndWl1 = syn.seq;
  c.timestampOk = syn.hasTimestamp && settings.timestamps;
  if (c.timestampOk) {
    c.tsRecent = syn.tsVal;
    c.tsRecentAt = Math.floor(c.now);
  }
  c.sackOk = syn.sackPermitted && settings.sack;
  c.wscaleOk = syn.windowScale >= 0 && settings.windowScaling;
  c.sndWscale = c.wscaleOk ? syn.windowScale : 0;
  c.peerMss = peerMss(c, syn.mss);
  c.sndWnd = syn.window;
  c.maxWindow = syn.window;
}

/** Passive open. */
export function acceptSyn(c: TcpConnection, packet: Packet): number {
  const { host } = c;
  segment.parse(packet.bytes, packet.transport, packet.end);
  c.passive = true;
  c.segsIn++;
  c.tsOffset = host.timestampOffset() | 0;
  beginSending(c, host.initialSequence() | 0);
  learn(c, segment);
  const both = ECE | CWR;
  // The SYN itself must not be marked, or something on the way plays with the bits.
  c.ecnOk = (segment.flags & both) === both && c.shared.settings.ecn > 0 && (packet.tos & 3) === 0;
  c.advMss = offeredMss(c);
  syncMss(c);
  initWindow(c, c.advMss - (c.timestampOk ? TIMESTAMP_SPACE : 0), c.wscaleOk);
  c.state = TCP_SYN_RECV;
  c.tx.push(c.iss, c.sndNxt, SYN, c.now);
  emitSyn(c, SYN | ACK);
  armRetransmit(c);
  return 0;
}

/** SYN_SENT or SYN_RECV to ESTABLISHED. The handshake's last segment has been taken account of. */
export function established(c: TcpConnection): void {
  c.state = TCP_ESTABLISHED;
  c.sndSml = c.sndUna;
  syncMss(c);
  // The SYN was lost: the path may be narrow (RFC 5681 section 3.1).
  c.cwnd = c.totalRetrans > 1 ? 1 : INITIAL_CWND;
  c.cwndStamp = Math.floor(c.now);
  c.totalRetrans = c.passive ? 0 : c.totalRetrans;
  c.lastDataSent = Math.floor(c.now);
  initBuffers(c);
  if (c.options.keepAlive) armKeepalive(c);
  c.host.established();
  c.host.wake(POLLOUT | POLLWRNORM);
}

/** A segment in state SYN_SENT (section 3.10.7.3). */
export function receiveInSynSent(c: TcpConnection, syn: Segment): void {
  const { flags } = syn;
  if ((flags & ACK) !== 0) {
    if (seqLe(syn.ack, c.sndUna) || seqGt(syn.ack, c.sndNxt) || !echoPlausible(c, syn)) {
      if ((flags & RST) === 0) sendResetAt(c, syn.ack);
      return;
    }
    if ((flags & RST) !== 0) {
      resetReceived(c);
      return;
    }
    if ((flags & SYN) === 0) return;
    learn(c, syn);
    c.ecnOk = c.ecnAsked && (flags & (ECE | CWR)) === ECE;
    withoutScaling(c);
    processAck(c, syn);
    established(c);
    sendAck(c);
    pushPending(c, PUSH_NORMAL);
    return;
  }
  if ((flags & RST) !== 0 || (flags & SYN) === 0) return;
  // Both sides open at once (section 3.5, figure 7).
  learn(c, syn);
  withoutScaling(c);
  c.ecnOk = false;
  syncMss(c);
  c.state = TCP_SYN_RECV;
  emitSyn(c, SYN | ACK);
}

function withoutScaling(c: TcpConnection): void {
  if (c.wscaleOk) return;
  c.rcvWscale = 0;
  c.windowClamp = Math.min(c.windowClamp, 65535);
}

/** The echo must be of a SYN of ours (RFC 7323 section 3.2), or it answers another connection. */
function echoPlausible(c: TcpConnection, syn: Segment): boolean {
  if (!syn.hasTimestamp || syn.tsEcr === 0 || !c.shared.settings.timestamps) return true;
  const age = ((c.now + c.tsOffset) | 0) - syn.tsEcr;
  return (age | 0) >= 0 && (age | 0) < 600_000;
}
