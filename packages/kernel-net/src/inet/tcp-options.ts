import {
  CAP_NET_ADMIN,
  EINVAL,
  EOPNOTSUPP,
  EPERM,
  TCP_CORK,
  TCP_DEFER_ACCEPT,
  TCP_FASTOPEN,
  TCP_FASTOPEN_CONNECT,
  TCP_FASTOPEN_NO_COOKIE,
  TCP_INQ,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_KEEPINTVL,
  TCP_LINGER2,
  TCP_MAXSEG,
  TCP_NODELAY,
  TCP_NOTSENT_LOWAT,
  TCP_QUICKACK,
  TCP_REPAIR,
  TCP_SAVE_SYN,
  TCP_SYNCNT,
  TCP_THIN_DUPACK,
  TCP_THIN_LINEAR_TIMEOUTS,
  TCP_TIMESTAMP,
  TCP_TX_DELAY,
  TCP_USER_TIMEOUT,
  TCP_WINDOW_CLAMP,
} from '@sandbox/abi';
import type { Cred } from '@sandbox/kernel-core/process';
import type { TcpOptions } from '@sandbox/net';
import { type OptionOwner, range, refuse } from './option-table.js';

/** One option of SOL_TCP: how it is set on what the connection looks at, and read back. */
interface TcpOption {
  /** The value to store, or a refusal. */
  readonly check?: (value: number, owner: OptionOwner, cred: Cred) => number;
  readonly set: (options: TcpOptions, value: number) => void;
  readonly get: (options: TcpOptions) => number;
}

const MAX_KEEP_SECONDS = 32767;
const MAX_COUNT = 127;
const TIMEOUT_INIT = 1;
const RTO_MAX = 120;
/** Half of the smallest receive buffer (SOCK_MIN_RCVBUF / 2). */
const MIN_CLAMP = 1152;
const MAX_LINGER2 = 120;
const DEFAULT_MSS = 536;

/** SYN-ACK retransmissions that take at least `seconds` (secs_to_retrans). */
function toRetransmissions(seconds: number): number {
  if (seconds <= 0) return 0;
  let count = 1;
  let timeout = TIMEOUT_INIT;
  let period = TIMEOUT_INIT;
  while (seconds > period && count < 255) {
    count++;
    timeout = Math.min(timeout * 2, RTO_MAX);
    period += timeout;
  }
  return count;
}

/** And back (retrans_to_secs). */
function toSeconds(retransmissions: number): number {
  if (retransmissions === 0) return 0;
  let timeout = TIMEOUT_INIT;
  let period = TIMEOUT_INIT;
  for (let i = 1; i < retransmissions; i++) {
    timeout = Math.min(timeout * 2, RTO_MAX);
    period += timeout;
  }
  return period;
}

/** tcp(7): options that mean nothing here and can only have the value they have. */
function fixed(value: number, errno: number): TcpOption {
  return { check: (v) => (v === value ? v : refuse(errno)), set: () => {}, get: () => value };
}

const OPTIONS: ReadonlyMap<number, TcpOption> = new Map<number, TcpOption>([
  [
    TCP_NODELAY,
    {
      set: (o, v) => {
        o.noDelay = v !== 0;
      },
      get: (o) => (o.noDelay ? 1 : 0),
    },
  ],
  [
    TCP_CORK,
    {
      set: (o, v) => {
        o.cork = v !== 0;
      },
      get: (o) => (o.cork ? 1 : 0),
    },
  ],
  [
    TCP_QUICKACK,
    {
      set: (o, v) => {
        o.quickAck = (v & 1) !== 0 || v !== 0;
      },
      get: (o) => (o.quickAck ? 1 : 0),
    },
  ],
  [
    TCP_MAXSEG,
    {
      check: (v) => (v !== 0 && (v < 88 || v > 32767) ? refuse(EINVAL) : v),
      set: (o, v) => {
        o.maxSegment = v;
      },
      get: (o) => (o.maxSegment === 0 ? DEFAULT_MSS : o.maxSegment),
    },
  ],
  [
    TCP_KEEPIDLE,
    {
      check: range(1, MAX_KEEP_SECONDS),
      set: (o, v) => {
        o.keepIdle = v * 1000;
      },
      get: (o) => o.keepIdle / 1000,
    },
  ],
  [
    TCP_KEEPINTVL,
    {
      check: range(1, MAX_KEEP_SECONDS),
      set: (o, v) => {
        o.keepInterval = v * 1000;
      },
      get: (o) => o.keepInterval / 1000,
    },
  ],
  [
    TCP_KEEPCNT,
    {
      check: range(1, MAX_COUNT),
      set: (o, v) => {
        o.keepCount = v;
      },
      get: (o) => o.keepCount,
    },
  ],
  [
    TCP_SYNCNT,
    {
      check: range(1, MAX_COUNT),
      set: (o, v) => {
        o.synCount = v;
      },
      get: (o) => o.synCount,
    },
  ],
  [
    TCP_LINGER2,
    {
      set: (o, v) => {
        o.linger2 = v < 0 ? -1 : v === 0 ? 60_000 : Math.min(v, MAX_LINGER2) * 1000;
      },
      get: (o) => (o.linger2 < 0 ? -1 : o.linger2 / 1000),
    },
  ],
  [
    TCP_DEFER_ACCEPT,
    {
      set: (o, v) => {
        o.deferAccept = toRetransmissions(v);
      },
      get: (o) => toSeconds(o.deferAccept),
    },
  ],
  [
    TCP_WINDOW_CLAMP,
    {
      set: (o, v) => {
        o.windowClamp = v === 0 ? 0 : Math.max(v, MIN_CLAMP);
      },
      get: (o) => o.windowClamp,
    },
  ],
  [
    TCP_USER_TIMEOUT,
    {
      check: range(0, 0x7fffffff),
      set: (o, v) => {
        o.userTimeout = v;
      },
      get: (o) => o.userTimeout,
    },
  ],
  [TCP_THIN_DUPACK, fixed(0, EINVAL)],
  // TCP fast open and connection repair are not there; asked for, they are refused.
  [
    TCP_FASTOPEN,
    {
      check: (v) => (v < 0 ? refuse(EINVAL) : v === 0 ? 0 : refuse(EOPNOTSUPP)),
      set: () => {},
      get: () => 0,
    },
  ],
  [
    TCP_FASTOPEN_CONNECT,
    {
      check: (v) => (v < 0 || v > 1 ? refuse(EINVAL) : v === 0 ? 0 : refuse(EOPNOTSUPP)),
      set: () => {},
      get: () => 0,
    },
  ],
  [
    TCP_FASTOPEN_NO_COOKIE,
    {
      check: (v) => (v < 0 || v > 1 ? refuse(EINVAL) : v === 0 ? 0 : refuse(EOPNOTSUPP)),
      set: () => {},
      get: () => 0,
    },
  ],
  [
    TCP_REPAIR,
    {
      check: (v, { network }, cred) =>
        !network.may(cred, CAP_NET_ADMIN)
          ? refuse(EPERM)
          : v === 0
            ? 0
            : v === 1 || v === -1
              ? refuse(EOPNOTSUPP)
              : refuse(EINVAL),
      set: () => {},
      get: () => 0,
    },
  ],
  [TCP_TIMESTAMP, fixed(0, EPERM)],
  [TCP_TX_DELAY, fixed(0, EOPNOTSUPP)],
]);

/**
 * Options that are remembered and nothing more: they tune what has no counterpart here, or what recvmsg
 * reports.
 */
const REMEMBERED: ReadonlyMap<number, (value: number) => number> = new Map([
  [TCP_THIN_LINEAR_TIMEOUTS, range(0, 1)],
  [TCP_INQ, range(0, 1)],
  [TCP_SAVE_SYN, range(0, 2)],
  // 0 stands for no limit, which the connection has as the largest number.
  [TCP_NOTSENT_LOWAT, (value) => value],
]);

export function tcpOption(name: number): TcpOption | undefined {
  return OPTIONS.get(name);
}

export function rememberedTcpOption(name: number): ((value: number) => number) | undefined {
  return REMEMBERED.get(name);
}
