/** Distances that begin where those of shorter matches end. */
const NEAR = 1;
const MIDDLE = 2049;
const FAR = 16384;
/** State behind a run of literals that had a length of its own. */
const AFTER_RUN = 4;

/**
 * A block of LZO1X (kernel documentation, staging/lzo.rst) to at most `limit` bytes.
 *
 * @throws RangeError when it leads out of itself or gets larger.
 */
export function unlzo(data: Uint8Array, limit: number): Uint8Array {
  const lzo = new Lzo(data, limit);
  lzo.run();
  return lzo.out.subarray(0, lzo.done);
}

class Lzo {
  readonly out: Uint8Array;
  done = 0;
  private at = 0;
  /** Literals copied just now: 0 to 3, or AFTER_RUN. */
  private state = 0;

  constructor(
    private readonly data: Uint8Array,
    limit: number,
  ) {
    this.out = new Uint8Array(limit);
  }

  private byte(): number {
    if (this.at >= this.data.length) throw new RangeError('lzo: cut off');
    return this.data[this.at++]!;
  }

  /** A length that is `start` if that is not 0; else it goes on in further bytes, from `base`. */
  private length(start: number, base: number): number {
    if (start !== 0) return start;
    let n = base;
    for (;;) {
      const more = this.byte();
      if (more !== 0) return n + more;
      n += 255;
    }
  }

  private literals(count: number): void {
    const { data, at } = this;
    if (at + count > data.length || this.done + count > this.out.length)
      throw new RangeError('lzo: literals');
    this.out.set(data.subarray(at, at + count), this.done);
    this.at += count;
    this.done += count;
  }

  /** Copy from `distance` back, then as many literals as the two bits `follow` say. */
  private match(distance: number, length: number, follow: number): void {
    const { out } = this;
    if (distance > this.done || this.done + length > out.length) throw new RangeError('lzo: match');
    // It may overlap what it writes.
    for (let i = 0; i < length; i++, this.done++) out[this.done] = out[this.done - distance]!;
    this.literals(follow);
    this.state = follow;
  }

  run(): void {
    const first = this.data[0] ?? 0;
    if (first === 17) throw new RangeError('lzo: another version');
    if (first > 17) {
      this.at = 1;
      this.literals(first - 17);
      this.state = first < 21 ? first - 17 : AFTER_RUN;
    }
    while (this.step());
  }

  /** One instruction; false: the end. */
  private step(): boolean {
    const op = this.byte();
    if (op >= 64) {
      const length = op >= 128 ? 5 + ((op >> 5) & 3) : 3 + ((op >> 5) & 1);
      this.match((this.byte() << 3) + ((op >> 2) & 7) + NEAR, length, op & 3);
    } else if (op >= 32) {
      const length = 2 + this.length(op & 31, 31);
      const low = this.byte();
      this.match((this.byte() << 6) + (low >> 2) + NEAR, length, low & 3);
    } else if (op >= 16) {
      const length = 2 + this.length(op & 7, 7);
      const low = this.byte();
      const distance = FAR + ((op & 8) << 11) + (this.byte() << 6) + (low >> 2);
      if (distance === FAR) return false;
      this.match(distance, length, low & 3);
    } else if (this.state === 0) {
      this.literals(3 + this.length(op, 15));
      this.state = AFTER_RUN;
    } else {
      const run = this.state === AFTER_RUN;
      this.match((this.byte() << 2) + (op >> 2) + (run ? MIDDLE : NEAR), run ? 3 : 2, op & 3);
    }
    return true;
  }
}
