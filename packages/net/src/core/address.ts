import { AF_INET, AF_INET6 } from '@sandbox/abi';
import { formatV4, formatV6, parseV4, parseV6 } from './address-text.js';
import { getU32, putU32 } from './bytes.js';

/**
 * An IPv4 or IPv6 address. Immutable; made through the static functions, which keep recently used ones, so
 * that equal addresses mostly are the same object. Four 32-bit words; an IPv4 address is in the last one,
 * behind the prefix of its mapped form.
 */
export class IpAddress {
  private constructor(
    readonly isV4: boolean,
    readonly w0: number,
    readonly w1: number,
    readonly w2: number,
    readonly w3: number,
    /** A hash of family and bits, 32 bits signed. */
    readonly hash: number,
  ) {}

  static readonly ANY4 = IpAddress.make(true, 0, 0, 0xffff, 0);
  static readonly ANY6 = IpAddress.make(false, 0, 0, 0, 0);
  static readonly LOOPBACK4 = IpAddress.make(true, 0, 0, 0xffff, 0x7f000001);
  static readonly LOOPBACK6 = IpAddress.make(false, 0, 0, 0, 1);
  static readonly BROADCAST4 = IpAddress.make(true, 0, 0, 0xffff, 0xffffffff);

  private static make(isV4: boolean, w0: number, w1: number, w2: number, w3: number): IpAddress {
    let h = Math.imul(w0 ^ 0x9e3779b9, 0x85ebca6b) ^ w1;
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35) ^ w2;
    h = Math.imul(h ^ (h >>> 15), 0x27d4eb2f) ^ w3;
    h = Math.imul(h ^ (h >>> 16), 0x165667b1);
    return new IpAddress(isV4, w0, w1, w2, w3, (h ^ (h >>> 13)) | 0);
  }

  /** From 32 bits in host order: 0x7f000001 is 127.0.0.1. */
  static v4(bits: number): IpAddress {
    const slot = (Math.imul(bits, 0x9e3779b1) >>> 22) & (CACHE_SIZE - 1);
    const cached = cache4[slot];
    if (cached !== undefined && cached.w3 === bits >>> 0) return cached;
    return (cache4[slot] = IpAddress.make(true, 0, 0, 0xffff, bits >>> 0));
  }

  static v6(w0: number, w1: number, w2: number, w3: number): IpAddress {
    const slot = (Math.imul(w0 ^ w1 ^ w2 ^ w3, 0x9e3779b1) >>> 22) & (CACHE_SIZE - 1);
    const cached = cache6[slot];
    if (
      cached !== undefined &&
      cached.w3 === w3 >>> 0 &&
      cached.w2 === w2 >>> 0 &&
      cached.w1 === w1 >>> 0 &&
      cached.w0 === w0 >>> 0
    ) {
      return cached;
    }
    return (cache6[slot] = IpAddress.make(false, w0 >>> 0, w1 >>> 0, w2 >>> 0, w3 >>> 0));
  }

  /** From 4 bytes of a packet or sockaddr. */
  static fromBytes4(bytes: Uint8Array, at = 0): IpAddress {
    return IpAddress.v4(getU32(bytes, at));
  }

  /**
   * From 16 bytes of a packet or sockaddr. The mapped form of an IPv4 address stays an IPv6 address: see
   * `unmapped`.
   */
  static fromBytes6(bytes: Uint8Array, at = 0): IpAddress {
    return IpAddress.v6(
      getU32(bytes, at),
      getU32(bytes, at + 4),
      getU32(bytes, at + 8),
      getU32(bytes, at + 12),
    );
  }

  /** From text, as inet_pton(3) reads it (without a zone); null: not an address. */
  static parse(text: string): IpAddress | null {
    const bits = parseV4(text);
    if (bits >= 0) return IpAddress.v4(bits);
    const words = parseV6(text);
    return words === null ? null : IpAddress.v6(words[0], words[1], words[2], words[3]);
  }

  /** AF_INET or AF_INET6. */
  get family(): number {
    return this.isV4 ? AF_INET : AF_INET6;
  }
  /** 32 or 128. */
  get bits(): number {
    return this.isV4 ? 32 : 128;
  }

  equals(other: IpAddress): boolean {
    return (
      this === other ||
      (this.w3 === other.w3 &&
        this.w2 === other.w2 &&
        this.w1 === other.w1 &&
        this.w0 === other.w0 &&
        this.isV4 === other.isV4)
    );
  }

  /** 0.0.0.0 or ::. */
  get isAny(): boolean {
    return this.w3 === 0 && (this.isV4 || (this.w2 === 0 && this.w1 === 0 && this.w0 === 0));
  }
  /** 127/8 or ::1. */
  get isLoopback(): boolean {
    if (this.isV4) return this.w3 >>> 24 === 127;
    return this.w3 === 1 && this.w2 === 0 && this.w1 === 0 && this.w0 === 0;
  }
  get isMulticast(): boolean {
    return this.isV4 ? this.w3 >>> 28 === 14 : this.w0 >>> 24 === 0xff;
  }
  /** 255.255.255.255. */
  get isLimitedBroadcast(): boolean {
    return this.isV4 && this.w3 === 0xffffffff;
  }
  /** 169.254/16 or fe80::/10. */
  get isLinkLocal(): boolean {
    return this.isV4 ? this.w3 >>> 16 === 0xa9fe : this.w0 >>> 22 === 0x3fa;
  }
  /** ff01::/16 or ff02::/16: multicast that needs an interface. */
  get isLinkLocalMulticast(): boolean {
    return !this.isV4 && this.w0 >>> 24 === 0xff && ((this.w0 >>> 16) & 15) <= 2;
  }
  /** ::ffff:0:0/96, an IPv4 address in IPv6 clothes. */
  get isMapped(): boolean {
    return !this.isV4 && this.w0 === 0 && this.w1 === 0 && this.w2 === 0xffff;
  }

  /** The IPv4 address a mapped one stands for; any other one itself. */
  get unmapped(): IpAddress {
    return this.isMapped ? IpAddress.v4(this.w3) : this;
  }
  /** The IPv6 form: an IPv4 address mapped; an IPv6 one itself. */
  get mapped(): IpAddress {
    return this.isV4 ? IpAddress.v6(0, 0, 0xffff, this.w3) : this;
  }

  /** Store 4 or 16 bytes. Returns how many. */
  toBytes(bytes: Uint8Array, at = 0): number {
    if (this.isV4) {
      putU32(bytes, at, this.w3);
      return 4;
    }
    putU32(bytes, at, this.w0);
    putU32(bytes, at + 4, this.w1);
    putU32(bytes, at + 8, this.w2);
    putU32(bytes, at + 12, this.w3);
    return 16;
  }

  /** Do the first `length` bits equal those of `prefix`? Addresses of different families never match. */
  inPrefix(prefix: IpAddress, length: number): boolean {
    if (this.isV4 !== prefix.isV4) return false;
    if (this.isV4) return sameBits(this.w3, prefix.w3, length);
    return (
      sameBits(this.w0, prefix.w0, length) &&
      sameBits(this.w1, prefix.w1, length - 32) &&
      sameBits(this.w2, prefix.w2, length - 64) &&
      sameBits(this.w3, prefix.w3, length - 96)
    );
  }

  /** With everything behind the first `length` bits zero. */
  masked(length: number): IpAddress {
    if (this.isV4) return IpAddress.v4(this.w3 & mask(length));
    return IpAddress.v6(
      this.w0 & mask(length),
      this.w1 & mask(length - 32),
      this.w2 & mask(length - 64),
      this.w3 & mask(length - 96),
    );
  }

  /** With everything behind the first `length` bits set: the broadcast address of an IPv4 prefix. */
  broadcastOf(length: number): IpAddress {
    return this.isV4 ? IpAddress.v4(this.w3 | ~mask(length)) : this;
  }

  toString(): string {
    return this.isV4 ? formatV4(this.w3) : formatV6(this.w0, this.w1, this.w2, this.w3);
  }
}

const CACHE_SIZE = 1024;
const cache4: (IpAddress | undefined)[] = new Array(CACHE_SIZE).fill(undefined);
const cache6: (IpAddress | undefined)[] = new Array(CACHE_SIZE).fill(undefined);

function mask(length: number): number {
  if (length <= 0) return 0;
  return length >= 32 ? -1 : ~(0xffffffff >>> length);
}

function sameBits(a: number, b: number, length: number): boolean {
  return ((a ^ b) & mask(length)) === 0;
}

/** An address with a port, as sockets name their ends. Mutable; reused by its owner. */
export class SocketAddress {
  constructor(
    public address: IpAddress = IpAddress.ANY4,
    public port = 0,
    /** Interface of a link-local IPv6 address (sin6_scope_id), else 0. */
    public scopeId = 0,
    /** sin6_flowinfo, host order. */
    public flowInfo = 0,
  ) {}

  set(address: IpAddress, port: number, scopeId = 0, flowInfo = 0): this {
    this.address = address;
    this.port = port;
    this.scopeId = scopeId;
    this.flowInfo = flowInfo;
    return this;
  }

  toString(): string {
    return this.address.isV4 ? `${this.address}:${this.port}` : `[${this.address}]:${this.port}`;
  }
}

/**
 * An address with the length of its network's prefix, `10.0.0.0/8`. A bare address is itself. null: neither.
 */
export function parseCidr(text: string): { address: IpAddress; prefixLength: number } | null {
  const slash = text.indexOf('/');
  const address = IpAddress.parse(slash < 0 ? text : text.slice(0, slash));
  if (address === null) return null;
  if (slash < 0) return { address, prefixLength: address.bits };
  const digits = text.slice(slash + 1);
  if (!/^\d{1,3}$/.test(digits) || Number(digits) > address.bits) return null;
  return { address, prefixLength: Number(digits) };
}
