/**
 * What is posted when an entry of a table (IORING_REGISTER_FILES2, IORING_REGISTER_BUFFERS2) is gone: it was
 * replaced or removed, and no request uses it any more.
 */
export class Tag {
  private users = 0;
  private gone = false;

  constructor(
    private readonly data: bigint,
    private readonly post: (data: bigint) => void,
  ) {}

  hold(): this {
    this.users++;
    return this;
  }
  release(): void {
    this.users--;
    this.check();
  }
  /** Its entry is replaced or removed. */
  drop(): void {
    this.gone = true;
    this.check();
  }

  private check(): void {
    if (this.gone && this.users === 0) this.post(this.data);
  }
}
