import {
  AF_UNSPEC,
  EAGAIN,
  ECONNREFUSED,
  ECONNRESET,
  EFAULT,
  EINVAL,
  EMSGSIZE,
  ENOBUFS,
  ENOTCONN,
  EOPNOTSUPP,
  EPERM,
  EPIPE,
  FIONREAD,
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
  POLLERR,
  POLLHUP,
  POLLRDHUP,
  SIOCATMARK,
  SOCK_DGRAM,
  SOCK_SEQPACKET,
  TIOCOUTQ,
} from '@sandbox/abi';
import { type File, type Inode, type IoctlCaller, releaseFile } from '@sandbox/vfs';
import type { Task } from '../../process/task/task.js';
import { copyOutInt } from '../pipe/pipe-file.js';
import { SocketAddress } from '../socket/address.js';
import { NOBODY, type ReceiveMessage, type SendMessage } from '../socket/message.js';
import type { SocketFile } from '../socket/socket-file.js';
import type { UnixDomain } from './domain.js';
import {
  type Ancillary,
  checkAddress,
  RCV_SHUTDOWN,
  READ_READY,
  SEND_SHUTDOWN,
  STATE_CHANGED,
  STATE_CLOSE,
  STATE_ESTABLISHED,
  STATE_LISTEN,
  UnixSocket,
  WRITE_READY,
} from './socket.js';
import { datagramTruesize } from './truesize.js';

/**
 * /proc/sys/net/unix/max_dgram_qlen: messages that may wait at a socket that is not connected back to their
 * sender.
 */
const MAX_QUEUE = 10;
/** Overhead Linux takes off SO_SNDBUF for the largest message. */
const MESSAGE_OVERHEAD = 32;

/** One message in a queue. */
interface Datagram {
  readonly data: Uint8Array;
  readonly from: UnixSocket;
  /** Sender's name at the time; null: none. */
  readonly name: SocketAddress | null;
  readonly extra: Ancillary | null;
  readonly charge: number;
  next: Datagram | null;
}

/**
 * Messages with boundaries: datagrams, and sequenced packets over a connection (unix(7), SOCK_DGRAM and
 * SOCK_SEQPACKET).
 */
export class UnixDatagram extends UnixSocket {
  private first: Datagram | null = null;
  private last: Datagram | null = null;
  private count = 0;
  private bytes = 0;
  private peekOffset = -1;

  constructor(unix: UnixDomain, inode: Inode, type: number, flags: number) {
    super(unix, inode, type, flags);
  }

  private get sequenced(): boolean {
    return this.type === SOCK_SEQPACKET;
  }
  protected override get connectionOriented(): boolean {
    return this.sequenced;
  }
  protected override another(inode: Inode): UnixSocket {
    return new UnixDatagram(this.unix, inode, this.type, 0);
  }
  protected override get hasData(): boolean {
    return this.first !== null;
  }

  // Connecting ----------------------------------------------------------------------------------------------

  override listen(caller: Task, backlog: number): number {
    return this.sequenced ? super.listen(caller, backlog) : -EOPNOTSUPP;
  }
  override accept(): SocketFile | number {
    return this.sequenced ? super.accept() : -EOPNOTSUPP;
  }

  /** For datagrams: where they go, and from whom alone they are taken. AF_UNSPEC ends that. */
  override connect(caller: Task, address: SocketAddress): number {
    if (this.sequenced) return super.connect(caller, address);
    if (address.length < 2) return -EINVAL;
    let other: UnixSocket | null = null;
    if (address.family !== AF_UNSPEC) {
      const r = checkAddress(address);
      if (r < 0) return r;
      if (this.options.passCredentials) {
        const e = this.autobind();
        if (e < 0) return e;
      }
      const found = this.find(caller, address);
      if (typeof found === 'number') return found;
      if (!(found as UnixDatagram).accepts(this) || !this.mayReach(found)) return -EPERM;
      other = found;
    }
    const old = this.peer as UnixDatagram | null;
    this.peer = other;
    this.state = other === null ? STATE_CLOSE : STATE_ESTABLISHED;
    // Lists of sockets show the other end as connected, too, although it need not be.
    if (other !== null) other.state = STATE_ESTABLISHED;
    if (old !== null && old !== other) {
      this.disconnected(old);
      if (old.peer === null && !old.dead) old.state = STATE_CLOSE;
    }
    return 0;
  }

  /** A socket that is connected elsewhere takes nothing from `sender` (unix_may_send). */
  private accepts(sender: UnixSocket): boolean {
    return this.peer === null || this.peer === sender;
  }

  /** No longer connected to `old`: what had come from there is lost, and `old` hears of it. */
  private disconnected(old: UnixDatagram): void {
    if (this.first === null) return;
    this.dropData();
    this.wakeWaiting();
    if (!old.dead && old.peer === this) {
      old.error = ECONNRESET;
      old.queue.wake(STATE_CHANGED | POLLERR);
    }
  }

  // Sending -------------------------------------------------------------------------------------------------

  override send(message: SendMessage): number {
    if ((message.flags & MSG_OOB) !== 0) return -EOPNOTSUPP;
    if (this.sequenced) {
      if (this.error !== 0) return this.takeError();
      if (this.state !== STATE_ESTABLISHED) return -ENOTCONN;
      // A destination means nothing on a connection.
      message.address.clear();
    }
    const named = message.address.length > 0;
    if (named) {
      const r = checkAddress(message.address);
      if (r < 0) return r;
    }
    if (this.options.passCredentials) {
      const r = this.autobind();
      if (r < 0) return r;
    }
    const length = message.io.remaining;
    if (length > this.options.sndbuf - MESSAGE_OVERHEAD) return -EMSGSIZE;
    if (this.error !== 0) return this.takeError();
    if ((this.shutdownMask & SEND_SHUTDOWN) !== 0) return -EPIPE;
    if (!this.maySend) return -EAGAIN;
    if (this.unix.full) return -ENOBUFS;
    // The bytes are fetched before anybody asks whether there is a destination.
    const data = new Uint8Array(length);
    if (message.io.get(data, 0, length) < length) return -EFAULT;
    const other = named ? this.find(this.unix.caller, message.address) : this.peer;
    if (other === null) return -ENOTCONN;
    return typeof other === 'number' ? other : this.sendTo(other as UnixDatagram, message, data);
  }

  private sendTo(other: UnixDatagram, message: SendMessage, data: Uint8Array): number {
    if (!other.accepts(this) && !this.sequenced) return -EPERM;
    if (other.dead) return this.sequenced ? -EPIPE : this.peerGone(other);
    if ((other.shutdownMask & RCV_SHUTDOWN) !== 0) return -EPIPE;
    // Where it is connected to it was let before.
    if (this.peer !== other && !this.mayReach(other)) return -EPERM;
    if (other.isFullFor(this)) {
      this.waitForRoom(other);
      return -EAGAIN;
    }
    // What its reader's filter refuses is sent all the same, as far as the sender knows.
    const kept = other.filter === null ? data.length : other.filter.keepsBytes(data);
    if (other.filter !== null && kept === 0) return data.length;
    other.enqueue(this, kept < data.length ? data.subarray(0, kept) : data, this.ancillaryOf(message, other));
    return data.length;
  }

  /** The peer was closed: not connected any more, which this call reports and the next one finds out. */
  private peerGone(other: UnixDatagram): number {
    if (this.peer === other) {
      this.peer = null;
      this.state = STATE_CLOSE;
      this.disconnected(other);
    }
    return -ECONNREFUSED;
  }

  private isFullFor(sender: UnixSocket): boolean {
    return this !== sender && this.peer !== sender && this.count > MAX_QUEUE;
  }

  private enqueue(from: UnixDatagram, data: Uint8Array, extra: Ancillary | null): void {
    let name: SocketAddress | null = null;
    if (from.bound) {
      name = new SocketAddress();
      from.name(name);
    }
    const charge = datagramTruesize(data.length);
    const d: Datagram = { data, from, name, extra, charge, next: null };
    if (this.last) this.last.next = d;
    else this.first = d;
    this.last = d;
    this.count++;
    this.bytes += data.length;
    from.sent += charge;
    this.unix.memory += charge;
    if (extra !== null && extra.parcel !== null) this.unix.depart(extra.parcel, this);
    this.queue.wake(READ_READY);
  }

  // Receiving -----------------------------------------------------------------------------------------------

  override receive(message: ReceiveMessage): number {
    if (this.sequenced && this.state !== STATE_ESTABLISHED) return -ENOTCONN;
    if ((message.flags & MSG_OOB) !== 0) return -EOPNOTSUPP;
    if (this.error !== 0) return this.takeError();
    const d = this.first;
    if (d === null) return this.nothing();
    const peek = (message.flags & MSG_PEEK) !== 0;
    const skip = peek && this.peekOffset > 0 ? Math.min(this.peekOffset, d.data.length) : 0;
    const left = d.data.length - skip;
    const size = Math.min(message.io.remaining, left);
    if (size < left) message.outFlags |= MSG_TRUNC;
    if (d.name !== null) {
      message.address.bytes.set(d.name.bytes.subarray(0, d.name.length));
      message.address.length = d.name.length;
    }
    const ok = message.io.put(d.data, skip, size) === size;
    if (ok) this.handOver(message, d, peek);
    if (peek) {
      if (this.peekOffset >= 0) this.peekOffset += size;
    } else this.dequeue(d);
    if (!ok) return -EFAULT;
    return (message.flags & MSG_TRUNC) !== 0 ? left : size;
  }

  private handOver(message: ReceiveMessage, d: Datagram, peek: boolean): void {
    if (this.options.passCredentials) message.credentials = d.extra?.credentials ?? NOBODY;
    const parcel = d.extra?.parcel ?? null;
    if (parcel === null) return;
    if (peek) {
      message.rights = parcel.files.slice();
      for (const file of message.rights) file.refs++;
    } else {
      message.rights = parcel.files;
      this.unix.arrive(parcel, this);
      d.extra!.parcel = null;
    }
  }

  /** Take the first message out; files nobody took are let go. */
  private dequeue(d: Datagram): void {
    this.first = d.next;
    if (this.first === null) this.last = null;
    this.count--;
    this.bytes -= d.data.length;
    if (this.peekOffset > 0) this.peekOffset = Math.max(0, this.peekOffset - d.data.length);
    const parcel = d.extra?.parcel ?? null;
    if (parcel !== null) {
      this.unix.arrive(parcel, this);
      for (const file of parcel.files) releaseFile(file);
    }
    d.from.unsend(d.charge);
    this.wakeWaiting();
  }

  /** A connection that was shut down ends; a datagram socket has no end to report without waiting for it. */
  private nothing(): number {
    return this.sequenced && (this.shutdownMask & RCV_SHUTDOWN) !== 0 ? 0 : -EAGAIN;
  }
  override get endsWait(): boolean {
    return (this.shutdownMask & RCV_SHUTDOWN) !== 0;
  }

  // State ---------------------------------------------------------------------------------------------------

  override poll(): number {
    let mask = 0;
    if (this.error !== 0) mask |= POLLERR;
    if ((this.shutdownMask & RCV_SHUTDOWN) !== 0) mask |= POLLRDHUP | READ_READY;
    if (this.shutdownMask === (RCV_SHUTDOWN | SEND_SHUTDOWN)) mask |= POLLHUP;
    if (this.first !== null || this.hasConnections) mask |= READ_READY;
    if (this.sequenced && this.state === STATE_CLOSE) mask |= POLLHUP;
    if (this.writable4 && !this.peerFull()) mask |= WRITE_READY;
    return mask;
  }

  private peerFull(): boolean {
    const other = this.peer as UnixDatagram | null;
    if (other === null || other.dead || !other.isFullFor(this)) return false;
    this.waitForRoom(other);
    return true;
  }

  override setPeekOffset(offset: number): number {
    this.peekOffset = offset < 0 ? -1 : offset;
    return 0;
  }
  override get peekOff(): number {
    return this.peekOffset;
  }

  override get toReceive(): number {
    return this.type === SOCK_DGRAM ? (this.first?.data.length ?? 0) : this.bytes;
  }

  override ioctl(cmd: number, arg: number, caller: IoctlCaller): number {
    if (cmd === FIONREAD) {
      if (this.state === STATE_LISTEN) return -EINVAL;
      return copyOutInt(caller, arg, this.toReceive);
    }
    if (cmd === SIOCATMARK) return -EOPNOTSUPP;
    if (cmd === TIOCOUTQ) return copyOutInt(caller, arg, this.sent);
    return super.ioctl(cmd, arg, caller);
  }

  protected override dropData(): void {
    while (this.first !== null) this.dequeue(this.first);
  }

  protected override eachOwnFile(visit: (file: File) => void): void {
    for (let d = this.first; d !== null; d = d.next) d.extra?.parcel?.files.forEach(visit);
  }

  protected override takeOwnFiles(into: File[]): void {
    for (let d = this.first; d !== null; d = d.next) {
      const parcel = d.extra?.parcel ?? null;
      if (parcel === null) continue;
      into.push(...parcel.files);
      this.unix.arrive(parcel, this);
      d.extra!.parcel = null;
    }
  }
}
