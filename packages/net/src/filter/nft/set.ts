/**
 * Sets and maps of nf_tables: keys that packets are looked up by, with data, a verdict, an object or counters
 * each.
 */
import { EEXIST, ENFILE, ENOTEMPTY } from '@sandbox/abi';
import type { Chain } from './chain.js';
import type { Expression } from './registers.js';

/** What a map leads to when it is a decision. */
export interface VerdictData {
  readonly code: number;
  readonly chain: Chain | null;
}

export interface SetElement {
  /** Null: the element for all that no other has (catchall). */
  readonly key: Uint8Array | null;
  /** End of an interval, included: sets of concatenated intervals only. */
  readonly keyEnd: Uint8Array | null;
  /** This key is the first behind an interval (NFT_SET_ELEM_INTERVAL_END). */
  readonly ends: boolean;
  readonly data: Uint8Array | null;
  readonly verdict: VerdictData | null;
  /** A named object (counter, quota, limit), or what the element itself counts by. */
  readonly object: Expression | null;
  readonly expressions: readonly Expression[];
  /** Monotonic ms; Infinity: never. */
  expires: number;
}

/** What a set may hold at most when it does not say. */
const MOST_ELEMENTS = 65536;

/** How many more elements all sets together may have. */
export interface ElementRoom {
  left: number;
}

/** How a set keeps its elements. */
interface Keeper {
  readonly size: number;
  find(key: Uint8Array, at: number): SetElement | undefined;
  /** The element with just this key (and end). */
  same(element: SetElement): SetElement | undefined;
  /** 0 or -errno. */
  add(element: SetElement): number;
  delete(element: SetElement): void;
  all(): Iterable<SetElement>;
}

export class NftSet {
  private readonly keeper: Keeper;
  private catchall: SetElement | null = null;

  constructor(
    readonly keyLength: number,
    intervals: boolean,
    /** Bytes of each part of a key made of several; empty: of one. */
    fields: readonly number[],
    /** Elements at most; 0: not said. */
    public most: number,
    private readonly room: ElementRoom,
    private readonly now: () => number,
  ) {
    if (!intervals) this.keeper = new Hash(keyLength);
    else this.keeper = fields.length > 1 ? new Boxes(fields) : new Intervals(keyLength);
  }

  get size(): number {
    return this.keeper.size + (this.catchall === null ? 0 : 1);
  }

  *all(): Iterable<SetElement> {
    const now = this.now();
    for (const element of this.keeper.all()) if (element.expires > now) yield element;
    if (this.catchall !== null && this.catchall.expires > now) yield this.catchall;
  }

  /** The element for the key at `at`; undefined: there is none. */
  lookup(bytes: Uint8Array, at: number): SetElement | undefined {
    const found = this.keeper.find(bytes, at) ?? this.catchall ?? undefined;
    return found === undefined || found.ends || found.expires <= this.now() ? undefined : found;
  }

  /** The element of the same key, expired or not. */
  same(element: SetElement): SetElement | undefined {
    return element.key === null ? (this.catchall ?? undefined) : this.keeper.same(element);
  }

  /** 0, -EEXIST, -ENOTEMPTY (it overlaps another), -ENFILE (the set is full). */
  add(element: SetElement): number {
    const old = this.same(element);
    if (old !== undefined) {
      if (old.expires > this.now()) return -EEXIST;
      this.delete(old);
    }
    if (this.full) {
      this.sweep();
      if (this.full) return -ENFILE;
    }
    const r = element.key === null ? 0 : this.keeper.add(element);
    if (r < 0) return r;
    if (element.key === null) this.catchall = element;
    this.room.left--;
    return 0;
  }

  private get full(): boolean {
    return this.size >= Math.min(this.most || MOST_ELEMENTS, MOST_ELEMENTS) || this.room.left <= 0;
  }

  delete(element: SetElement): void {
    this.room.left++;
    if (element === this.catchall) this.catchall = null;
    else this.keeper.delete(element);
  }

  /** The set is no more: its elements leave room for others. */
  dispose(): void {
    this.room.left += this.size;
  }

  private sweep(): void {
    const now = this.now();
    const gone = [...this.keeper.all()].filter((element) => element.expires <= now);
    for (const element of gone) this.delete(element);
  }
}

function textOf(bytes: Uint8Array, at: number, length: number): string {
  let text = '';
  for (let i = at; i < at + length; i++) text += String.fromCharCode(bytes[i]);
  return text;
}

class Hash implements Keeper {
  private readonly elements = new Map<string, SetElement>();

  constructor(private readonly length: number) {}

  get size(): number {
    return this.elements.size;
  }
  find(key: Uint8Array, at: number): SetElement | undefined {
    return this.elements.get(textOf(key, at, this.length));
  }
  same({ key }: SetElement): SetElement | undefined {
    return this.find(key as Uint8Array, 0);
  }
  add(element: SetElement): number {
    this.elements.set(textOf(element.key as Uint8Array, 0, this.length), element);
    return 0;
  }
  delete({ key }: SetElement): void {
    this.elements.delete(textOf(key as Uint8Array, 0, this.length));
  }
  all(): Iterable<SetElement> {
    return this.elements.values();
  }
}

function compare(a: Uint8Array, at: number, b: Uint8Array, from: number, length: number): number {
  for (let i = 0; i < length; i++) {
    const difference = a[at + i] - b[from + i];
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * Where intervals begin and where they are over, sorted; where one ends and the next begins, the end comes
 * first.
 */
class Intervals implements Keeper {
  private readonly edges: SetElement[] = [];

  constructor(private readonly length: number) {}

  get size(): number {
    return this.edges.length;
  }

  /** How many edges are at or before a key. */
  private upTo(key: Uint8Array, at: number): number {
    let low = 0;
    let high = this.edges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const edge = this.edges[middle];
      if (compare(edge.key as Uint8Array, 0, key, at, this.length) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  find(key: Uint8Array, at: number): SetElement | undefined {
    return this.edges[this.upTo(key, at) - 1];
  }

  private indexOf({ key, ends }: SetElement): number {
    const wanted = key as Uint8Array;
    for (let i = this.upTo(wanted, 0) - 1; i >= 0; i--) {
      const edge = this.edges[i];
      if (compare(edge.key as Uint8Array, 0, wanted, 0, this.length) !== 0) return -1;
      if (edge.ends === ends) return i;
    }
    return -1;
  }

  same(element: SetElement): SetElement | undefined {
    return this.edges[this.indexOf(element)];
  }

  add(element: SetElement): number {
    const key = element.key as Uint8Array;
    let at = this.upTo(key, 0);
    const before = this.edges[at - 1];
    const level = before !== undefined && compare(before.key as Uint8Array, 0, key, 0, this.length) === 0;
    // The end of the one before comes before the beginning of this one.
    if (element.ends && level) at--;
    else if (!element.ends && before !== undefined && !before.ends) return -ENOTEMPTY;
    this.edges.splice(at, 0, element);
    return 0;
  }

  delete(element: SetElement): void {
    const at = this.indexOf(element);
    if (at >= 0) this.edges.splice(at, 1);
  }

  all(): Iterable<SetElement> {
    return this.edges;
  }
}

/** Intervals of several parts each. */
class Boxes implements Keeper {
  private readonly boxes: SetElement[] = [];
  /** Where each part begins in a key: parts are padded to words. */
  private readonly parts: readonly (readonly [at: number, length: number])[];

  constructor(fields: readonly number[]) {
    let at = 0;
    this.parts = fields.map((length) => {
      const part = [at, length] as const;
      at += (length + 3) & ~3;
      return part;
    });
  }

  get size(): number {
    return this.boxes.length;
  }

  find(key: Uint8Array, at: number): SetElement | undefined {
    return this.boxes.find((box) =>
      this.parts.every(
        ([offset, length]) =>
          compare(key, at + offset, box.key as Uint8Array, offset, length) >= 0 &&
          compare(key, at + offset, box.keyEnd ?? (box.key as Uint8Array), offset, length) <= 0,
      ),
    );
  }

  same({ key, keyEnd }: SetElement): SetElement | undefined {
    const [low, high] = [key as Uint8Array, keyEnd ?? (key as Uint8Array)];
    return this.boxes.find((box) =>
      this.parts.every(
        ([at, length]) =>
          compare(low, at, box.key as Uint8Array, at, length) === 0 &&
          compare(high, at, box.keyEnd ?? (box.key as Uint8Array), at, length) === 0,
      ),
    );
  }

  add(element: SetElement): number {
    const low = element.key as Uint8Array;
    const high = element.keyEnd ?? low;
    const overlaps = this.boxes.some((box) =>
      this.parts.every(
        ([at, length]) =>
          compare(low, at, box.keyEnd ?? (box.key as Uint8Array), at, length) <= 0 &&
          compare(high, at, box.key as Uint8Array, at, length) >= 0,
      ),
    );
    if (overlaps) return -ENOTEMPTY;
    this.boxes.push(element);
    return 0;
  }

  delete(element: SetElement): void {
    const at = this.boxes.indexOf(element);
    if (at >= 0) this.boxes.splice(at, 1);
  }

  all(): Iterable<SetElement> {
    return this.boxes;
  }
}
