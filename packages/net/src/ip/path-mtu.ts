import type { IpAddress } from '../core/address.js';

/** What ICMP told stays known this long (ip_rt_mtu_expires, RFC 1191 section 6.3), ms. */
const LIFETIME = 600_000;
const MOST = 1024;

/** The path MTUs that ICMP told of, by destination. */
export class PathMtus {
  private readonly known = new Map<string, { mtu: number; expires: number }>();
  /** Told when what is known changed: paths have to be found anew. */
  onChange: ((destination: IpAddress) => void) | null = null;

  /** 0: nothing is known. */
  get(destination: IpAddress, now: number): number {
    if (this.known.size === 0) return 0;
    const key = destination.toString();
    const entry = this.known.get(key);
    if (entry === undefined) return 0;
    if (entry.expires > now) return entry.mtu;
    this.known.delete(key);
    return 0;
  }

  /** A smaller MTU than known so far. */
  update(destination: IpAddress, mtu: number, now: number): void {
    const known = this.get(destination, now);
    if (known !== 0 && known <= mtu) return;
    if (this.known.size >= MOST) this.known.delete(this.known.keys().next().value!);
    this.known.set(destination.toString(), { mtu, expires: now + LIFETIME });
    this.onChange?.(destination);
  }

  /** `ip route flush cache`. */
  clear(): void {
    this.known.clear();
  }
}
