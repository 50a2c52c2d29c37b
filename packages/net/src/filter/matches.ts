import { IPPROTO_TCP, IPPROTO_UDP, RTN_BROADCAST, RTN_LOCAL, RTN_MULTICAST, RTN_UNICAST } from '@sandbox/abi';
import type { IpAddress } from '../core/address.js';
import type { IpStack } from '../ip/stack.js';
import { CT_UNTRACKED } from './conntrack.js';
import { hasPorts } from './flow.js';
import type { Match, Visit } from './rules.js';

/** Ports from `low` to `high`, or all others. */
export interface PortRange {
  readonly low: number;
  readonly high: number;
  readonly invert: boolean;
}

function within(port: number, { low, high, invert }: PortRange): boolean {
  return (port >= low && port <= high) !== invert;
}

/** -m tcp: ports, flags, an option. */
export class TcpMatch implements Match {
  constructor(
    private readonly source: PortRange,
    private readonly destination: PortRange,
    private readonly flagMask: number,
    private readonly flags: number,
    private readonly invertFlags: boolean,
    /** Number of an option that must be there; 0: any. */
    private readonly option: number,
    private readonly invertOption: boolean,
  ) {}

  matches({ packet: { bytes }, flow }: Visit): boolean {
    if (flow.laterFragment || flow.protocol !== IPPROTO_TCP) return false;
    if (!within(flow.sourcePort, this.source) || !within(flow.destinationPort, this.destination))
      return false;
    if (((bytes[flow.transport + 13] & this.flagMask) === this.flags) === this.invertFlags) return false;
    return this.option === 0 || this.hasOption(bytes, flow.transport) !== this.invertOption;
  }

  private hasOption(bytes: Uint8Array, transport: number): boolean {
    const end = transport + (bytes[transport + 12] >>> 4) * 4;
    for (let at = transport + 20; at < end; ) {
      if (bytes[at] === this.option) return true;
      at += bytes[at] < 2 ? 1 : Math.max(bytes[at + 1], 1);
    }
    return false;
  }
}

/** -m udp: ports. */
export class UdpMatch implements Match {
  constructor(
    private readonly protocol: number,
    private readonly source: PortRange,
    private readonly destination: PortRange,
  ) {}

  matches({ flow }: Visit): boolean {
    return (
      !flow.laterFragment &&
      flow.protocol === (this.protocol || IPPROTO_UDP) &&
      within(flow.sourcePort, this.source) &&
      within(flow.destinationPort, this.destination)
    );
  }
}

/** -m icmp, -m icmp6: a type and a range of codes. */
export class IcmpMatch implements Match {
  constructor(
    /** 255: any. */
    private readonly type: number,
    private readonly lowCode: number,
    private readonly highCode: number,
    private readonly invert: boolean,
  ) {}

  matches({ packet: { bytes }, flow }: Visit): boolean {
    if (flow.laterFragment || flow.end - flow.transport < 4) return false;
    const code = bytes[flow.transport + 1];
    const same = bytes[flow.transport] === this.type && code >= this.lowCode && code <= this.highCode;
    return (this.type === 255 || same) !== this.invert;
  }
}

/** What a packet is to its connection: bits 1 << CT_*. */
export const STATE_SOURCE_CHANGED = 1 << 4;
export const STATE_DESTINATION_CHANGED = 1 << 5;
export const STATE_UNTRACKED = 1 << 6;

/** -m state, -m conntrack --ctstate and --ctdir. */
export class StateMatch implements Match {
  constructor(
    /** Bits 1 << CT_*, STATE_SOURCE_CHANGED, STATE_DESTINATION_CHANGED; 0: any. */
    private readonly states: number,
    private readonly invert: boolean,
    /** Answers only, or none of them; null: any. */
    private readonly reply: boolean | null = null,
  ) {}

  matches({ packet }: Visit): boolean {
    if (this.reply !== null && packet.reply !== this.reply) return false;
    if (this.states === 0) return true;
    let bits = packet.connectionInfo === CT_UNTRACKED ? STATE_UNTRACKED : 1 << packet.connectionInfo;
    if (packet.connection?.sourceChanged) bits |= STATE_SOURCE_CHANGED;
    if (packet.connection?.destinationChanged) bits |= STATE_DESTINATION_CHANGED;
    return ((bits & this.states) !== 0) !== this.invert;
  }
}

/** -m multiport */
export class MultiportMatch implements Match {
  constructor(
    private readonly sources: boolean,
    private readonly destinations: boolean,
    private readonly ranges: readonly PortRange[],
    private readonly invert: boolean,
  ) {}

  matches({ flow }: Visit): boolean {
    if (flow.laterFragment || !hasPorts(flow.protocol)) return false;
    const hit = this.ranges.some(
      (range) =>
        (this.sources && within(flow.sourcePort, range)) ||
        (this.destinations && within(flow.destinationPort, range)),
    );
    return hit !== this.invert;
  }
}

/** -m mark */
export class MarkMatch implements Match {
  constructor(
    private readonly mark: number,
    private readonly mask: number,
    private readonly invert: boolean,
  ) {}

  matches({ packet }: Visit): boolean {
    return (((packet.mark & this.mask) ^ this.mark) === 0) !== this.invert;
  }
}

/** -m addrtype: what the routes say of an address (bits 1 << RTN_*; 0: anything). */
export class AddressTypeMatch implements Match {
  constructor(
    private readonly stack: IpStack,
    private readonly source: number,
    private readonly destination: number,
    private readonly invertSource: boolean,
    private readonly invertDestination: boolean,
  ) {}

  matches({ flow }: Visit): boolean {
    return (
      (this.source === 0 || this.is(flow.source, this.source) !== this.invertSource) &&
      (this.destination === 0 || this.is(flow.destination, this.destination) !== this.invertDestination)
    );
  }

  private is(address: IpAddress, types: number): boolean {
    const type = TYPES[this.stack.localType(address) ?? 'unicast'];
    return (types & (1 << type)) !== 0;
  }
}

const TYPES = {
  local: RTN_LOCAL,
  broadcast: RTN_BROADCAST,
  multicast: RTN_MULTICAST,
  unicast: RTN_UNICAST,
} as const;

/** -m limit: a token bucket (xt_limit). */
export class LimitMatch implements Match {
  private credit: number;
  private last: number;

  constructor(
    /** Ms from one packet to the next, on average. */
    private readonly period: number,
    private readonly burst: number,
    private readonly now: () => number,
  ) {
    this.credit = burst;
    this.last = now();
  }

  matches(): boolean {
    const now = this.now();
    this.credit = Math.min(this.burst, this.credit + (now - this.last) / this.period);
    this.last = now;
    if (this.credit < 1) return false;
    this.credit--;
    return true;
  }
}

/** Ids from `low` to `high`, or all others. */
export interface IdRange {
  readonly low: number;
  readonly high: number;
  readonly invert: boolean;
}

/** -m owner: whose socket a packet of this host comes from. */
export class OwnerMatch implements Match {
  constructor(
    private readonly uids: IdRange | null,
    private readonly gids: IdRange | null,
    /** There is a socket; null: not asked for. */
    private readonly exists: boolean | null,
  ) {}

  matches({ packet: { owner } }: Visit): boolean {
    if (owner === null)
      return (this.uids?.invert ?? true) && (this.gids?.invert ?? true) && this.exists !== true;
    if (this.exists === false) return false;
    return of(this.uids, owner.uid) && of(this.gids, owner.gid);
  }
}

function of(range: IdRange | null, id: number): boolean {
  return range === null || (id >= range.low && id <= range.high) !== range.invert;
}

/** -m connmark */
export class ConnectionMarkMatch implements Match {
  constructor(
    private readonly mark: number,
    private readonly mask: number,
    private readonly invert: boolean,
  ) {}

  matches({ packet: { connection } }: Visit): boolean {
    return connection !== null && (((connection.mark & this.mask) ^ this.mark) === 0) !== this.invert;
  }
}

/** -m comment */
export const COMMENT_MATCH: Match = { matches: () => true };
