import type { Socket } from 'node:net';
import { EAGAIN, EALREADY, EINPROGRESS } from '@sandbox/abi';
import type { SocketAddress } from '../core/address.js';
import { BytesSink, BytesSource } from '../core/bytes.js';
import { ReceiveRequest, SendRequest } from '../socket/request.js';
import type { TcpEndpoint } from '../socket/tcp/endpoint.js';
import type { NetStack } from '../stack.js';

const SHUT_WR = 1;
const CHUNK = 65536;

// Requests are worked off at once: one of each does for all connections, of which there may be very many.
const source = new BytesSource(new Uint8Array(0));
const sink = new BytesSink(new Uint8Array(0));
const outgoing = new SendRequest();
const incoming = new ReceiveRequest();

const RELAY = Symbol('relay');
interface RelayedSocket extends Socket {
  [RELAY]?: PublishedConnection;
}

/**
 * A connection from outside, relayed to one inside: what comes in by one goes out by the other, an end is
 * passed on as an end, a failure resets both. Without streams on the inner side, and with listeners that all
 * of them share, so that an idle one takes little.
 */
export class PublishedConnection {
  private readonly endpoint: TcpEndpoint;
  private connecting = true;
  private scheduled = false;
  /** From outside, not taken inside yet. */
  private waiting: Uint8Array | null = null;
  private outsideEnded = false;
  private insideEnded = false;

  /** @param done called once, when both are closed */
  constructor(
    stack: NetStack,
    private readonly outside: RelayedSocket,
    private readonly to: SocketAddress,
    from: SocketAddress | undefined,
    private readonly done: (outside: Socket) => void,
  ) {
    this.endpoint = stack.tcp.open(to.address.family);
    this.endpoint.tcp.noDelay = true;
    this.endpoint.observer = this;
    outside[RELAY] = this;
    outside.on('error', onError);
    outside.on('close', onClose);
    let r = from === undefined ? 0 : this.endpoint.bind(from);
    if (r === 0) r = this.endpoint.connect(this.to);
    if (r < 0 && r !== -EINPROGRESS) this.fail();
  }

  /** @internal The stack is at work: come back later. */
  onEvents(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      if (!this.endpoint.isClosed) this.pump();
    });
  }

  private pump(): void {
    if (this.connecting) {
      const r = this.endpoint.connect(this.to);
      if (r === -EALREADY || r === -EINPROGRESS) return;
      if (r < 0) {
        this.fail();
        return;
      }
      this.connecting = false;
      this.outside.on('data', onData);
      this.outside.on('end', onEnd);
      this.outside.on('drain', onDrain);
    }
    if (this.waiting !== null) this.goIn();
    this.comeOut();
  }

  /** Bytes from outside. */
  take(bytes: Uint8Array): void {
    this.waiting = bytes;
    this.goIn();
    if (this.waiting !== null) this.outside.pause();
  }

  private goIn(): void {
    while (this.waiting !== null) {
      const bytes = this.waiting;
      const n = this.endpoint.send(outgoing.reset(source.reset(bytes)));
      if (n === -EAGAIN) return;
      if (n < 0) {
        this.fail();
        return;
      }
      this.waiting = n < bytes.length ? bytes.subarray(n) : null;
    }
    if (this.outsideEnded) this.endpoint.shutdown(SHUT_WR);
    else if (this.outside.isPaused()) this.outside.resume();
  }

  /** All has come from outside. */
  end(): void {
    this.outsideEnded = true;
    if (this.waiting === null) this.endpoint.shutdown(SHUT_WR);
  }

  /** Bytes from inside, as long as the outer side takes them. */
  comeOut(): void {
    while (!this.insideEnded && !this.outside.writableNeedDrain && !this.endpoint.isClosed) {
      const buffer = Buffer.allocUnsafe(Math.min(Math.max(this.endpoint.readable, 1), CHUNK));
      const n = this.endpoint.receive(incoming.reset(sink.reset(buffer)));
      if (n === -EAGAIN) return;
      if (n < 0) {
        this.fail();
        return;
      }
      if (n > 0) this.outside.write(n === buffer.length ? buffer : buffer.subarray(0, n));
      else {
        this.insideEnded = true;
        this.outside.end();
      }
    }
  }

  /** It failed inside, or could not be made there. */
  private fail(): void {
    if (this.connecting) this.outside.destroy();
    else this.outside.resetAndDestroy();
  }

  /** The outer side is closed. Without having ended, or before all was passed on, it is a reset. */
  closed(): void {
    this.waiting = null;
    this.endpoint.lingerZero = !(this.outsideEnded && this.insideEnded);
    this.endpoint.close();
    this.done(this.outside);
  }
}

function onData(this: RelayedSocket, bytes: Buffer): void {
  this[RELAY]!.take(bytes);
}
function onEnd(this: RelayedSocket): void {
  this[RELAY]!.end();
}
function onDrain(this: RelayedSocket): void {
  this[RELAY]!.comeOut();
}
/** `close` follows. */
function onError(): void {}
function onClose(this: RelayedSocket): void {
  this[RELAY]!.closed();
}
