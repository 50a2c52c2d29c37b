import { EBADF, EINVAL, ENFILE, ENXIO, IORING_FILE_INDEX_ALLOC } from '@sandbox/abi';
import { type File, releaseFile } from '@sandbox/vfs';
import type { Tag } from './tag.js';

/** IORING_FILE_INDEX_ALLOC, in place of an index plus one. */
export const ANY_SLOT = IORING_FILE_INDEX_ALLOC;

/** The registered files of a ring (IORING_REGISTER_FILES). */
export class FileTable {
  /** Null: there is none. */
  private entries: (File | null)[] | null = null;
  /** Tags of entries that have one. */
  private readonly tags = new Map<number, Tag>();
  /** Entries that may be chosen for a new file. */
  private allocFrom = 0;
  private allocTo = 0;
  /** Where the search for a free one goes on (Linux: io_file_table.alloc_hint). */
  private hint = 0;

  get exists(): boolean {
    return this.entries !== null;
  }
  get length(): number {
    return this.entries?.length ?? 0;
  }
  get(index: number): File | null {
    return this.entries?.[index] ?? null;
  }
  /** Null: it has none. */
  tagOf(index: number): Tag | null {
    return this.tags.get(index) ?? null;
  }

  /** Takes the references over. */
  create(entries: (File | null)[], tags: readonly (Tag | null)[]): void {
    this.entries = entries;
    for (const [i, tag] of tags.entries()) if (tag !== null) this.tags.set(i, tag);
    this.setRange(0, entries.length);
  }

  /** IORING_REGISTER_FILE_ALLOC_RANGE */
  setRange(from: number, to: number): void {
    this.allocFrom = this.hint = from;
    this.allocTo = to;
  }

  /** Takes the reference over. */
  set(index: number, file: File | null, newTag: Tag | null = null): void {
    const old = this.entries![index];
    this.entries![index] = file;
    if (old) releaseFile(old);
    if (file !== null && index + 1 > this.hint) this.hint = index + 1;
    else if (file === null) this.hint = index;
    const tag = this.tags.get(index);
    this.tags.delete(index);
    if (newTag !== null) this.tags.set(index, newTag);
    tag?.drop();
  }

  /**
   * Put a file at `slot` (an index plus one, or ANY_SLOT), taking its reference over: its index, where any
   * was asked for, else 0; -ENXIO (no table), -EINVAL (no such entry), -ENFILE (none is free).
   */
  install(file: File, slot: number): number {
    const r = this.place(slot);
    if (r < 0) releaseFile(file);
    else this.set(r, file);
    return r < 0 || slot === ANY_SLOT ? r : 0;
  }

  private place(slot: number): number {
    if (this.entries === null) return slot === ANY_SLOT ? -ENFILE : -ENXIO;
    if (slot !== ANY_SLOT) return slot - 1 < this.entries.length ? slot - 1 : -EINVAL;
    return this.free();
  }

  private free(): number {
    const { entries, allocFrom, allocTo } = this;
    const hint = Math.min(Math.max(this.hint, allocFrom), allocTo);
    for (let i = hint; i < allocTo; i++) if (entries![i] === null) return i;
    for (let i = allocFrom; i < hint; i++) if (entries![i] === null) return i;
    return -ENFILE;
  }

  /** IORING_OP_CLOSE of an entry: 0, -ENXIO, -EINVAL, -EBADF. */
  close(index: number): number {
    if (this.entries === null) return -ENXIO;
    if (index >= this.entries.length) return -EINVAL;
    if (this.entries[index] === null) return -EBADF;
    this.set(index, null);
    return 0;
  }

  drop(): void {
    if (this.entries === null) return;
    for (let i = this.entries.length - 1; i >= 0; i--) this.set(i, null);
    this.entries = null;
    this.setRange(0, 0);
  }
}
