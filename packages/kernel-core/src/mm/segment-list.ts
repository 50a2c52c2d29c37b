/** Ranges of guest memory that are kept while nobody looks at the vector they came from. */
export class SegmentList {
  count = 0;
  /** Base and length of each. */
  table = new Float64Array(16);

  /** Room for `count` of them. */
  reserve(count: number): void {
    if (this.table.length >= 2 * count) return;
    const larger = new Float64Array(2 ** Math.ceil(Math.log2(2 * count)));
    larger.set(this.table);
    this.table = larger;
  }

  push(base: number, length: number): void {
    this.reserve(this.count + 1);
    this.table[2 * this.count] = base;
    this.table[2 * this.count + 1] = length;
    this.count++;
  }
}
