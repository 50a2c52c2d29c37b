/** Ranges of the memory file. */
export class Ranges {
  readonly starts: number[] = [];
  readonly lengths: number[] = [];

  add(start: number, length: number): void {
    const last = this.starts.length - 1;
    if (last >= 0 && this.starts[last] + this.lengths[last] === start) {
      this.lengths[last] += length;
      return;
    }
    this.starts.push(start);
    this.lengths.push(length);
  }
  clear(): void {
    this.starts.length = 0;
    this.lengths.length = 0;
  }
  get empty(): boolean {
    return this.starts.length === 0;
  }
}
