/** Expressions about the connection a packet belongs to (ct of nft(8)). */
import {
  AF_INET,
  AF_INET6,
  NFT_BREAK,
  NFT_CT_DIRECTION,
  NFT_CT_DST,
  NFT_CT_DST_IP,
  NFT_CT_DST_IP6,
  NFT_CT_EXPIRATION,
  NFT_CT_ID,
  NFT_CT_L3PROTOCOL,
  NFT_CT_MARK,
  NFT_CT_PROTO_DST,
  NFT_CT_PROTO_SRC,
  NFT_CT_PROTOCOL,
  NFT_CT_SRC,
  NFT_CT_SRC_IP,
  NFT_CT_SRC_IP6,
  NFT_CT_STATE,
  NFT_CT_STATUS,
} from '@sandbox/abi';
import type { Connection, Tuple } from '../../core/connection.js';
import { CT_UNTRACKED } from '../conntrack.js';
import type { Visit } from '../rules.js';
import type { Expression, Registers } from './registers.js';

/** NF_CT_STATE_BIT: INVALID is bit 0, then ESTABLISHED, RELATED, NEW; UNTRACKED is bit 6. */
function stateBits({ packet }: Visit): number {
  if (packet.connection !== null) return 2 << packet.connectionInfo;
  return packet.connectionInfo === CT_UNTRACKED ? 64 : 1;
}

export class ConnectionLoad implements Expression {
  constructor(
    private readonly target: number,
    private readonly key: number,
    /** Whose addresses and ports. */
    private readonly reply: boolean,
    private readonly now: () => number,
  ) {}

  static knows(key: number): boolean {
    return LENGTHS.has(key);
  }

  /** Bytes of what is loaded for `key`, for a family. */
  static lengthOf(key: number, family: number): number {
    const length = LENGTHS.get(key) ?? 0;
    return length === 0 ? (family === AF_INET ? 4 : 16) : length;
  }

  evaluate(registers: Registers, visit: Visit): void {
    const entry = visit.packet.connection;
    if (this.key === NFT_CT_STATE) registers.store(this.target, stateBits(visit));
    else if (entry === null) registers.verdict = NFT_BREAK;
    else if (!this.load(registers, visit, entry)) registers.verdict = NFT_BREAK;
  }

  private load(registers: Registers, { packet }: Visit, entry: Connection): boolean {
    const { target } = this;
    const tuple = this.reply ? entry.reply : entry.original;
    const { isV4 } = tuple.source;
    switch (this.key) {
      case NFT_CT_DIRECTION:
        registers.store(target, packet.reply ? 1 : 0);
        return true;
      case NFT_CT_STATUS:
        registers.store(target, entry.status);
        return true;
      case NFT_CT_MARK:
        registers.store(target, entry.mark);
        return true;
      case NFT_CT_EXPIRATION:
        registers.store(target, Math.max(0, Math.round(entry.expires - this.now())));
        return true;
      case NFT_CT_L3PROTOCOL:
        registers.store(target, isV4 ? AF_INET : AF_INET6);
        return true;
      case NFT_CT_PROTOCOL:
        registers.store(target, tuple.protocol);
        return true;
      case NFT_CT_ID:
        registers.store(target, entry.id);
        return true;
      default:
        return this.place(registers, tuple, isV4);
    }
  }

  private place(registers: Registers, tuple: Tuple, isV4: boolean): boolean {
    const { target } = this;
    switch (this.key) {
      case NFT_CT_SRC:
      case NFT_CT_DST:
        (this.key === NFT_CT_SRC ? tuple.source : tuple.destination).toBytes(registers.bytes, target);
        return true;
      case NFT_CT_PROTO_SRC:
      case NFT_CT_PROTO_DST: {
        const port = this.key === NFT_CT_PROTO_SRC ? tuple.sourcePort : tuple.destinationPort;
        registers.store(target, ((port & 0xff) << 8) | (port >>> 8));
        return true;
      }
      case NFT_CT_SRC_IP:
      case NFT_CT_DST_IP:
      case NFT_CT_SRC_IP6:
      case NFT_CT_DST_IP6: {
        if (isV4 !== (this.key === NFT_CT_SRC_IP || this.key === NFT_CT_DST_IP)) return false;
        const source = this.key === NFT_CT_SRC_IP || this.key === NFT_CT_SRC_IP6;
        (source ? tuple.source : tuple.destination).toBytes(registers.bytes, target);
        return true;
      }
      default:
        return false;
    }
  }
}

/** 0: as long as an address. */
const LENGTHS: ReadonlyMap<number, number> = new Map([
  [NFT_CT_STATE, 4],
  [NFT_CT_DIRECTION, 1],
  [NFT_CT_STATUS, 4],
  [NFT_CT_MARK, 4],
  [NFT_CT_EXPIRATION, 4],
  [NFT_CT_L3PROTOCOL, 1],
  [NFT_CT_PROTOCOL, 1],
  [NFT_CT_ID, 4],
  [NFT_CT_SRC, 0],
  [NFT_CT_DST, 0],
  [NFT_CT_PROTO_SRC, 2],
  [NFT_CT_PROTO_DST, 2],
  [NFT_CT_SRC_IP, 4],
  [NFT_CT_DST_IP, 4],
  [NFT_CT_SRC_IP6, 16],
  [NFT_CT_DST_IP6, 16],
]);

/** ct mark set */
export class ConnectionMarkStore implements Expression {
  constructor(private readonly source: number) {}

  evaluate({ view }: Registers, { packet }: Visit): void {
    if (packet.connection !== null) packet.connection.mark = view.getUint32(this.source, true);
  }
}

/** notrack: the packet belongs to no connection. */
export const NO_TRACK: Expression = {
  evaluate: (_registers, { packet }) => {
    if (packet.connection === null) packet.connectionInfo = CT_UNTRACKED;
  },
};
