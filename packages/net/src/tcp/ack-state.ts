/**
 * What is known of the acknowledgement being processed. One object for all: an acknowledgement is processed
 * to its end at once.
 */
class AckState {
  /** `sndUna` moved. */
  advanced = false;
  /** Segments it took off the queue. */
  acked = 0;
  /** Segments newly known to have arrived, acknowledged or by SACK. */
  delivered = 0;
  /** Segments newly SACKed. */
  sacked = 0;
  /** Neither data nor news in it, while something is outstanding. */
  duplicate = false;
  ece = false;
  /** It reports something received twice. */
  dsack = false;
  /** It took a segment off that was sent more than once. */
  retransmitted = false;
  /** A segment that was sent once only arrived. */
  originalDelivered = false;
  /** Its timestamp echo. */
  hasEcho = false;
  echo = 0;
  /** RTT of the first and last segment newly known to have arrived that were sent once only; -1: none. */
  firstRtt = -1;
  lastRtt = -1;
  sackRtt = -1;

  reset(): void {
    this.advanced = false;
    this.acked = 0;
    this.delivered = 0;
    this.sacked = 0;
    this.duplicate = false;
    this.ece = false;
    this.dsack = false;
    this.retransmitted = false;
    this.originalDelivered = false;
    this.hasEcho = false;
    this.echo = 0;
    this.firstRtt = -1;
    this.lastRtt = -1;
    this.sackRtt = -1;
  }
}

export const ack = new AckState();
