/** Delivery rate, for tcp_info (draft-cheng-iccrg-delivery-rate-estimation). */
import type { TcpConnection } from './connection.js';
import type { SentSegment } from './transmit-queue.js';

let priorDelivered = 0;
let priorTime = -1;
let sendTime = 0;

/** An acknowledgement begins. */
export function beginRate(): void {
  priorTime = -1;
}

/** A segment arrived: the one sent latest makes the sample. */
export function noteDelivered(c: TcpConnection, segment: SentSegment): void {
  if (priorTime >= 0 && segment.delivered < priorDelivered) return;
  priorDelivered = segment.delivered;
  priorTime = segment.deliveredAt;
  sendTime = segment.sentAt - segment.flightStart;
  c.flightStart = segment.sentAt;
}

/** It is processed. */
export function endRate(c: TcpConnection): void {
  if (priorTime < 0) return;
  c.deliveredAt = c.now;
  const delivered = c.delivered - priorDelivered;
  const interval = Math.max(sendTime, c.now - priorTime);
  if (delivered <= 0 || interval <= 0 || interval < c.minRtt) return;
  if (
    c.rateInterval === 0 ||
    delivered * c.rateInterval >= c.rateDelivered * interval ||
    c.appLimitedUntil === 0
  ) {
    c.rateDelivered = delivered;
    c.rateInterval = interval;
  }
}
