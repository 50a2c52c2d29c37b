/** struct tcp_info. */
import {
  TCP_CLOSE,
  TCP_SYN_RECV,
  TCP_SYN_SENT,
  TCPI_OPT_ECN,
  TCPI_OPT_ECN_SEEN,
  TCPI_OPT_SACK,
  TCPI_OPT_TIMESTAMPS,
  TCPI_OPT_WSCALE,
} from '@sandbox/abi';
import { TIMESTAMP_SPACE } from '../wire/tcp.js';
import type { TcpConnection } from './connection.js';
import { RTO_MAX } from './constants.js';
import type { TcpInfo } from './contract.js';

const us = (ms: number) => Math.round(ms * 1000);

/** Fills in what is known; times in us, but the `tcpi_last_*` in ms. */
export function fillInfo(c: TcpConnection, out: TcpInfo): void {
  const now = c.host.now();
  const { tx } = c;
  out.tcpi_state = c.state;
  out.tcpi_ca_state = c.caState;
  out.tcpi_retransmits = c.retransmits;
  out.tcpi_probes = Math.max(c.probesOut, c.keepProbes);
  out.tcpi_backoff = c.backoff;
  out.tcpi_options =
    (c.timestampOk ? TCPI_OPT_TIMESTAMPS : 0) |
    (c.sackOk ? TCPI_OPT_SACK : 0) |
    (c.wscaleOk ? TCPI_OPT_WSCALE : 0) |
    (c.ecnOk ? TCPI_OPT_ECN : 0) |
    (c.ecnSeen ? TCPI_OPT_ECN_SEEN : 0);
  out.tcpi_snd_wscale = c.sndWscale;
  out.tcpi_rcv_wscale = c.rcvWscale;
  out.tcpi_rto = us(Math.min(c.rto * 2 ** c.backoff, RTO_MAX));
  out.tcpi_ato = us(c.ato);
  out.tcpi_snd_mss = c.mss;
  out.tcpi_rcv_mss = c.rcvMss;
  out.tcpi_unacked = tx.length;
  out.tcpi_sacked = tx.sacked + c.dupAcks;
  out.tcpi_lost = tx.lost;
  out.tcpi_retrans = tx.retransmitted;
  out.tcpi_last_data_sent = Math.round(now - c.lastDataSent);
  out.tcpi_last_data_recv = Math.round(now - c.lastDataReceived);
  out.tcpi_last_ack_recv = Math.round(now - c.lastAckReceived);
  out.tcpi_pmtu = c.pathMtu;
  out.tcpi_rcv_ssthresh = c.rcvSsthresh;
  out.tcpi_rtt = us(c.srtt);
  out.tcpi_rttvar = us(c.mdev / 4);
  out.tcpi_snd_ssthresh = c.ssthresh;
  out.tcpi_snd_cwnd = c.cwnd;
  // Once timestamps are agreed on, their room is taken off what was offered.
  const agreed = c.timestampOk && c.state !== TCP_SYN_SENT && c.state !== TCP_SYN_RECV;
  out.tcpi_advmss = c.advMss - (agreed ? TIMESTAMP_SPACE : 0);
  out.tcpi_reordering = c.reordering;
  out.tcpi_rcv_rtt = us(c.rcvRtt);
  out.tcpi_rcv_space = c.spaceWindow;
  out.tcpi_total_retrans = c.totalRetrans;
  // The SYN counts as a byte of an active opening's.
  out.tcpi_bytes_acked =
    c.bytesAcked + (c.passive || c.state === TCP_SYN_SENT || c.state === TCP_CLOSE ? 0 : 1);
  out.tcpi_bytes_received = c.bytesReceived;
  out.tcpi_segs_out = c.segsOut;
  out.tcpi_segs_in = c.segsIn;
  out.tcpi_notsent_bytes = Math.max(0, (c.writeSeq - c.sndNxt) | 0);
  out.tcpi_min_rtt = c.minRtt === Number.POSITIVE_INFINITY ? 0xffffffff : us(c.minRtt);
  out.tcpi_data_segs_in = c.dataSegsIn;
  out.tcpi_data_segs_out = c.dataSegsOut;
  out.tcpi_delivery_rate =
    c.rateInterval > 0 ? Math.round((c.rateDelivered * c.mss * 1000) / c.rateInterval) : 0;
  out.tcpi_busy_time = us(c.busyTime + (c.busySince >= 0 ? now - c.busySince : 0));
  out.tcpi_delivered = c.delivered;
  out.tcpi_delivered_ce = c.deliveredCe;
  out.tcpi_bytes_sent = c.bytesSent;
  out.tcpi_bytes_retrans = c.bytesRetrans;
  out.tcpi_dsack_dups = c.dsackDups;
  out.tcpi_reord_seen = c.reorderSeen;
  out.tcpi_rcv_ooopack = c.rx.outOfOrder;
  out.tcpi_snd_wnd = c.sndWnd;
  out.tcpi_rcv_wnd = c.rcvWnd;
}
