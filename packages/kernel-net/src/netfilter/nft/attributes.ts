import { NFTA_LIST_ELEM, NLA_F_NESTED, NLA_F_NET_BYTEORDER } from '@sandbox/abi';
import { type NetlinkWriter, parseAttributes } from '@sandbox/net';

/** One level of attributes, by type. */
export type Attributes = Map<number, Uint8Array>;

/** nf_tables writes its numbers in network byte order. undefined: not there, or too short. */
export function be32(attributes: Attributes, type: number): number | undefined {
  const value = attributes.get(type);
  return value === undefined || value.length < 4 ? undefined : be32At(value, 0);
}

export function be32At(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

export function be64(attributes: Attributes, type: number): number | undefined {
  const value = attributes.get(type);
  return value === undefined || value.length < 8 ? undefined : be32At(value, 0) * 2 ** 32 + be32At(value, 4);
}

/** A string up to its NUL; undefined: not there, empty or longer than `most`. */
export function text(attributes: Attributes, type: number, most = 255): string | undefined {
  const value = attributes.get(type);
  if (value === undefined) return undefined;
  const end = value.indexOf(0);
  const length = end < 0 ? value.length : end;
  return length === 0 || length > most ? undefined : String.fromCharCode(...value.subarray(0, length));
}

export function nested(attributes: Attributes, type: number): Attributes | undefined {
  const value = attributes.get(type);
  return value === undefined ? undefined : parseAttributes(value, 0);
}

/** The elements of a list (NFTA_LIST_ELEM); null: something else is in it. */
export function listOf(bytes: Uint8Array): Uint8Array[] | null {
  return valuesOf(bytes, true);
}

/** The same of a list whose elements may be numbered instead. */
export function numberedListOf(bytes: Uint8Array): Uint8Array[] {
  return valuesOf(bytes, false) ?? [];
}

function valuesOf(bytes: Uint8Array, strict: boolean): Uint8Array[] | null {
  const found: Uint8Array[] = [];
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = bytes[at]! | (bytes[at + 1]! << 8);
    if (length < 4 || at + length > bytes.length) break;
    const type = (bytes[at + 2]! | (bytes[at + 3]! << 8)) & ~(NLA_F_NESTED | NLA_F_NET_BYTEORDER);
    if (strict && type !== NFTA_LIST_ELEM) return null;
    found.push(bytes.subarray(at + 4, at + length));
    at += (length + 3) & ~3;
  }
  return found;
}

export function putBe32(w: NetlinkWriter, type: number, value: number): void {
  const at = w.attribute(type, 4);
  w.setBe16(at, (value >>> 16) & 0xffff);
  w.setBe16(at + 2, value & 0xffff);
}

export function putBe64(w: NetlinkWriter, type: number, value: number): void {
  const at = w.attribute(type, 8);
  const high = Math.floor(value / 2 ** 32);
  w.setBe16(at, (high >>> 16) & 0xffff);
  w.setBe16(at + 2, high & 0xffff);
  w.setBe16(at + 4, (value >>> 16) & 0xffff);
  w.setBe16(at + 6, value & 0xffff);
}

/** Begin a nested attribute, flagged as one. */
export function nest(w: NetlinkWriter, type: number): number {
  return w.nest(type | NLA_F_NESTED);
}
