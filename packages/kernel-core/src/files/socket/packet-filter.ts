import {
  SKF_AD_CPU,
  SKF_AD_IFINDEX,
  SKF_AD_MARK,
  SKF_AD_MAX,
  SKF_AD_OFF,
  SKF_AD_PAY_OFFSET,
  SKF_AD_PKTTYPE,
  SKF_AD_PROTOCOL,
  SKF_AD_QUEUE,
  SKF_AD_RANDOM,
  SKF_AD_RXHASH,
  SKF_AD_VLAN_TAG,
  SKF_AD_VLAN_TAG_PRESENT,
  SKF_LL_OFF,
  SKF_NET_OFF,
} from '@sandbox/abi';
import { CLASSIC_INSTRUCTIONS } from '../../bpf/instructions.js';
import { BpfProgram, type BpfSource } from '../../bpf/program.js';
import type { Random } from '../../time/source.js';

/** What a filter may see of a packet: offsets are into `bytes`. A `Packet` of `@sandbox/net` is one. */
export interface FilteredPacket {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** Where the headers of the network and transport layers begin. */
  readonly network: number;
  readonly transport: number;
  readonly etherType: number;
  /** PACKET_HOST and its kin. */
  readonly addressed: number;
  readonly ifindex: number;
  readonly mark: number;
}

const ANCILLARY = SKF_AD_OFF >>> 0;
const NETWORK = SKF_NET_OFF >>> 0;
const LINK = SKF_LL_OFF >>> 0;

/**
 * A packet as socket filters see it: what the socket would read, and by offsets below zero its headers and
 * what is known of it.
 */
class PacketSource implements BpfSource {
  private packet: FilteredPacket | null = null;
  private random: Random | null = null;
  private bytes: Uint8Array = new Uint8Array(0);
  private start = 0;
  length = 0;

  reset(packet: FilteredPacket, start: number, random: Random): this {
    this.packet = packet;
    this.random = random;
    this.bytes = packet.bytes;
    this.start = start;
    this.length = packet.end - start;
    return this;
  }

  /** Bytes that are no packet: a message of a socket that has none. */
  resetBytes(bytes: Uint8Array): this {
    this.packet = null;
    this.bytes = bytes;
    this.start = 0;
    this.length = bytes.length;
    return this;
  }

  load(offset: number, size: number): number {
    const { packet } = this;
    let at = this.start + offset;
    let end = this.start + this.length;
    if (offset >= LINK) {
      if (packet === null) return -1;
      if (offset >= ANCILLARY) return ancillary(packet, offset - ANCILLARY, this.random!);
      // Headers lie in front of what is read.
      at = offset >= NETWORK ? packet.network + (offset - NETWORK) : packet.start + (offset - LINK);
      end = packet.end;
    }
    if (at + size > end) return -1;
    let value = 0;
    for (let i = 0; i < size; i++) value = value * 256 + this.bytes[at + i]!;
    return value;
  }
}

function ancillary(packet: FilteredPacket, what: number, random: Random): number {
  switch (what) {
    case SKF_AD_PROTOCOL:
      return packet.etherType;
    case SKF_AD_PKTTYPE:
      return packet.addressed;
    case SKF_AD_IFINDEX:
      return packet.ifindex;
    case SKF_AD_MARK:
      return packet.mark >>> 0;
    case SKF_AD_PAY_OFFSET:
      return packet.transport - packet.network;
    // One receive queue, one processor, and links without tags or hashes.
    case SKF_AD_QUEUE:
    case SKF_AD_CPU:
    case SKF_AD_RXHASH:
    case SKF_AD_VLAN_TAG:
    case SKF_AD_VLAN_TAG_PRESENT:
      return 0;
    case SKF_AD_RANDOM:
      return random.uint32();
    default:
      return -1;
  }
}

const source = new PacketSource();

/** The filter of a socket (SO_ATTACH_FILTER). */
export class PacketFilter {
  private constructor(
    readonly program: BpfProgram,
    private readonly random: Random,
  ) {}

  /** From `struct sock_filter`s; null: no sound program. */
  static parse(bytes: Uint8Array, random: Random): PacketFilter | null {
    const program = BpfProgram.parse(bytes, CLASSIC_INSTRUCTIONS, mayLoad);
    return program === null ? null : new PacketFilter(program, random);
  }

  /** Of a packet that is read from `start` on: bytes to keep of what is read, 0: none. */
  readonly keeps = (packet: FilteredPacket, start: number): number =>
    Math.max(this.program.run(source.reset(packet, start, this.random)), 0);

  /** Of a message that is no packet. */
  keepsBytes(bytes: Uint8Array): number {
    return Math.max(this.program.run(source.resetBytes(bytes)), 0);
  }
}

/** Ancillary loads must be ones there are (bpf_check_classic). */
function mayLoad(offset: number): boolean {
  return offset < ANCILLARY || (offset < ANCILLARY + SKF_AD_MAX && offset % 4 === 0);
}
