/** Times in ms; as Linux has them unless said otherwise. */

/**
 * RTO before the first sample (RFC 6298 section 2), and its bounds. Linux's lower bound is 200 ms where the
 * RFC says 1 s.
 */
export const RTO_INITIAL = 1000;
export const RTO_MIN = 200;
export const RTO_MAX = 120_000;
/** Bounds of the delayed acknowledgement (RFC 9293 section 3.8.6.3 allows 500). */
export const DELACK_MIN = 40;
export const DELACK_MAX = 200;
/** TIME_WAIT. RFC 9293 says 2 MSL, four minutes. */
export const TIME_WAIT_TIME = 60_000;
/** Segments acknowledged at once at the start of a connection. */
export const QUICK_ACKS = 16;
/** RFC 6928. */
export const INITIAL_CWND = 10;
/** RFC 5681's DupThresh. */
export const DUP_THRESHOLD = 3;
/** The largest window without scaling. */
export const MAX_UNSCALED_WINDOW = 65535;
/** A timestamp that old says nothing (RFC 7323 section 5.5): 24 days. */
export const PAWS_EXPIRY = 24 * 24 * 3600 * 1000;
/** Of MSS when the other side says nothing (RFC 9293 section 3.7.1). */
export const DEFAULT_MSS = 536;

/** States of loss recovery, as tcpi_ca_state has them. */
export const CA_OPEN = 0;
export const CA_DISORDER = 1;
export const CA_CWR = 2;
export const CA_RECOVERY = 3;
export const CA_LOSS = 4;

/** What the retransmission timer of a connection is armed for. */
export const PENDING_NONE = 0;
export const PENDING_RTO = 1;
export const PENDING_REORDER = 2;
export const PENDING_TLP = 3;
export const PENDING_PROBE = 4;

/** A connection's timers. */
export const TIMER_RETRANSMIT = 0;
export const TIMER_DELACK = 1;
export const TIMER_KEEP = 2;
