import type { DirListing } from '../core/dir-listing.js';
import type { OverlayDirectory } from './directory.js';

/** Entries kept at most, some 60 bytes each, over all directories of an overlay. */
const MAX_ENTRIES = 524288;
/** What a directory counts besides its entries. */
const PER_DIRECTORY = 4;

/**
 * What directories of an overlay were found to hold: reading one asks each layer, and a host directory takes
 * several calls of the host. Only where all names change through the overlay alone. The oldest go first.
 */
export class ListingCache {
  private readonly listings = new Map<OverlayDirectory, DirListing>();
  private entries = 0;

  get(dir: OverlayDirectory): DirListing | null {
    return this.listings.get(dir) ?? null;
  }

  set(dir: OverlayDirectory, list: DirListing): void {
    if (list.names.length > MAX_ENTRIES / 4) return;
    this.drop(dir);
    this.listings.set(dir, list);
    this.entries += list.names.length + PER_DIRECTORY;
    for (const oldest of this.listings.keys()) {
      if (this.entries <= MAX_ENTRIES) return;
      this.drop(oldest);
    }
  }

  /** Its names change. */
  drop(dir: OverlayDirectory): void {
    const list = this.listings.get(dir);
    if (list === undefined) return;
    this.listings.delete(dir);
    this.entries -= list.names.length + PER_DIRECTORY;
  }
}
