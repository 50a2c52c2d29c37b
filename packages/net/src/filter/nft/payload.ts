/** Expressions that read and write the packet. */
import {
  ETH_HLEN,
  IPPROTO_FRAGMENT,
  IPPROTO_ICMPV6,
  IPPROTO_TCP,
  IPPROTO_UDP,
  NFT_BREAK,
  NFT_PAYLOAD_INNER_HEADER,
  NFT_PAYLOAD_L4CSUM_PSEUDOHDR,
  NFT_PAYLOAD_LL_HEADER,
  NFT_PAYLOAD_NETWORK_HEADER,
  NFT_PAYLOAD_TRANSPORT_HEADER,
} from '@sandbox/abi';
import { writeChecksums } from '../../wire/offload.js';
import type { Visit } from '../rules.js';
import type { Expression, Registers } from './registers.js';

/** Where a header begins; -1: it is not there. */
function headerAt(base: number, { packet, flow, input }: Visit): number {
  switch (base) {
    case NFT_PAYLOAD_LL_HEADER:
      return input?.resolves === true && !packet.looped && flow.network >= ETH_HLEN
        ? flow.network - ETH_HLEN
        : -1;
    case NFT_PAYLOAD_NETWORK_HEADER:
      return flow.network;
    case NFT_PAYLOAD_TRANSPORT_HEADER:
      return flow.laterFragment ? -1 : flow.transport;
    case NFT_PAYLOAD_INNER_HEADER:
      return innerAt(packet.bytes, flow);
    default:
      return -1;
  }
}

function innerAt(bytes: Uint8Array, { laterFragment, protocol, transport, end }: Visit['flow']): number {
  if (laterFragment) return -1;
  if (protocol === IPPROTO_UDP) return transport + 8;
  if (protocol !== IPPROTO_TCP || end - transport < 20) return -1;
  return transport + (bytes[transport + 12] >>> 4) * 4;
}

/** Bytes of a header into registers. */
export class PayloadLoad implements Expression {
  constructor(
    private readonly target: number,
    private readonly base: number,
    private readonly offset: number,
    private readonly length: number,
  ) {}

  evaluate(registers: Registers, visit: Visit): void {
    const start = headerAt(this.base, visit);
    const at = start + this.offset;
    const { bytes } = visit.packet;
    if (start < 0 || at + this.length > visit.flow.end) {
      registers.verdict = NFT_BREAK;
      return;
    }
    const padded = (this.length + 3) & ~3;
    registers.bytes.fill(0, this.target + this.length, this.target + padded);
    for (let i = 0; i < this.length; i++) registers.bytes[this.target + i] = bytes[at + i];
  }
}

/** Registers into a header; the checksums over it are made right. */
export class PayloadStore implements Expression {
  constructor(
    private readonly source: number,
    private readonly base: number,
    private readonly offset: number,
    private readonly length: number,
    private readonly checksum: { readonly type: number; readonly flags: number },
  ) {}

  evaluate(registers: Registers, visit: Visit): void {
    const { packet, flow } = visit;
    const start = headerAt(this.base, visit);
    const at = start + this.offset;
    // The length of the header is not to be changed under whoever goes by it.
    if (start < 0 || at + this.length > flow.end || packet.shared) {
      registers.verdict = NFT_BREAK;
      return;
    }
    const { bytes } = packet;
    for (let i = 0; i < this.length; i++) bytes[at + i] = registers.bytes[this.source + i];
    const asked = this.checksum.type !== 0 || (this.checksum.flags & NFT_PAYLOAD_L4CSUM_PSEUDOHDR) !== 0;
    if (asked && !packet.trusted) writeChecksums(bytes, packet.etherType, flow.network, flow.end);
    if (!flow.read(packet)) registers.verdict = NFT_BREAK;
  }
}

/** An option of TCP, or whether it is there. */
export class TcpOptionLoad implements Expression {
  constructor(
    private readonly target: number,
    private readonly kind: number,
    private readonly offset: number,
    private readonly length: number,
    private readonly presence: boolean,
  ) {}

  evaluate(registers: Registers, { packet: { bytes }, flow }: Visit): void {
    const at = flow.protocol === IPPROTO_TCP && !flow.laterFragment ? this.find(bytes, flow.transport) : -1;
    if (this.presence) registers.store(this.target, at < 0 ? 0 : 1);
    else if (at < 0 || this.offset + this.length > bytes[at + 1]) registers.verdict = NFT_BREAK;
    else {
      registers.bytes.fill(0, this.target, this.target + ((this.length + 3) & ~3));
      for (let i = 0; i < this.length; i++) registers.bytes[this.target + i] = bytes[at + this.offset + i];
    }
  }

  private find(bytes: Uint8Array, transport: number): number {
    const end = transport + (bytes[transport + 12] >>> 4) * 4;
    for (let at = transport + 20; at + 1 < end; ) {
      const kind = bytes[at];
      const length = kind < 2 ? 1 : bytes[at + 1];
      if (kind >= 2 && (length < 2 || at + length > end)) return -1;
      if (kind === this.kind) return at;
      at += length;
    }
    return -1;
  }
}

/** An extension header of IPv6, or whether it is there (NFT_EXTHDR_OP_IPV6). */
export class ExtensionLoad implements Expression {
  constructor(
    private readonly target: number,
    private readonly type: number,
    private readonly offset: number,
    private readonly length: number,
    private readonly presence: boolean,
  ) {}

  evaluate(registers: Registers, visit: Visit): void {
    const at = visit.flow.isV4 ? -1 : this.find(visit);
    if (this.presence) registers.store(this.target, at < 0 ? 0 : 1);
    else if (at < 0 || at + this.offset + this.length > visit.flow.end) registers.verdict = NFT_BREAK;
    else {
      registers.bytes.fill(0, this.target, this.target + ((this.length + 3) & ~3));
      const { bytes } = visit.packet;
      for (let i = 0; i < this.length; i++) registers.bytes[this.target + i] = bytes[at + this.offset + i];
    }
  }

  private find({ packet: { bytes }, flow }: Visit): number {
    let next = bytes[flow.network + 6];
    // The walk that found the transport header has looked at these lengths.
    for (let at = flow.network + 40; at < flow.transport; ) {
      if (next === this.type) return at;
      const fragment = next === IPPROTO_FRAGMENT;
      next = bytes[at];
      at += fragment ? 8 : (bytes[at + 1] + 1) * 8;
    }
    return next === this.type && next !== IPPROTO_ICMPV6 ? flow.transport : -1;
  }
}
