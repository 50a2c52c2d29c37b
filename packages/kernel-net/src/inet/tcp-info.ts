import { TCP_INFO_STRUCT } from '@sandbox/abi';
import type { TcpInfo } from '@sandbox/net';

/** Fields of 64 bits; what lies before tcpi_rto are bytes, the rest has 32 bits. */
const LONG: ReadonlySet<string> = new Set([
  'tcpi_pacing_rate',
  'tcpi_max_pacing_rate',
  'tcpi_bytes_acked',
  'tcpi_bytes_received',
  'tcpi_delivery_rate',
  'tcpi_busy_time',
  'tcpi_rwnd_limited',
  'tcpi_sndbuf_limited',
  'tcpi_bytes_sent',
  'tcpi_bytes_retrans',
]);

/** Options, then the two window scales in one byte. */
const WSCALE_AT = 6;

/** struct tcp_info from its fields. Bytes stored. */
export function storeTcpInfo(info: TcpInfo, out: Uint8Array): number {
  const view = new DataView(out.buffer, out.byteOffset);
  for (const [name, at] of Object.entries(TCP_INFO_STRUCT)) {
    if (name === 'SIZE') continue;
    const value = info[name] ?? 0;
    if (LONG.has(name)) {
      // No limit is all ones.
      if (value === Number.POSITIVE_INFINITY) {
        view.setUint32(at, 0xffffffff, true);
        view.setUint32(at + 4, 0xffffffff, true);
        continue;
      }
      view.setUint32(at, value >>> 0, true);
      view.setUint32(at + 4, Math.floor(value / 4294967296), true);
    } else if (at < TCP_INFO_STRUCT.tcpi_rto) out[at] = value;
    else view.setUint32(at, value >>> 0, true);
  }
  out[WSCALE_AT] = ((info.tcpi_snd_wscale ?? 0) & 15) | (((info.tcpi_rcv_wscale ?? 0) & 15) << 4);
  return TCP_INFO_STRUCT.SIZE;
}
