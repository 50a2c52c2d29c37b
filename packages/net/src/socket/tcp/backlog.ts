import type { TcpEndpoint } from './endpoint.js';

/** The two queues of a listener: handshakes under way, and connections that wait for accept(2). */
export class TcpBacklog {
  /** Connections waiting at most: one more than this is let in, as on Linux. */
  limit: number;
  private readonly half = new Set<TcpEndpoint>();
  private readonly queue: TcpEndpoint[] = [];
  private first = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Connections to be accepted. */
  get ready(): number {
    return this.queue.length - this.first;
  }
  /** Handshakes under way. */
  get embryonic(): number {
    return this.half.size;
  }
  get full(): boolean {
    return this.ready > this.limit;
  }

  begin(child: TcpEndpoint): void {
    this.half.add(child);
  }

  /** Its handshake is done. */
  finish(child: TcpEndpoint): void {
    this.half.delete(child);
    this.queue.push(child);
  }

  /** Its handshake failed. */
  abandon(child: TcpEndpoint): void {
    this.half.delete(child);
  }

  shift(): TcpEndpoint | undefined {
    if (this.ready === 0) return undefined;
    const child = this.queue[this.first++];
    if (this.first > 32 && this.first * 2 > this.queue.length) {
      this.queue.splice(0, this.first);
      this.first = 0;
    }
    return child;
  }

  /** Everybody in either queue. */
  all(): TcpEndpoint[] {
    return [...this.half, ...this.queue.slice(this.first)];
  }
}
