import { type IpAddress, parseCidr } from '../core/address.js';
import { isSpecial } from './special.js';

/** `tcp`, `udp`, or `icmp` (echo). */
export type FlowProtocol = 'tcp' | 'udp' | 'icmp';

/** An entry of the list of what is allowed, taken apart. */
interface Rule {
  /** A name, `*.name`, or `*`; null: by address. */
  readonly name: string | null;
  readonly prefix: { address: IpAddress; prefixLength: number } | null;
  /** Both included. */
  readonly low: number;
  readonly high: number;
  readonly protocol: FlowProtocol | null;
}

/** What a decision was and why. */
export interface Verdict {
  readonly allowed: boolean;
  /** The name whose answer led to the address, when that is why. */
  readonly name?: string;
}

interface Pin {
  readonly name: string;
  expires: number;
}

const DENIED: Verdict = { allowed: false };
const ALLOWED: Verdict = { allowed: true };
/** Programs keep addresses longer than the answer's TTL says, ms. */
const LEAST_PIN = 3_600_000;
const MOST_PINS = 16384;

/**
 * What may leave. Nothing may unless a rule allows it:
 *
 * - `example.com`, `*.example.com` (its subdomains), with the addresses that the gateway's own DNS answered
 *   for it, and no others: an answer that points to a private address is not passed on, and a name that
 *   changes its address later does not change what was pinned
 * - `192.0.2.7`, `10.0.0.0/8`, `2001:db8::/32`, `[2001:db8::1]`: addresses, private ones included
 * - `*`: everything that is public
 *
 * each followed by `:443` or `:8000-8999` for ports (all without), and `/tcp` or `/udp`.
 */
export class EgressPolicy {
  private readonly rules: Rule[];
  private readonly pins = new Map<string, Pin[]>();

  /** Throws a `TypeError` that says which rule is malformed. `now`: monotonic ms. */
  constructor(
    allow: readonly string[],
    private readonly now: () => number,
  ) {
    this.rules = allow.map(parseRule);
  }

  /** May `name` be looked up? */
  allowsName(name: string): boolean {
    return this.rules.some((rule) => rule.name !== null && matchesName(rule.name, name));
  }

  /**
   * May an answer for `name` contain `address`? Pinned then for `ttl` seconds or longer: connections to it
   * are judged as to `name`.
   */
  pin(name: string, address: IpAddress, ttl: number): boolean {
    const byAddress = this.rules.some((rule) => rule.prefix !== null && inPrefix(address, rule));
    if (isSpecial(address) && !byAddress) return false;
    const key = address.toString();
    const expires = this.now() + Math.max(ttl * 1000, LEAST_PIN);
    const pins = this.pins.get(key) ?? [];
    const known = pins.find((pin) => pin.name === name);
    if (known !== undefined) known.expires = Math.max(known.expires, expires);
    else pins.push({ name, expires });
    if (!this.pins.has(key) && this.pins.size >= MOST_PINS) this.forgetOldest();
    this.pins.set(key, pins);
    return true;
  }

  /** May something be sent to `address`? */
  check(protocol: FlowProtocol, address: IpAddress, port: number): Verdict {
    for (const rule of this.rules) {
      if (!matchesPort(rule, protocol, port)) continue;
      if (rule.prefix !== null ? inPrefix(address, rule) : rule.name === '*' && !isSpecial(address))
        return ALLOWED;
    }
    const now = this.now();
    for (const { name, expires } of this.pins.get(address.toString()) ?? []) {
      if (expires < now) continue;
      const rule = this.rules.find(
        (candidate) =>
          candidate.name !== null &&
          matchesName(candidate.name, name) &&
          matchesPort(candidate, protocol, port),
      );
      if (rule !== undefined) return { allowed: true, name };
    }
    return DENIED;
  }

  private forgetOldest(): void {
    const now = this.now();
    for (const [key, pins] of this.pins) if (pins.every((pin) => pin.expires < now)) this.pins.delete(key);
    if (this.pins.size >= MOST_PINS) this.pins.delete(this.pins.keys().next().value!);
  }
}

function inPrefix(address: IpAddress, rule: Rule): boolean {
  return address.inPrefix(rule.prefix!.address, rule.prefix!.prefixLength);
}

function matchesName(pattern: string, name: string): boolean {
  if (pattern === '*' || pattern === name) return true;
  return pattern.startsWith('*.') && name.endsWith(pattern.slice(1)) && name.length > pattern.length - 1;
}

function matchesPort(rule: Rule, protocol: FlowProtocol, port: number): boolean {
  if (rule.protocol !== null && rule.protocol !== protocol) return false;
  return protocol === 'icmp' || (port >= rule.low && port <= rule.high);
}

function parseRule(text: string): Rule {
  const match =
    /^(?<host>\[[^\]]+\]|[^:]+?)(?::(?<low>\d{1,5})(?:-(?<high>\d{1,5}))?)?(?:\/(?<protocol>tcp|udp|icmp))?$/.exec(
      text.trim(),
    );
  const bare = parseCidr(text.trim());
  if (bare !== null) return { name: null, prefix: bare, low: 0, high: 65535, protocol: null };
  if (match?.groups === undefined) throw new TypeError(`not an egress rule: ${text}`);
  const { host, low, high, protocol } = match.groups;
  const from = low === undefined ? 0 : Number(low);
  const to = low === undefined ? 65535 : Number(high ?? low);
  if (from > to || to > 65535) throw new TypeError(`ports out of range: ${text}`);
  const rest = { low: from, high: to, protocol: (protocol ?? null) as FlowProtocol | null };
  const prefix = parseCidr(host.replace(/^\[|\]$/g, ''));
  if (prefix !== null) return { name: null, prefix, ...rest };
  const name = host.toLowerCase().replace(/\.$/, '');
  if (!/^(\*|(\*\.)?([a-z0-9_]([a-z0-9_-]{0,62})\.)*[a-z0-9_][a-z0-9_-]{0,62})$/.test(name)) {
    throw new TypeError(`not an egress rule: ${text}`);
  }
  return { name, prefix: null, ...rest };
}
