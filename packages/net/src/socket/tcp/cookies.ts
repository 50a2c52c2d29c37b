import type { IpAddress } from '../../core/address.js';
import { HalfSipHash } from '../../core/half-sip-hash.js';

/** Segment sizes a cookie can tell apart, as Linux'; what the peer offered is rounded down to one. */
const SIZES4 = [536, 1300, 1440, 1460];
const SIZES6 = [1280 - 60, 1480 - 60, 1500 - 60, 9000 - 60];
/** A cookie's clock ticks once a minute; an older one than the last two ticks' is not accepted. */
const TICK = 60_000;
const MOST_AGE = 2;

/**
 * SYN cookies (RFC 4987 section 3.6): a full backlog keeps no state for a SYN, but answers with a sequence
 * number that proves, when the ACK comes back, that a SYN was there, and what its MSS was. The other options
 * live on in its timestamp (`tcp/cookie-options.ts`), or are lost when it has none.
 */
export class SynCookies {
  private readonly first: HalfSipHash;
  private readonly second: HalfSipHash;

  constructor(
    random32: () => number,
    private readonly now: () => number,
  ) {
    this.first = new HalfSipHash(random32);
    this.second = new HalfSipHash(random32);
  }

  /** The initial sequence number that answers a SYN with `sequence` and `mss`, 0 to 2^32-1. */
  make(
    local: IpAddress,
    localPort: number,
    remote: IpAddress,
    remotePort: number,
    sequence: number,
    mss: number,
  ): number {
    const sizes = local.isV4 ? SIZES4 : SIZES6;
    let index = sizes.length - 1;
    while (index > 0 && sizes[index] > mss) index--;
    const count = this.tick();
    const ports = (localPort << 16) | remotePort;
    const base = hashWith(this.first, local, remote, ports, 0) + sequence + (count << 24);
    const value = (hashWith(this.second, local, remote, ports, count) + index) & 0xffffff;
    return (base + value) >>> 0;
  }

  /** The MSS of the SYN that `cookie` answered; 0: it is none, or too old. `sequence`: of that SYN. */
  check(
    local: IpAddress,
    localPort: number,
    remote: IpAddress,
    remotePort: number,
    sequence: number,
    cookie: number,
  ): number {
    const ports = (localPort << 16) | remotePort;
    const rest = (cookie - hashWith(this.first, local, remote, ports, 0) - sequence) | 0;
    const now = this.tick();
    const age = (now - (rest >>> 24)) & 0xff;
    if (age >= MOST_AGE) return 0;
    const count = now - age;
    const index = (rest - hashWith(this.second, local, remote, ports, count)) & 0xffffff;
    return (local.isV4 ? SIZES4 : SIZES6)[index] ?? 0;
  }

  private tick(): number {
    return Math.floor(this.now() / TICK);
  }
}

function hashWith(hash: HalfSipHash, a: IpAddress, b: IpAddress, ports: number, count: number): number {
  return hash.hash(a.w0, a.w1, a.w2, a.w3, b.w0, b.w1, b.w2, b.w3, ports, count);
}
