import {
  type Answer,
  type Packet as DnsPacket,
  decode,
  encode,
  type Question,
  RECURSION_AVAILABLE,
} from 'dns-packet';
import { IpAddress } from '../core/address.js';
import { getU16 } from '../core/bytes.js';
import type { NatBackend } from './backend.js';

const NXDOMAIN = 3;
const SERVFAIL = 2;
const FORMERR = 1;
const NOTIMP = 4;
const REFUSED = 5;
const BUILT_IN_TTL = 60;
/** Bytes of a question and of a record for the root (RFC 1035 sections 4.1.2, 4.1.3). */
const SMALLEST_QUESTION = 5;
const SMALLEST_RECORD = 11;
const CLASSIC_SIZE = 512;
/** What goes through a backend; other types are answered with nothing. */
const FORWARDED = new Set(['A', 'AAAA', 'CNAME', 'NS', 'PTR', 'MX', 'TXT', 'SRV']);

/** Names the gateway itself knows: those of `--add-host`, of services and of other guests. */
export class BuiltInNames {
  private readonly names = new Map<string, IpAddress[]>();

  add(name: string, address: IpAddress): void {
    const key = normal(name);
    this.names.set(key, [...(this.names.get(key) ?? []), address]);
  }

  remove(name: string): void {
    this.names.delete(normal(name));
  }

  get(name: string): readonly IpAddress[] | undefined {
    return this.names.get(normal(name));
  }

  /** A name that has `address`. */
  reverse(address: IpAddress): string | undefined {
    for (const [name, addresses] of this.names)
      if (addresses.some((other) => other.equals(address))) return name;
    return undefined;
  }
}

function normal(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

/**
 * Can `bytes` hold as many questions and records as their header says? The decoder makes room for all of them
 * before it reads any: four times 65535, for twelve bytes.
 */
function fits(bytes: Uint8Array): boolean {
  if (bytes.length < 12) return false;
  const records = getU16(bytes, 6) + getU16(bytes, 8) + getU16(bytes, 10);
  return 12 + getU16(bytes, 4) * SMALLEST_QUESTION + records * SMALLEST_RECORD <= bytes.length;
}

/** What decides about lookups. */
export interface DnsRules {
  allowsName(name: string): boolean;
  /** false: the answer must not contain the address. */
  pin(name: string, address: IpAddress, ttl: number): boolean;
}

/** Answers DNS queries: built-in names at once, others through a backend when the rules allow. */
export class DnsForwarder {
  constructor(
    private readonly names: BuiltInNames,
    private readonly rules: DnsRules,
    private readonly backend: NatBackend,
    /** Told of names that were refused, and of addresses left out of answers. */
    private readonly onDenied: (name: string, address?: IpAddress) => void,
  ) {}

  /**
   * The answer to a query as bytes; null: it is not a query that can be answered. `overTcp`: it may be long.
   */
  async answer(bytes: Uint8Array, overTcp: boolean): Promise<Uint8Array | null> {
    if (!fits(bytes)) return bytes.length >= 12 && (bytes[2] & 0x80) === 0 ? formatError(bytes) : null;
    let query: DnsPacket;
    try {
      query = decode(Buffer.from(bytes));
    } catch {
      return bytes.length >= 12 && (bytes[2] & 0x80) === 0 ? formatError(bytes) : null;
    }
    if (query.type !== 'query') return null;
    const reply = await this.reply(query);
    try {
      const encoded = encode(reply);
      if (overTcp || encoded.length <= sizeAllowed(query)) return encoded;
      return encode({ ...reply, answers: [], flags: (reply.flags ?? 0) | TRUNCATED });
    } catch {
      return encode({ ...head(query), flags: RECURSION_AVAILABLE | SERVFAIL });
    }
  }

  private async reply(query: DnsPacket): Promise<DnsPacket> {
    const base = head(query);
    const question = query.questions?.[0];
    if (query.questions?.length !== 1 || question === undefined) return withCode(base, FORMERR);
    if (((query.flags ?? 0) >> 11) & 15 || (question.class ?? 'IN') !== 'IN') return withCode(base, NOTIMP);
    const name = normal(question.name);
    const built = this.builtIn(name, question);
    if (built !== null) return { ...withCode(base, 0), answers: built };
    if (question.type !== 'PTR' && !this.rules.allowsName(name)) {
      this.onDenied(name);
      return withCode(base, REFUSED);
    }
    if (question.type === 'PTR') return withCode(base, NXDOMAIN);
    if (!FORWARDED.has(question.type)) return withCode(base, 0);
    return this.forward(base, question, name);
  }

  private async forward(base: DnsPacket, question: Question, name: string): Promise<DnsPacket> {
    try {
      const records = await this.backend.resolve(name, question.type);
      const answers: Answer[] = [];
      for (const { ttl, data } of records) {
        if ((question.type === 'A' || question.type === 'AAAA') && !this.mayPass(name, String(data), ttl))
          continue;
        answers.push({ type: question.type, name: question.name, ttl, class: 'IN', data } as Answer);
      }
      return { ...withCode(base, 0), answers };
    } catch (error) {
      const code = (error as { code?: string }).code;
      if (code === 'ENODATA') return withCode(base, 0);
      return withCode(base, code === 'ENOTFOUND' ? NXDOMAIN : code === 'ENOTIMP' ? NOTIMP : SERVFAIL);
    }
  }

  private mayPass(name: string, text: string, ttl: number): boolean {
    const address = IpAddress.parse(text);
    if (address === null) return false;
    if (this.rules.pin(name, address, ttl)) return true;
    this.onDenied(name, address);
    return false;
  }

  /** null: not a built-in name. */
  private builtIn(name: string, question: Question): Answer[] | null {
    if (question.type === 'PTR') {
      const address = fromReverse(name);
      const target = address === null ? undefined : this.names.reverse(address);
      if (target === undefined) return null;
      return [{ type: 'PTR', name: question.name, ttl: BUILT_IN_TTL, class: 'IN', data: target }];
    }
    const addresses = this.names.get(name);
    if (addresses === undefined) return null;
    const wanted = question.type;
    if (wanted !== 'A' && wanted !== 'AAAA') return [];
    return addresses
      .filter((address) => address.isV4 === (wanted === 'A'))
      .map((address) => ({
        type: wanted,
        name: question.name,
        ttl: BUILT_IN_TTL,
        class: 'IN' as const,
        data: address.toString(),
      }));
  }
}

const TRUNCATED = 1 << 9;

function head(query: DnsPacket): DnsPacket {
  return { type: 'response', id: query.id, questions: query.questions };
}

function withCode(base: DnsPacket, code: number): DnsPacket {
  // Recursion was asked for or not; it is available, and desired is echoed as most servers do.
  return { ...base, flags: RECURSION_AVAILABLE | 0x100 | code };
}

/** Bytes a UDP answer may have (RFC 6891). */
function sizeAllowed(query: DnsPacket): number {
  for (const extra of query.additionals ?? []) {
    if (extra.type === 'OPT')
      return Math.max((extra as { udpPayloadSize?: number }).udpPayloadSize ?? 0, CLASSIC_SIZE);
  }
  return CLASSIC_SIZE;
}

/** A query that cannot be read: its id with an error code. */
function formatError(bytes: Uint8Array): Uint8Array {
  return Uint8Array.of(bytes[0], bytes[1], 0x80 | (bytes[2] & 0x79), 0x80 | FORMERR, 0, 0, 0, 0, 0, 0, 0, 0);
}

/** 4.3.2.1.in-addr.arpa and its IPv6 sibling. */
function fromReverse(name: string): IpAddress | null {
  const four = /^((?:\d{1,3}\.){4})in-addr\.arpa$/.exec(name);
  if (four !== null) return IpAddress.parse(four[1].slice(0, -1).split('.').reverse().join('.'));
  const six = /^((?:[0-9a-f]\.){32})ip6\.arpa$/.exec(name);
  if (six === null) return null;
  const digits = six[1].replaceAll('.', '').split('').reverse().join('');
  return IpAddress.parse(digits.match(/.{4}/g)!.join(':'));
}
