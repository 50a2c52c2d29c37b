/**
 * The TCP header and its options on the wire: RFC 9293 section 3.1; RFC 7323 (window scale, timestamps), RFC
 * 2018 (SACK), RFC 2883 (D-SACK uses the same option), RFC 3168 (ECE, CWR). Options of other kinds (RFC 8684
 * and more) are skipped.
 *
 * Knows no sockets. A `Segment` is a view that is filled again and again: parsing allocates nothing.
 */
import { getU16, putU16 } from '../core/bytes.js';

export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const PSH = 0x08;
export const ACK = 0x10;
export const URG = 0x20;
export const ECE = 0x40;
export const CWR = 0x80;

/** Length of the header without options. */
export const TCP_HEADER = 20;

/** Offsets of fields. */
export const TCP = {
  sourcePort: 0,
  destinationPort: 2,
  sequence: 4,
  acknowledgement: 8,
  /** The length of the header in the high four bits, in words of 4 bytes. */
  dataOffset: 12,
  flags: 13,
  window: 14,
  checksum: 16,
  urgent: 18,
} as const;

/** The flags of the header at `at`. */
export function tcpFlags(bytes: Uint8Array, at: number): number {
  return bytes[at + TCP.flags];
}

/** Bytes of the header at `at`, options included, as its own field has it: may be less than `TCP_HEADER`. */
function tcpHeaderLength(bytes: Uint8Array, at: number): number {
  return (bytes[at + TCP.dataOffset] >>> 4) << 2;
}

/** The timestamps option with the two paddings everybody sends before it. */
export const TIMESTAMP_SPACE = 12;

const OPT_EOL = 0;
const OPT_NOP = 1;
const OPT_MSS = 2;
const OPT_WINDOW_SCALE = 3;
const OPT_SACK_PERMITTED = 4;
const OPT_SACK = 5;
const OPT_TIMESTAMPS = 8;

/** Window scales above this are used as this (RFC 7323 section 2.3). */
export const MAX_WINDOW_SCALE = 14;

const EMPTY: Uint8Array = new Uint8Array(0);

/** A received segment, or what is read from one. Sequence numbers and timestamps are signed 32-bit. */
export class Segment {
  bytes = EMPTY;
  sourcePort = 0;
  destinationPort = 0;
  seq = 0;
  ack = 0;
  flags = 0;
  /** The window field as it stands, unscaled. */
  window = 0;
  /** The urgent pointer. */
  urgent = 0;
  /** The payload: `bytes[dataStart..dataEnd)`. */
  dataStart = 0;
  dataEnd = 0;
  /** Sequence number after the segment; SYN and FIN count one each. */
  end = 0;

  /** Timestamps option. */
  hasTimestamp = false;
  tsVal = 0;
  tsEcr = 0;
  /** MSS option, 0 when there is none. Only looked for in segments with SYN. */
  mss = 0;
  /** Window scale option, -1 when there is none. Only in segments with SYN. */
  windowScale = -1;
  sackPermitted = false;
  /** SACK blocks: `sacks[2i]` to `sacks[2i + 1]`, exclusive. */
  sackCount = 0;
  readonly sacks = new Int32Array(8);

  /** The IP header said Congestion Experienced. */
  congestionExperienced = false;
  /** The IP header said ECT(0) or ECT(1). */
  ecnCapable = false;

  /** Bytes of payload. */
  get length(): number {
    return this.dataEnd - this.dataStart;
  }

  /**
   * Reads the header and options at `start`. Options that are malformed end the reading of options, as in
   * Linux; they do not condemn the segment.
   *
   * @param end where the IP payload ends
   * @returns false when there is no valid header. The checksum is not looked at.
   */
  parse(bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start < TCP_HEADER) return false;
    const header = tcpHeaderLength(bytes, start);
    if (header < TCP_HEADER || start + header > end) return false;
    this.bytes = bytes;
    this.sourcePort = getU16(bytes, start + TCP.sourcePort);
    this.destinationPort = getU16(bytes, start + TCP.destinationPort);
    this.seq = read32(bytes, start + TCP.sequence);
    this.ack = read32(bytes, start + TCP.acknowledgement);
    const flags = bytes[start + TCP.flags];
    this.flags = flags;
    this.window = getU16(bytes, start + TCP.window);
    this.urgent = getU16(bytes, start + TCP.urgent);
    this.dataStart = start + header;
    this.dataEnd = end;
    this.end = (this.seq + (end - start - header) + ((flags >> 1) & 1) + (flags & 1)) | 0;
    this.sackCount = 0;
    if ((flags & SYN) !== 0) {
      this.mss = 0;
      this.windowScale = -1;
      this.sackPermitted = false;
    }
    const options = start + TCP_HEADER;
    if (header === TCP_HEADER + TIMESTAMP_SPACE && read32(bytes, options) === 0x0101080a) {
      this.hasTimestamp = true;
      this.tsVal = read32(bytes, options + 4);
      this.tsEcr = read32(bytes, options + 8);
      return true;
    }
    this.hasTimestamp = false;
    if (header > TCP_HEADER) this.parseOptions(bytes, options, this.dataStart);
    return true;
  }

  private parseOptions(bytes: Uint8Array, at: number, end: number): void {
    const syn = (this.flags & SYN) !== 0;
    while (at < end) {
      const kind = bytes[at];
      if (kind === OPT_EOL) return;
      if (kind === OPT_NOP) {
        at++;
        continue;
      }
      if (at + 1 >= end) return;
      const length = bytes[at + 1];
      if (length < 2 || at + length > end) return;
      switch (kind) {
        case OPT_MSS:
          if (length === 4 && syn) this.mss = (bytes[at + 2] << 8) | bytes[at + 3];
          break;
        case OPT_WINDOW_SCALE:
          if (length === 3 && syn) this.windowScale = Math.min(bytes[at + 2], MAX_WINDOW_SCALE);
          break;
        case OPT_SACK_PERMITTED:
          if (length === 2 && syn) this.sackPermitted = true;
          break;
        case OPT_SACK:
          if (length >= 10 && (length - 2) % 8 === 0) this.parseSacks(bytes, at + 2, (length - 2) >> 3);
          break;
        case OPT_TIMESTAMPS:
          if (length === 10) {
            this.hasTimestamp = true;
            this.tsVal = read32(bytes, at + 2);
            this.tsEcr = read32(bytes, at + 6);
          }
          break;
      }
      at += length;
    }
  }

  private parseSacks(bytes: Uint8Array, at: number, count: number): void {
    // Four blocks fill the option space, so a fifth cannot be there.
    this.sackCount = count;
    for (let i = 0; i < count; i++) {
      this.sacks[2 * i] = read32(bytes, at + 8 * i);
      this.sacks[2 * i + 1] = read32(bytes, at + 8 * i + 4);
    }
  }
}

/** Writes the 20 bytes of a header with checksum 0. `headerLength` counts the options, a multiple of 4. */
export function writeHeader(
  bytes: Uint8Array,
  at: number,
  sourcePort: number,
  destinationPort: number,
  seq: number,
  ack: number,
  headerLength: number,
  flags: number,
  window: number,
  urgent: number,
): void {
  putU16(bytes, at + TCP.sourcePort, sourcePort);
  putU16(bytes, at + TCP.destinationPort, destinationPort);
  write32(bytes, at + TCP.sequence, seq);
  write32(bytes, at + TCP.acknowledgement, ack);
  bytes[at + TCP.dataOffset] = headerLength << 2;
  bytes[at + TCP.flags] = flags;
  putU16(bytes, at + TCP.window, window);
  putU16(bytes, at + TCP.checksum, 0);
  putU16(bytes, at + TCP.urgent, urgent);
}

/** Writes NOP NOP TS: 12 bytes. Returns the position after it. */
export function writeTimestamps(bytes: Uint8Array, at: number, tsVal: number, tsEcr: number): number {
  write32(bytes, at, 0x0101080a);
  write32(bytes, at + 4, tsVal);
  write32(bytes, at + 8, tsEcr);
  return at + TIMESTAMP_SPACE;
}

/** Writes NOP NOP SACK with `count` blocks: 4 + 8 x count bytes. Returns the position after it. */
export function writeSacks(bytes: Uint8Array, at: number, sacks: Int32Array, count: number): number {
  bytes[at] = OPT_NOP;
  bytes[at + 1] = OPT_NOP;
  bytes[at + 2] = OPT_SACK;
  bytes[at + 3] = 2 + 8 * count;
  at += 4;
  for (let i = 0; i < 2 * count; i++, at += 4) write32(bytes, at, sacks[i]);
  return at;
}

/** Options of a segment with SYN. What is absent is 0, false or -1. */
export interface SynOptions {
  mss: number;
  sackPermitted: boolean;
  timestamps: boolean;
  tsVal: number;
  tsEcr: number;
  windowScale: number;
}

/**
 * Writes the options of a SYN in Linux's order, padded to a multiple of 4. Returns the position after them.
 */
export function writeSynOptions(bytes: Uint8Array, at: number, options: SynOptions): number {
  write32(bytes, at, (OPT_MSS << 24) | (4 << 16) | options.mss);
  at += 4;
  if (options.timestamps) {
    bytes[at] = options.sackPermitted ? OPT_SACK_PERMITTED : OPT_NOP;
    bytes[at + 1] = options.sackPermitted ? 2 : OPT_NOP;
    bytes[at + 2] = OPT_TIMESTAMPS;
    bytes[at + 3] = 10;
    write32(bytes, at + 4, options.tsVal);
    write32(bytes, at + 8, options.tsEcr);
    at += 12;
  } else if (options.sackPermitted) {
    write32(bytes, at, (OPT_NOP << 24) | (OPT_NOP << 16) | (OPT_SACK_PERMITTED << 8) | 2);
    at += 4;
  }
  if (options.windowScale >= 0) {
    write32(bytes, at, (OPT_NOP << 24) | (OPT_WINDOW_SCALE << 16) | (3 << 8) | options.windowScale);
    at += 4;
  }
  return at;
}

function read32(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}

function write32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 24;
  bytes[at + 1] = value >> 16;
  bytes[at + 2] = value >> 8;
  bytes[at + 3] = value;
}
