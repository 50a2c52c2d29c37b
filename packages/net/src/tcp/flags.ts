const RECEIVE_SHUT = 1 << 0;
const SEND_SHUT = 1 << 1;
const ORPHAN = 1 << 2;
const DONE = 1 << 3;
const PASSIVE = 1 << 4;
const URGENT_SEND = 1 << 5;
const FIN_QUEUED = 1 << 6;
const NO_DELAY_SEEN = 1 << 7;
const NO_SPACE = 1 << 8;
const SACK_OK = 1 << 9;
const TIMESTAMP_OK = 1 << 10;
const WSCALE_OK = 1 << 11;
const ACK_SCHEDULED = 1 << 12;
const ACK_NOW = 1 << 13;
const FIN_SEEN = 1 << 14;
const DSACK_PENDING = 1 << 15;
const ECN_OK = 1 << 16;
const ECN_ASKED = 1 << 17;
const ECN_DEMAND_CWR = 1 << 18;
const ECN_QUEUE_CWR = 1 << 19;
const ECN_SEEN = 1 << 20;
const UNDO_POSSIBLE = 1 << 21;
const FRTO = 1 << 22;
const CWND_LIMITED = 1 << 23;
const RACK_ADVANCED = 1 << 24;
const RACK_DSACK_SEEN = 1 << 25;
const TLP_PENDING = 1 << 26;
const TLP_RETRANS = 1 << 27;

/**
 * What is true of a connection or not, a bit each: there are many of them, and may be very many connections.
 */
export class ConnectionFlags {
  private bits = 0;

  private set(bit: number, on: boolean): void {
    this.bits = on ? this.bits | bit : this.bits & ~bit;
  }

  /** Shut for reading (RCV_SHUTDOWN). */
  get receiveShut(): boolean {
    return (this.bits & RECEIVE_SHUT) !== 0;
  }
  set receiveShut(on: boolean) {
    this.set(RECEIVE_SHUT, on);
  }

  /** Shut for sending (SEND_SHUTDOWN). */
  get sendShut(): boolean {
    return (this.bits & SEND_SHUT) !== 0;
  }
  set sendShut(on: boolean) {
    this.set(SEND_SHUT, on);
  }

  /** Its user has closed it. */
  get orphan(): boolean {
    return (this.bits & ORPHAN) !== 0;
  }
  set orphan(on: boolean) {
    this.set(ORPHAN, on);
  }

  /** The other side's FIN was received in order, or the connection ended: reads answer 0 (SOCK_DONE). */
  get done(): boolean {
    return (this.bits & DONE) !== 0;
  }
  set done(on: boolean) {
    this.set(DONE, on);
  }

  /** Opened by the other side. */
  get passive(): boolean {
    return (this.bits & PASSIVE) !== 0;
  }
  set passive(on: boolean) {
    this.set(PASSIVE, on);
  }

  /** Urgent data is to be sent, or was and is not acknowledged: `sndUp` counts. */
  get urgentSend(): boolean {
    return (this.bits & URGENT_SEND) !== 0;
  }
  set urgentSend(on: boolean) {
    this.set(URGENT_SEND, on);
  }

  /** A FIN is behind the data. */
  get finQueued(): boolean {
    return (this.bits & FIN_QUEUED) !== 0;
  }
  set finQueued(on: boolean) {
    this.set(FIN_QUEUED, on);
  }

  /** TCP_NODELAY as last seen: setting it pushes. */
  get noDelaySeen(): boolean {
    return (this.bits & NO_DELAY_SEEN) !== 0;
  }
  set noDelaySeen(on: boolean) {
    this.set(NO_DELAY_SEEN, on);
  }

  /** A user waits for POLLOUT. */
  get noSpace(): boolean {
    return (this.bits & NO_SPACE) !== 0;
  }
  set noSpace(on: boolean) {
    this.set(NO_SPACE, on);
  }

  /** SACK is in use. */
  get sackOk(): boolean {
    return (this.bits & SACK_OK) !== 0;
  }
  set sackOk(on: boolean) {
    this.set(SACK_OK, on);
  }

  /** Timestamps are in use. */
  get timestampOk(): boolean {
    return (this.bits & TIMESTAMP_OK) !== 0;
  }
  set timestampOk(on: boolean) {
    this.set(TIMESTAMP_OK, on);
  }

  /** Window scaling is in use. */
  get wscaleOk(): boolean {
    return (this.bits & WSCALE_OK) !== 0;
  }
  set wscaleOk(on: boolean) {
    this.set(WSCALE_OK, on);
  }

  /** An acknowledgement is owed. */
  get ackScheduled(): boolean {
    return (this.bits & ACK_SCHEDULED) !== 0;
  }
  set ackScheduled(on: boolean) {
    this.set(ACK_SCHEDULED, on);
  }

  /** An acknowledgement is to be sent at once. */
  get ackNow(): boolean {
    return (this.bits & ACK_NOW) !== 0;
  }
  set ackNow(on: boolean) {
    this.set(ACK_NOW, on);
  }

  /** A FIN came before data that belongs in front of it. */
  get finSeen(): boolean {
    return (this.bits & FIN_SEEN) !== 0;
  }
  set finSeen(on: boolean) {
    this.set(FIN_SEEN, on);
  }

  /** A block received twice is to be reported (RFC 2883). */
  get dsackPending(): boolean {
    return (this.bits & DSACK_PENDING) !== 0;
  }
  set dsackPending(on: boolean) {
    this.set(DSACK_PENDING, on);
  }

  /** ECN is in use (RFC 3168). */
  get ecnOk(): boolean {
    return (this.bits & ECN_OK) !== 0;
  }
  set ecnOk(on: boolean) {
    this.set(ECN_OK, on);
  }

  /** The SYN asked for ECN. */
  get ecnAsked(): boolean {
    return (this.bits & ECN_ASKED) !== 0;
  }
  set ecnAsked(on: boolean) {
    this.set(ECN_ASKED, on);
  }

  /** Tell the other side of congestion until it answers with CWR. */
  get ecnDemandCwr(): boolean {
    return (this.bits & ECN_DEMAND_CWR) !== 0;
  }
  set ecnDemandCwr(on: boolean) {
    this.set(ECN_DEMAND_CWR, on);
  }

  /** Tell the other side that the window was reduced, with the next new data. */
  get ecnQueueCwr(): boolean {
    return (this.bits & ECN_QUEUE_CWR) !== 0;
  }
  set ecnQueueCwr(on: boolean) {
    this.set(ECN_QUEUE_CWR, on);
  }

  /** A packet of the other side said that it can do ECN. */
  get ecnSeen(): boolean {
    return (this.bits & ECN_SEEN) !== 0;
  }
  set ecnSeen(on: boolean) {
    this.set(ECN_SEEN, on);
  }

  /** The last reduction of the window can be undone. */
  get undoPossible(): boolean {
    return (this.bits & UNDO_POSSIBLE) !== 0;
  }
  set undoPossible(on: boolean) {
    this.set(UNDO_POSSIBLE, on);
  }

  /** F-RTO is under way (RFC 5682). */
  get frto(): boolean {
    return (this.bits & FRTO) !== 0;
  }
  set frto(on: boolean) {
    this.set(FRTO, on);
  }

  /** The congestion window is what holds sending up. */
  get cwndLimited(): boolean {
    return (this.bits & CWND_LIMITED) !== 0;
  }
  set cwndLimited(on: boolean) {
    this.set(CWND_LIMITED, on);
  }

  get rackAdvanced(): boolean {
    return (this.bits & RACK_ADVANCED) !== 0;
  }
  set rackAdvanced(on: boolean) {
    this.set(RACK_ADVANCED, on);
  }

  get rackDsackSeen(): boolean {
    return (this.bits & RACK_DSACK_SEEN) !== 0;
  }
  set rackDsackSeen(on: boolean) {
    this.set(RACK_DSACK_SEEN, on);
  }

  get tlpPending(): boolean {
    return (this.bits & TLP_PENDING) !== 0;
  }
  set tlpPending(on: boolean) {
    this.set(TLP_PENDING, on);
  }

  get tlpRetrans(): boolean {
    return (this.bits & TLP_RETRANS) !== 0;
  }
  set tlpRetrans(on: boolean) {
    this.set(TLP_RETRANS, on);
  }
}
