import { DirectoryFile } from './directory-file.js';
import type { DirEmitter, Inode } from './inode.js';

/**
 * What a directory held when it was read: parallel arrays, so that a position in it stays valid while entries
 * come and go.
 */
export class DirListing {
  readonly names: string[] = [];
  readonly inos: number[] = [];
  /** DT_*. */
  readonly types: number[] = [];

  add(name: string, ino: number, type: number): void {
    this.names.push(name);
    this.inos.push(ino);
    this.types.push(type);
  }

  /** Entries from position `pos` on: a position is a place in the listing, two behind. */
  emitFrom(pos: number, emit: DirEmitter): void {
    const { names, inos, types } = this;
    for (let i = Math.max(0, pos - 2); i < names.length; i++) {
      if (!emit(names[i]!, inos[i]!, types[i]!, i + 3)) return;
    }
  }
}

/** A directory that is read as a whole. */
export interface ListedDirectory extends Inode {
  /** All entries now, or -errno. Nobody changes what it answers. */
  list(): DirListing | number;
}

/**
 * Somebody who reads such a directory: goes on with what was there when it was read from its start
 * (readdir(3)).
 */
export class ListingReader {
  private listing: DirListing | null = null;

  read(dir: ListedDirectory, pos: number, emit: DirEmitter): number {
    if (pos <= 2 || this.listing === null) {
      const list = dir.list();
      if (typeof list === 'number') return list;
      this.listing = list;
    }
    this.listing.emitFrom(pos, emit);
    return 0;
  }
}

/** An open directory that lists what was there when it was opened or rewound. */
export class ListedDirectoryFile extends DirectoryFile {
  private readonly reader = new ListingReader();

  constructor(
    override readonly inode: ListedDirectory,
    flags: number,
  ) {
    super(inode, flags);
  }

  protected override list(pos: number, emit: DirEmitter): number {
    return this.reader.read(this.inode, pos, emit);
  }
}
