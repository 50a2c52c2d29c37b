import { Duplex } from 'node:stream';
import { EAGAIN, EALREADY, EINPROGRESS, POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDHUP } from '@sandbox/abi';
import { SocketAddress } from '../core/address.js';
import { BytesSink, BytesSource } from '../core/bytes.js';
import { Timer, type TimerOwner } from '../core/timers.js';
import { ReceiveRequest, SendRequest } from '../socket/request.js';
import type { TcpEndpoint } from '../socket/tcp/endpoint.js';
import type { NetStack } from '../stack.js';
import { StackError } from './errors.js';

const SHUT_WR = 1;
const CHUNK = 65536;
/** Readiness is looked at again whatever happened: streams remember what they wait for. */
const INTERESTING = POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP;

// Requests are worked off at once: one of each does for all sockets.
const source = new BytesSource(new Uint8Array(0));
const sink = new BytesSink(new Uint8Array(0));
const outgoing = new SendRequest();
const incoming = new ReceiveRequest();

/**
 * A TCP connection of a stack as a stream, with what users of `net.Socket` look at: `node:http` can serve
 * over it. Made by `connect` and `StackServer`. Works off what the stack tells it a microtask later, outside
 * the stack.
 */
export class StackSocket extends Duplex implements TimerOwner {
  connecting: boolean;
  bytesRead = 0;
  bytesWritten = 0;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly remoteFamily: 'IPv4' | 'IPv6';
  private wantsRead = false;
  private pending: { chunk: Uint8Array; at: number; done: (error?: Error | null) => void } | null = null;
  private scheduled = false;
  private idle = 0;
  private readonly idleTimer = new Timer(this);

  /** @param endpoint connected, or connecting to `remote` */
  constructor(
    private readonly stack: NetStack,
    private readonly endpoint: TcpEndpoint,
    private readonly remote: SocketAddress,
    connecting: boolean,
  ) {
    super({ allowHalfOpen: true, highWaterMark: CHUNK, emitClose: true });
    this.connecting = connecting;
    this.remoteAddress = remote.address.toString();
    this.remotePort = remote.port;
    this.remoteFamily = remote.address.isV4 ? 'IPv4' : 'IPv6';
    endpoint.observer = this;
  }

  get localAddress(): string {
    return this.endpoint.local.address.toString();
  }
  get localPort(): number {
    return this.endpoint.local.port;
  }
  address(): { address: string; port: number; family: string } {
    return { address: this.localAddress, port: this.localPort, family: this.remoteFamily };
  }

  /** @internal */
  onEvents(events: number): void {
    if ((events & INTERESTING) !== 0) this.schedule();
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      if (!this.destroyed) this.pump();
    });
  }

  private pump(): void {
    if (this.connecting && !this.finishConnecting()) return;
    this.pumpWrite();
    if (this.wantsRead) this.pumpRead();
  }

  private finishConnecting(): boolean {
    const r = this.endpoint.connect(this.remote);
    if (r === -EALREADY || r === -EINPROGRESS) return false;
    if (r < 0) {
      this.fail('connect', r);
      return false;
    }
    this.connecting = false;
    this.emit('connect');
    this.emit('ready');
    return true;
  }

  private pumpRead(): void {
    while (this.wantsRead && !this.destroyed) {
      const buffer = Buffer.allocUnsafe(Math.min(Math.max(this.endpoint.readable, 1), CHUNK));
      const n = this.endpoint.receive(incoming.reset(sink.reset(buffer)));
      if (n === -EAGAIN) return;
      if (n < 0) {
        this.fail('read', n);
        return;
      }
      this.touch();
      if (n === 0) {
        this.wantsRead = false;
        this.push(null);
        return;
      }
      this.bytesRead += n;
      if (!this.push(n === buffer.length ? buffer : buffer.subarray(0, n))) this.wantsRead = false;
    }
  }

  private pumpWrite(): void {
    while (this.pending !== null) {
      const { pending } = this;
      const n = this.endpoint.send(outgoing.reset(source.reset(pending.chunk, pending.at)));
      if (n === -EAGAIN) return;
      if (n < 0) {
        this.pending = null;
        pending.done(new StackError('write', -n));
        return;
      }
      this.touch();
      pending.at += n;
      this.bytesWritten += n;
      if (pending.at < pending.chunk.length) continue;
      this.pending = null;
      pending.done();
    }
  }

  private fail(call: string, result: number): void {
    this.destroy(new StackError(call, -result, this.remote.toString()));
  }

  override _read(): void {
    this.wantsRead = true;
    if (!this.connecting) this.schedule();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (chunk.length === 0) {
      done();
      return;
    }
    this.pending = { chunk, at: 0, done };
    if (!this.connecting) this.pumpWrite();
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.connecting) {
      this.once('connect', () => this._final(done));
      return;
    }
    this.endpoint.shutdown(SHUT_WR);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.stack.timers.remove(this.idleTimer);
    const { pending } = this;
    this.pending = null;
    // An abort tells the other side; a proper end has been told already.
    if (error !== null || !this.writableFinished) this.endpoint.lingerZero = !this.writableFinished;
    this.endpoint.close();
    done(error);
    pending?.done(error ?? new StackError('write', 104));
  }

  /** End, and destroy once everything is written. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  setNoDelay(noDelay = true): this {
    this.endpoint.tcp.noDelay = noDelay;
    this.endpoint.optionsChanged();
    return this;
  }

  setKeepAlive(enable = false, initialDelay = 0): this {
    this.endpoint.tcp.keepAlive = enable;
    if (initialDelay > 0) this.endpoint.tcp.keepIdle = initialDelay;
    this.endpoint.optionsChanged();
    return this;
  }

  /** Emit `timeout` after so many ms of the stack's time without traffic; 0: never. */
  setTimeout(milliseconds: number, listener?: () => void): this {
    this.idle = milliseconds;
    if (listener !== undefined) this.once('timeout', listener);
    if (milliseconds > 0) this.stack.timers.armIn(this.idleTimer, milliseconds);
    else this.stack.timers.cancel(this.idleTimer);
    return this;
  }

  get timeout(): number {
    return this.idle;
  }

  private touch(): void {
    if (this.idle > 0) this.stack.timers.armIn(this.idleTimer, this.idle);
  }

  /** @internal */
  onTimer(): void {
    queueMicrotask(() => {
      if (!this.destroyed) this.emit('timeout');
    });
  }

  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
}

/**
 * Open a connection from `stack` to `address`. The stream emits `connect`, or `error` with a `StackError`.
 * `from`: the local address, else one that fits.
 */
export function connect(stack: NetStack, address: SocketAddress, from?: SocketAddress): StackSocket {
  const endpoint = stack.tcp.open(address.address.family);
  const to = new SocketAddress(address.address, address.port, address.scopeId);
  const socket = new StackSocket(stack, endpoint, to, true);
  let r = from === undefined ? 0 : endpoint.bind(from);
  if (r === 0) r = endpoint.connect(to);
  if (r < 0 && r !== -EINPROGRESS) {
    const error = new StackError('connect', -r, to.toString());
    queueMicrotask(() => socket.destroy(error));
  }
  return socket;
}
