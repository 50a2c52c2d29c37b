/** Expressions about what is known of a packet beside its bytes: meta, ct, fib, numgen. */
import {
  AF_INET,
  AF_INET6,
  NFT_BREAK,
  NFT_FIB_RESULT_ADDRTYPE,
  NFT_FIB_RESULT_OIF,
  NFT_FIB_RESULT_OIFNAME,
  NFT_META_CPU,
  NFT_META_IIF,
  NFT_META_IIFGROUP,
  NFT_META_IIFKIND,
  NFT_META_IIFNAME,
  NFT_META_IIFTYPE,
  NFT_META_L4PROTO,
  NFT_META_LEN,
  NFT_META_MARK,
  NFT_META_NFPROTO,
  NFT_META_OIF,
  NFT_META_OIFGROUP,
  NFT_META_OIFKIND,
  NFT_META_OIFNAME,
  NFT_META_OIFTYPE,
  NFT_META_PKTTYPE,
  NFT_META_PRANDOM,
  NFT_META_PRIORITY,
  NFT_META_PROTOCOL,
  NFT_META_SKGID,
  NFT_META_SKUID,
  NFTA_FIB_F_DADDR,
  NFTA_FIB_F_PRESENT,
  NFTA_FIB_F_SADDR,
  RTN_BLACKHOLE,
  RTN_BROADCAST,
  RTN_LOCAL,
  RTN_MULTICAST,
  RTN_UNICAST,
  RTN_UNREACHABLE,
} from '@sandbox/abi';
import type { NetInterface } from '../../ip/interface.js';
import type { IpStack } from '../../ip/stack.js';
import type { Visit } from '../rules.js';
import type { Expression, Registers } from './registers.js';

const NAME = 16;

/** meta: something about the packet into a register. */
export class MetaLoad implements Expression {
  constructor(
    private readonly target: number,
    private readonly key: number,
    private readonly stack: IpStack,
  ) {}

  /** Keys there are. */
  static knows(key: number): boolean {
    return KEYS.has(key);
  }

  evaluate(registers: Registers, visit: Visit): void {
    const { packet, flow, input, output } = visit;
    const { target } = this;
    switch (this.key) {
      case NFT_META_LEN:
        registers.store(target, flow.end - flow.network);
        return;
      case NFT_META_PROTOCOL:
        registers.store(target, ((packet.etherType & 0xff) << 8) | (packet.etherType >>> 8));
        return;
      case NFT_META_NFPROTO:
        registers.store(target, flow.isV4 ? AF_INET : AF_INET6);
        return;
      case NFT_META_L4PROTO:
        registers.store(target, flow.protocol);
        return;
      case NFT_META_PRIORITY:
        registers.store(target, 0);
        return;
      case NFT_META_MARK:
        registers.store(target, packet.mark);
        return;
      case NFT_META_SKUID:
      case NFT_META_SKGID: {
        const { owner } = packet;
        if (owner === null) registers.verdict = NFT_BREAK;
        else registers.store(target, this.key === NFT_META_SKUID ? owner.uid : owner.gid);
        return;
      }
      case NFT_META_PKTTYPE:
        registers.store(target, packet.addressed);
        return;
      case NFT_META_CPU:
        registers.store(target, 0);
        return;
      case NFT_META_PRANDOM:
        registers.store(target, this.stack.host.random32());
        return;
      default:
        this.ofInterface(registers, input, output);
    }
  }

  private ofInterface(registers: Registers, input: NetInterface | null, output: NetInterface | null): void {
    const { target } = this;
    switch (this.key) {
      case NFT_META_IIF:
      case NFT_META_OIF:
        registers.store(target, (this.key === NFT_META_IIF ? input : output)?.index ?? 0);
        return;
      case NFT_META_IIFNAME:
      case NFT_META_OIFNAME:
        storeName(registers, target, (this.key === NFT_META_IIFNAME ? input : output)?.name ?? '');
        return;
    }
    const inward =
      this.key === NFT_META_IIFTYPE || this.key === NFT_META_IIFGROUP || this.key === NFT_META_IIFKIND;
    const iface = inward ? input : output;
    if (iface === null) registers.verdict = NFT_BREAK;
    else if (this.key === NFT_META_IIFTYPE || this.key === NFT_META_OIFTYPE)
      registers.store16(target, iface.type);
    else if (this.key === NFT_META_IIFKIND || this.key === NFT_META_OIFKIND) registers.verdict = NFT_BREAK;
    else registers.store(target, 0);
  }
}

const KEYS: ReadonlySet<number> = new Set([
  NFT_META_LEN,
  NFT_META_PROTOCOL,
  NFT_META_NFPROTO,
  NFT_META_L4PROTO,
  NFT_META_PRIORITY,
  NFT_META_MARK,
  NFT_META_SKUID,
  NFT_META_SKGID,
  NFT_META_PKTTYPE,
  NFT_META_CPU,
  NFT_META_PRANDOM,
  NFT_META_IIF,
  NFT_META_OIF,
  NFT_META_IIFNAME,
  NFT_META_OIFNAME,
  NFT_META_IIFTYPE,
  NFT_META_OIFTYPE,
  NFT_META_IIFGROUP,
  NFT_META_OIFGROUP,
]);

function storeName({ bytes }: Registers, target: number, name: string): void {
  for (let i = 0; i < NAME; i++) bytes[target + i] = i < name.length ? name.charCodeAt(i) : 0;
}

/** meta mark set */
export class MarkStore implements Expression {
  constructor(private readonly source: number) {}

  evaluate({ view }: Registers, { packet }: Visit): void {
    packet.mark = view.getUint32(this.source, true);
  }
}

/** fib: what the routes say of an address. */
export class FibLoad implements Expression {
  constructor(
    private readonly stack: IpStack,
    private readonly target: number,
    private readonly result: number,
    private readonly flags: number,
  ) {}

  evaluate(registers: Registers, visit: Visit): void {
    const { flow } = visit;
    const address = (this.flags & NFTA_FIB_F_SADDR) !== 0 ? flow.source : flow.destination;
    if (this.result === NFT_FIB_RESULT_ADDRTYPE) {
      const type = this.stack.localType(address);
      registers.store(this.target, type === null ? this.elsewhere(visit) : TYPES[type]);
      return;
    }
    const path = this.stack.resolve(address, null);
    const iface = typeof path === 'number' ? null : path.iface;
    const present = (this.flags & NFTA_FIB_F_PRESENT) !== 0;
    if (present) registers.store(this.target, iface === null ? 0 : 1);
    else if (this.result === NFT_FIB_RESULT_OIF) registers.store(this.target, iface?.index ?? 0);
    else if (this.result === NFT_FIB_RESULT_OIFNAME) storeName(registers, this.target, iface?.name ?? '');
  }

  private elsewhere({ flow }: Visit): number {
    const address = (this.flags & NFTA_FIB_F_DADDR) !== 0 ? flow.destination : flow.source;
    const path = this.stack.resolve(address, null);
    if (typeof path !== 'number') return RTN_UNICAST;
    return address.isV4 ? RTN_BLACKHOLE : RTN_UNREACHABLE;
  }
}

const TYPES = { local: RTN_LOCAL, broadcast: RTN_BROADCAST, multicast: RTN_MULTICAST } as const;
