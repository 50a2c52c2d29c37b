import { EINVAL } from '@sandbox/abi';
import type { NetworkSettings } from '@sandbox/kernel-core/process';
import type { StackSettings } from '@sandbox/net';

/** A parameter under /proc/sys/net that a stack goes by. */
interface NetSysctl {
  /** Value while nobody set it. */
  readonly initial: string;
  /** The numbers of a text; null: it cannot be set to that. */
  readonly parse: (text: string) => readonly number[] | null;
  readonly apply: (settings: StackSettings, values: readonly number[]) => void;
}

function numbers(text: string): readonly number[] | null {
  const parts = text.replace(/\0.*$/s, '').trim().split(/\s+/);
  return parts.every((part) => /^-?\d{1,15}$/.test(part)) ? parts.map(Number) : null;
}

/** `count` numbers of a range. */
function list(count: number, low: number, high: number): NetSysctl['parse'] {
  return (text) => {
    const values = numbers(text);
    return values?.length === count && values.every((v) => v >= low && v <= high) ? values : null;
  };
}

const flag = list(1, 0, 1);
/** Bytes one socket's buffer may grow to, whatever a guest's root wishes. */
const MOST_MEMORY = 16 * 1024 * 1024;

/** sysctls by their path below /proc/sys (ip(7), tcp(7); Documentation/networking/ip-sysctl.rst). */
export const NET_SYSCTLS: ReadonlyMap<string, NetSysctl> = new Map<string, NetSysctl>([
  [
    'net/ipv4/ip_forward',
    {
      initial: '0',
      parse: flag,
      apply: (s, [v]) => {
        s.forwarding4 = v === 1;
      },
    },
  ],
  [
    'net/ipv6/conf/all/forwarding',
    {
      initial: '0',
      parse: flag,
      apply: (s, [v]) => {
        s.forwarding6 = v === 1;
      },
    },
  ],
  [
    'net/ipv4/ip_default_ttl',
    {
      initial: '64',
      parse: list(1, 1, 255),
      apply: (s, [v]) => {
        s.defaultTtl = v;
      },
    },
  ],
  [
    'net/ipv4/ip_local_port_range',
    {
      initial: '32768\t60999',
      parse: (text) => {
        const range = list(2, 1, 65535)(text);
        return range !== null && range[0] <= range[1] ? range : null;
      },
      apply: (s, [low, high]) => {
        s.portLow = low;
        s.portHigh = high;
      },
    },
  ],
  [
    'net/ipv4/ip_unprivileged_port_start',
    {
      initial: '1024',
      parse: list(1, 0, 65535),
      apply: (s, [v]) => {
        s.unprivilegedPortStart = v;
      },
    },
  ],
  [
    'net/ipv4/ip_nonlocal_bind',
    {
      initial: '0',
      parse: flag,
      apply: (s, [v]) => {
        s.nonlocalBind = v === 1;
      },
    },
  ],
  [
    'net/ipv4/icmp_echo_ignore_all',
    {
      initial: '0',
      parse: flag,
      apply: (s, [v]) => {
        s.echoIgnoreAll = v === 1;
      },
    },
  ],
  [
    'net/ipv4/icmp_echo_ignore_broadcasts',
    {
      initial: '1',
      parse: flag,
      apply: (s, [v]) => {
        s.echoIgnoreBroadcasts = v === 1;
      },
    },
  ],
  [
    'net/ipv4/ping_group_range',
    {
      initial: '0\t2147483647',
      parse: list(2, 0, 4294967294),
      apply: (s, [low, high]) => {
        s.pingGroupLow = low;
        s.pingGroupHigh = high;
      },
    },
  ],
  [
    'net/core/somaxconn',
    {
      initial: '4096',
      parse: list(1, 0, 65535),
      apply: (s, [v]) => {
        s.somaxconn = v;
      },
    },
  ],
  [
    'net/ipv4/tcp_max_syn_backlog',
    {
      initial: '4096',
      parse: list(1, 1, 65536),
      apply: (s, [v]) => {
        s.maxSynBacklog = v;
      },
    },
  ],
  [
    'net/ipv4/tcp_syncookies',
    {
      initial: '1',
      parse: list(1, 0, 2),
      apply: (s, [v]) => {
        s.synCookies = v;
      },
    },
  ],
  [
    'net/ipv4/tcp_tw_reuse',
    {
      initial: '2',
      parse: list(1, 0, 2),
      apply: (s, [v]) => {
        s.timeWaitReuse = v;
      },
    },
  ],
  [
    'net/ipv4/tcp_fin_timeout',
    {
      initial: '60',
      parse: list(1, 1, 3600),
      apply: (s, [v]) => {
        s.tcp.finTimeout = v * 1000;
      },
    },
  ],
  [
    'net/ipv4/tcp_abort_on_overflow',
    {
      initial: '0',
      parse: flag,
      apply: (s, [v]) => {
        s.abortOnOverflow = v === 1;
      },
    },
  ],
  [
    'net/ipv4/tcp_max_tw_buckets',
    {
      initial: '8192',
      parse: list(1, 0, 65536),
      apply: (s, [v]) => {
        s.maxTimeWait = v;
      },
    },
  ],
  [
    'net/ipv4/tcp_ecn',
    {
      initial: '2',
      parse: list(1, 0, 2),
      apply: (s, [v]) => {
        s.tcp.ecn = v;
      },
    },
  ],
  [
    'net/ipv4/tcp_sack',
    {
      initial: '1',
      parse: flag,
      apply: (s, [v]) => {
        s.tcp.sack = v === 1;
      },
    },
  ],
  [
    'net/ipv4/tcp_dsack',
    {
      initial: '1',
      parse: flag,
      apply: (s, [v]) => {
        s.tcp.dsack = v === 1;
      },
    },
  ],
  [
    'net/ipv4/tcp_timestamps',
    {
      initial: '1',
      parse: list(1, 0, 2),
      apply: (s, [v]) => {
        s.tcp.timestamps = v !== 0;
      },
    },
  ],
  [
    'net/ipv4/tcp_window_scaling',
    {
      initial: '1',
      parse: flag,
      apply: (s, [v]) => {
        s.tcp.windowScaling = v === 1;
      },
    },
  ],
  [
    'net/ipv4/tcp_retries1',
    {
      initial: '3',
      parse: list(1, 0, 255),
      apply: (s, [v]) => {
        s.tcp.retries1 = v;
      },
    },
  ],
  [
    'net/ipv4/tcp_retries2',
    {
      initial: '15',
      parse: list(1, 0, 255),
      apply: (s, [v]) => {
        s.tcp.retries2 = v;
      },
    },
  ],
  [
    'net/ipv4/tcp_synack_retries',
    {
      initial: '5',
      parse: list(1, 0, 255),
      apply: (s, [v]) => {
        s.tcp.synAckRetries = v;
      },
    },
  ],
  [
    'net/ipv4/tcp_orphan_retries',
    {
      initial: '0',
      parse: list(1, 0, 255),
      apply: (s, [v]) => {
        s.tcp.orphanRetries = v === 0 ? 8 : v;
      },
    },
  ],
  [
    'net/ipv4/tcp_slow_start_after_idle',
    {
      initial: '1',
      parse: flag,
      apply: (s, [v]) => {
        s.tcp.slowStartAfterIdle = v === 1;
      },
    },
  ],
  [
    'net/ipv4/tcp_moderate_rcvbuf',
    {
      initial: '1',
      parse: flag,
      apply: (s, [v]) => {
        s.tcp.moderateReceiveBuffer = v === 1;
      },
    },
  ],
  [
    'net/ipv4/tcp_rfc1337',
    {
      initial: '0',
      parse: flag,
      apply: (s, [v]) => {
        s.tcp.rfc1337 = v === 1;
      },
    },
  ],
  [
    'net/ipv4/tcp_rmem',
    {
      initial: '4096\t131072\t6291456',
      parse: list(3, 1, MOST_MEMORY),
      apply: (s, [least, usual, most]) => {
        s.tcp.receiveMemory = [least, usual, most];
      },
    },
  ],
  [
    'net/ipv4/tcp_wmem',
    {
      initial: '4096\t16384\t4194304',
      parse: list(3, 1, MOST_MEMORY),
      apply: (s, [least, usual, most]) => {
        s.tcp.sendMemory = [least, usual, most];
      },
    },
  ],
  [
    'net/ipv6/bindv6only',
    {
      initial: '0',
      parse: flag,
      apply: (s, [v]) => {
        s.bindV6Only = v === 1;
      },
    },
  ],
]);

/** What was set, kept for a stack that may not be there yet. */
export class NetSettings implements NetworkSettings {
  private readonly texts = new Map<string, string>();
  private stack: StackSettings | null = null;

  get(path: string): string {
    return this.texts.get(path) ?? NET_SYSCTLS.get(path)!.initial;
  }

  /** 0 or -EINVAL. */
  set(path: string, text: string): number {
    const sysctl = NET_SYSCTLS.get(path)!;
    const values = sysctl.parse(text);
    if (values === null) return -EINVAL;
    this.texts.set(path, values.join('\t'));
    if (this.stack !== null) sysctl.apply(this.stack, values);
    return 0;
  }

  /** The stack is there: it gets what was set before. */
  attach(stack: StackSettings): void {
    this.stack = stack;
    for (const [path, text] of this.texts) {
      const sysctl = NET_SYSCTLS.get(path)!;
      sysctl.apply(stack, sysctl.parse(text)!);
    }
  }
}
