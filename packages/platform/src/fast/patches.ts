import type { Site } from './sites.js';

/** What of an address space's code is patched. */
export class Patches {
  readonly sites = new Set<Site>();
  /** Calls made the slow way, by the address behind them. */
  readonly hits = new Map<number, number>();
  private readonly byAddress = new Map<number, Site>();
  /** The guest uses the GS base itself: the fast path is not for it. */
  disabled = false;
  /** A debugger looks at the code: nothing is patched. */
  plainCode = false;

  add(site: Site): void {
    this.sites.add(site);
    this.byAddress.set(site.after - 2, site);
    for (let i = 0; i < Math.max(site.behind, 1); i++) this.byAddress.set(site.after + i, site);
  }

  /** The site a thread would be in the middle of at `rip`: at its old `syscall`, or behind it. */
  at(rip: number): Site | null {
    return this.byAddress.get(rip) ?? null;
  }

  /** They are no longer there, but threads may still be in their thunks. */
  forget(): void {
    this.sites.clear();
    this.byAddress.clear();
    this.hits.clear();
  }

  /** A fork has the same code. This one must be empty. */
  copy(from: Patches): void {
    this.disabled = from.disabled;
    for (const site of from.sites) {
      site.users++;
      this.add(site);
    }
    for (const [after, count] of from.hits) this.hits.set(after, count);
  }
}
