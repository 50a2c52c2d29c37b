import { ETH_HLEN } from '@sandbox/abi';
import type { Packet } from '../core/packet.js';
import { writeChecksums } from '../wire/offload.js';
import type { Link } from './link.js';
import { WrappedLink } from './wrapped.js';

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const ENHANCED_PACKET = 6;
const LINKTYPE_ETHERNET = 1;
const LINKTYPE_RAW = 101;
const OPTION_END = 0;
const OPTION_NAME = 2;
const OPTION_FLAGS = 2;
const INBOUND = 1;
const OUTBOUND = 2;

/**
 * Writes a capture in pcapng, the format of Wireshark (draft-ietf-opsawg-pcapng). One writer may serve
 * several interfaces. Every chunk is one whole block, so that the sink may be a file, a stream or a socket.
 */
export class PcapngWriter {
  private interfaces = 0;

  /** @param write takes one block; it may keep the bytes */
  constructor(private readonly write: (block: Uint8Array) => void) {
    const body = new DataView(new ArrayBuffer(16));
    body.setUint32(0, 0x1a2b3c4d, true);
    body.setUint16(4, 1, true);
    body.setUint16(6, 0, true);
    // Length of the section: not known.
    body.setInt32(8, -1, true);
    body.setInt32(12, -1, true);
    this.block(SECTION_HEADER, new Uint8Array(body.buffer));
  }

  /** A new interface. Returns its number. */
  interface(name: string, framing: 'ethernet' | 'ip', snapLength = 0x40000): number {
    const text = Buffer.from(name, 'utf8');
    const body = new Uint8Array(8 + 4 + pad(text.length) + 4);
    const view = new DataView(body.buffer);
    view.setUint16(0, framing === 'ethernet' ? LINKTYPE_ETHERNET : LINKTYPE_RAW, true);
    view.setUint32(4, snapLength, true);
    view.setUint16(8, OPTION_NAME, true);
    view.setUint16(10, text.length, true);
    body.set(text, 12);
    view.setUint16(12 + pad(text.length), OPTION_END, true);
    this.block(INTERFACE_DESCRIPTION, body);
    return this.interfaces++;
  }

  /** One packet. `time`: milliseconds since 1970. */
  packet(id: number, bytes: Uint8Array, time: number, outbound: boolean): void {
    const padded = pad(bytes.length);
    const body = new Uint8Array(20 + padded + 12);
    const view = new DataView(body.buffer);
    const microseconds = Math.round(time * 1000);
    view.setUint32(0, id, true);
    view.setUint32(4, Math.floor(microseconds / 2 ** 32), true);
    view.setUint32(8, microseconds % 2 ** 32, true);
    view.setUint32(12, bytes.length, true);
    view.setUint32(16, bytes.length, true);
    body.set(bytes, 20);
    view.setUint16(20 + padded, OPTION_FLAGS, true);
    view.setUint16(22 + padded, 4, true);
    view.setUint32(24 + padded, outbound ? OUTBOUND : INBOUND, true);
    view.setUint16(28 + padded, OPTION_END, true);
    this.block(ENHANCED_PACKET, body);
  }

  private block(type: number, body: Uint8Array): void {
    const length = body.length + 12;
    const bytes = new Uint8Array(length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, type, true);
    view.setUint32(4, length, true);
    bytes.set(body, 8);
    view.setUint32(length - 4, length, true);
    this.write(bytes);
  }
}

function pad(length: number): number {
  return (length + 3) & ~3;
}

/** A link that writes down what passes. Checksums that packets go without are there in the capture. */
export class CaptureLink extends WrappedLink {
  private readonly id: number;

  /** @param wallClock milliseconds since 1970 */
  constructor(
    inner: Link,
    private readonly writer: PcapngWriter,
    private readonly wallClock: () => number,
    name = 'eth0',
  ) {
    super(inner);
    this.id = writer.interface(name, inner.framing);
  }

  override send(packet: Packet): void {
    this.note(packet, true);
    super.send(packet);
  }

  override receive(packet: Packet): void {
    this.note(packet, false);
    super.receive(packet);
  }

  private note(packet: Packet, outbound: boolean): void {
    const copy = packet.bytes.slice(packet.start, packet.end);
    if (packet.trusted) {
      const network = this.framing === 'ethernet' ? ETH_HLEN : 0;
      const etherType =
        network > 0 && copy.length >= ETH_HLEN ? (copy[12] << 8) | copy[13] : packet.etherType;
      writeChecksums(copy, etherType, network, copy.length);
    }
    this.writer.packet(this.id, copy, this.wallClock(), outbound);
  }
}
