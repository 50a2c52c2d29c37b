import { Duplex } from 'node:stream';
import {
  EAGAIN,
  EALREADY,
  EINPROGRESS,
  EPIPE,
  ERRNO_NAMES,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDHUP,
  SHUT_WR,
} from '@sandbox/abi';
import type { EndpointObserver, TcpEndpoint } from '@sandbox/net';

const CHUNK = 65536;
/** Chunks handed on before other work of the event loop gets its turn. */
const CHUNKS_A_TURN = 16;
const scratch = new Uint8Array(CHUNK);
const READ_EVENTS = POLLIN | POLLRDHUP | POLLHUP | POLLERR;
const WRITE_EVENTS = POLLOUT | POLLHUP | POLLERR;

/** An end of a connection, as text. */
export interface EndName {
  readonly address: string;
  readonly port: number;
}

/** How bytes get into an endpoint and out of it: loaded with the network. All answer counts, or -errno. */
export interface EndpointIo {
  receive(endpoint: TcpEndpoint, into: Uint8Array): number;
  send(endpoint: TcpEndpoint, bytes: Uint8Array): number;
  local(endpoint: TcpEndpoint): EndName | null;
  remote(endpoint: TcpEndpoint): EndName | null;
}

/** An error as Node's own sockets give it. */
export function socketError(errno: number, call: string): NodeJS.ErrnoException {
  const code = ERRNO_NAMES[errno] ?? `E${errno}`;
  return Object.assign(new Error(`${call} ${code}`), { code, errno: -errno, syscall: call });
}

/**
 * One end of a TCP connection inside the guest's network, held by the embedder: a Duplex much like net.Socket, so that node:http and its
 * kin can be put on it. Emits 'connect' once the connection is made. Backpressure holds both ways.
 */
export class GuestSocket extends Duplex implements EndpointObserver {
  remoteAddress: string | undefined;
  remotePort: number | undefined;
  localAddress: string | undefined;
  localPort: number | undefined;
  connecting = false;
  private endpoint: TcpEndpoint | null = null;
  private io!: EndpointIo;
  /** Goes on with connecting: -EINPROGRESS or -EALREADY while it takes time. */
  private connectStep: (() => number) | null = null;
  private wanted = false;
  private pending: { bytes: Uint8Array; done: (error?: Error | null) => void } | null = null;
  private ending: ((error?: Error | null) => void) | null = null;
  private scheduled = false;
  private yielding = false;

  constructor() {
    super({ highWaterMark: CHUNK, allowHalfOpen: true });
  }

  /** Take over an endpoint that is connected. */
  adopt(io: EndpointIo, endpoint: TcpEndpoint): this {
    this.io = io;
    this.endpoint = endpoint;
    endpoint.observer = this;
    this.readNames();
    this.schedule();
    return this;
  }

  /** Connect `endpoint` by calling `step` until it has an outcome; 'connect' or an error follows. */
  open(io: EndpointIo, endpoint: TcpEndpoint, step: () => number): this {
    this.io = io;
    this.endpoint = endpoint;
    this.connecting = true;
    this.connectStep = step;
    endpoint.observer = this;
    this.schedule();
    return this;
  }

  private readNames(): void {
    const { endpoint } = this;
    if (endpoint === null) return;
    const local = this.io.local(endpoint);
    const remote = this.io.remote(endpoint);
    this.localAddress = local?.address;
    this.localPort = local?.port;
    this.remoteAddress = remote?.address;
    this.remotePort = remote?.port;
  }

  /** The stack is at work: go on a turn later, outside of it. */
  onEvents(events: number): void {
    if ((events & (READ_EVENTS | WRITE_EVENTS)) !== 0) this.schedule();
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(this.pump);
  }

  private readonly pump = (): void => {
    this.scheduled = false;
    if (this.endpoint === null) return;
    if (this.connecting && this.connectStep !== null && !this.finishConnect(this.connectStep)) return;
    this.pumpWrite();
    this.pumpRead();
  };

  private finishConnect(step: () => number): boolean {
    let r = step();
    // Over loopback the answer may be there already.
    if (r === -EINPROGRESS) r = step();
    return r !== -EALREADY && this.connected(r);
  }

  private connected(result: number): boolean {
    this.connecting = false;
    if (result < 0) {
      this.destroy(socketError(-result, 'connect'));
      return false;
    }
    this.readNames();
    this.emit('connect');
    this.emit('ready');
    return true;
  }

  override _read(): void {
    this.wanted = true;
    this.schedule();
  }

  private pumpRead(): void {
    for (let turn = 0; this.wanted && this.endpoint !== null && !this.yielding; turn++) {
      if (turn === CHUNKS_A_TURN) {
        this.yielding = true;
        setImmediate(this.goOn);
        return;
      }
      const n = this.io.receive(this.endpoint, scratch);
      if (n === -EAGAIN) return;
      if (n < 0) {
        this.destroy(socketError(-n, 'read'));
        return;
      }
      if (n === 0) {
        this.wanted = false;
        this.push(null);
        return;
      }
      this.wanted = this.push(Buffer.from(scratch.subarray(0, n)));
    }
  }

  private readonly goOn = (): void => {
    this.yielding = false;
    this.pumpRead();
  };

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.pending = { bytes: chunk, done };
    if (this.endpoint !== null && !this.connecting) this.pumpWrite();
  }

  private pumpWrite(): void {
    const { pending } = this;
    if (pending !== null && this.endpoint !== null) {
      while (pending.bytes.length > 0) {
        const n = this.io.send(this.endpoint, pending.bytes);
        if (n === -EAGAIN) return;
        if (n < 0) {
          this.pending = null;
          pending.done(socketError(-n, 'write'));
          return;
        }
        pending.bytes = pending.bytes.subarray(n);
      }
      this.pending = null;
      pending.done();
    }
    this.pumpEnd();
  }

  private pumpEnd(): void {
    const { ending, endpoint } = this;
    if (ending === null || this.pending !== null || endpoint === null) return;
    this.ending = null;
    endpoint.shutdown(SHUT_WR);
    ending();
  }

  override _final(done: (error?: Error | null) => void): void {
    this.ending = done;
    if (!this.connecting) this.pumpEnd();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const { endpoint, pending } = this;
    this.endpoint = null;
    this.pending = null;
    if (endpoint !== null) {
      endpoint.observer = null;
      endpoint.lingerZero = error !== null;
      endpoint.close();
    }
    pending?.done(error ?? socketError(EPIPE, 'write'));
    done(error);
  }

  /** The kernel is going away: end without touching it again. */
  abandon(): void {
    if (this.endpoint !== null) this.endpoint.observer = null;
    this.endpoint = null;
    this.destroy();
  }

  // What programs written for net.Socket call.

  setNoDelay(on = true): this {
    if (this.endpoint !== null) {
      this.endpoint.tcp.noDelay = on;
      this.endpoint.optionsChanged();
    }
    return this;
  }
  setKeepAlive(on = false): this {
    if (this.endpoint !== null) {
      this.endpoint.tcp.keepAlive = on;
      this.endpoint.optionsChanged();
    }
    return this;
  }
  setTimeout(_ms: number, _callback?: () => void): this {
    return this;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
  address(): { address: string; port: number; family: string } | Record<string, never> {
    if (this.localAddress === undefined) return {};
    const family = this.localAddress.includes(':') ? 'IPv6' : 'IPv4';
    return { address: this.localAddress, port: this.localPort!, family };
  }
}
