/** Netlink messages and attributes (netlink(7)). */
import { AF_INET, NLA_F_NESTED, NLA_F_NET_BYTEORDER, NLMSGHDR } from '@sandbox/abi';
import { IpAddress } from '../core/address.js';

function align(length: number): number {
  return (length + 3) & ~3;
}

/**
 * Writes netlink messages (netlink(7)) one behind the other into a buffer that grows. Reused by its owner.
 */
export class NetlinkWriter {
  bytes = new Uint8Array(4096);
  private view = new DataView(this.bytes.buffer);
  /** End of what is written. */
  end = 0;
  private messageStart = 0;

  reset(): this {
    this.end = 0;
    return this;
  }

  private reserve(count: number): number {
    const at = this.end;
    if (at + count > this.bytes.length) {
      const bigger = new Uint8Array(Math.max(this.bytes.length * 2, at + count));
      bigger.set(this.bytes.subarray(0, at));
      this.bytes = bigger;
      this.view = new DataView(bigger.buffer);
    }
    this.bytes.fill(0, at, at + count);
    this.end = at + count;
    return at;
  }

  /** Begin a message; `finish` stores its length. */
  begin(type: number, flags: number, sequence: number, port: number): void {
    const at = this.reserve(NLMSGHDR.SIZE);
    this.messageStart = at;
    this.view.setUint16(at + NLMSGHDR.nlmsg_type, type, true);
    this.view.setUint16(at + NLMSGHDR.nlmsg_flags, flags, true);
    this.view.setUint32(at + NLMSGHDR.nlmsg_seq, sequence, true);
    this.view.setUint32(at + NLMSGHDR.nlmsg_pid, port, true);
  }

  finish(): void {
    this.view.setUint32(this.messageStart, this.end - this.messageStart, true);
    this.reserve(align(this.end) - this.end);
  }

  /** Take back the message begun last. */
  cancel(): void {
    this.end = this.messageStart;
  }

  /**
   * Room for a fixed header of `size` bytes, zeroed; where it is. Set its fields with `set8`, `set16`,
   * `set32`.
   */
  header(size: number): number {
    const at = this.reserve(align(size));
    return at;
  }

  set8(at: number, value: number): void {
    this.bytes[at] = value;
  }
  set16(at: number, value: number): void {
    this.view.setUint16(at, value, true);
  }
  set32(at: number, value: number): void {
    this.view.setUint32(at, value >>> 0, true);
  }
  set64(at: number, value: number): void {
    this.view.setUint32(at, value >>> 0, true);
    this.view.setUint32(at + 4, Math.floor(value / 4294967296), true);
  }
  /** Network byte order. */
  setBe16(at: number, value: number): void {
    this.view.setUint16(at, value);
  }

  /** An attribute with room for `size` bytes; where they are. */
  attribute(type: number, size: number): number {
    const at = this.reserve(4 + align(size));
    this.view.setUint16(at, 4 + size, true);
    this.view.setUint16(at + 2, type, true);
    return at + 4;
  }

  u8(type: number, value: number): void {
    this.bytes[this.attribute(type, 1)] = value;
  }
  u16(type: number, value: number): void {
    this.set16(this.attribute(type, 2), value);
  }
  u32(type: number, value: number): void {
    this.set32(this.attribute(type, 4), value);
  }
  /** A string with its NUL. */
  string(type: number, text: string): void {
    const at = this.attribute(type, text.length + 1);
    for (let i = 0; i < text.length; i++) this.bytes[at + i] = text.charCodeAt(i);
  }
  data(type: number, bytes: Uint8Array): void {
    const at = this.attribute(type, bytes.length);
    this.bytes.set(bytes, at);
  }
  /** Attributes as they are. */
  raw(bytes: Uint8Array): void {
    const at = this.reserve(align(bytes.length));
    this.bytes.set(bytes, at);
  }
  /** An address as 4 or 16 bytes. */
  address(
    type: number,
    address: { toBytes(bytes: Uint8Array, at?: number): number; readonly bits: number },
  ): void {
    const at = this.attribute(type, address.bits / 8);
    address.toBytes(this.bytes, at);
  }

  /** Begin an attribute that holds others; give the result to `endNest`. */
  nest(type: number): number {
    return this.attribute(type, 0) - 4;
  }
  endNest(at: number): void {
    this.view.setUint16(at, this.end - at, true);
  }

  /** What was written, as bytes of their own. */
  take(): Uint8Array {
    const out = this.bytes.slice(0, this.end);
    this.end = 0;
    return out;
  }
}

/**
 * Values of one level of attributes, by type: the last of each. Malformed ends are ignored, as nla_parse does
 * without a policy.
 */
export function parseAttributes(bytes: Uint8Array, from: number): Map<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  let at = align(from);
  while (at + 4 <= bytes.length) {
    const length = bytes[at] | (bytes[at + 1] << 8);
    if (length < 4 || at + length > bytes.length) break;
    const type = (bytes[at + 2] | (bytes[at + 3] << 8)) & ~(NLA_F_NESTED | NLA_F_NET_BYTEORDER);
    found.set(type, bytes.subarray(at + 4, at + length));
    at += align(length);
  }
  return found;
}

export function u16At(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
}

export function u32At(bytes: Uint8Array, at: number): number {
  return (u16At(bytes, at) | (u16At(bytes, at + 2) << 16)) >>> 0;
}

/** A u32 attribute, or `fallback`. */
export function u32Of(attributes: Map<number, Uint8Array>, type: number, fallback = 0): number {
  const value = attributes.get(type);
  return value === undefined || value.length < 4 ? fallback : u32At(value, 0);
}

/** A string attribute up to its NUL, as a byte string; undefined: not there. */
export function stringOf(attributes: Map<number, Uint8Array>, type: number): string | undefined {
  const value = attributes.get(type);
  if (value === undefined) return undefined;
  let text = '';
  for (const byte of value) {
    if (byte === 0) break;
    text += String.fromCharCode(byte);
  }
  return text;
}

/** An address attribute of `family`; null: not there, or not of its length. */
export function addressOf(
  attributes: Map<number, Uint8Array>,
  type: number,
  family: number,
): IpAddress | null {
  const value = attributes.get(type);
  if (value === undefined) return null;
  if (family === AF_INET) return value.length >= 4 ? IpAddress.fromBytes4(value) : null;
  return value.length >= 16 ? IpAddress.fromBytes6(value) : null;
}
