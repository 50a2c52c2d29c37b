import {
  EAGAIN,
  EFAULT,
  EINVAL,
  EISCONN,
  ENOBUFS,
  ENOTCONN,
  EOPNOTSUPP,
  EPIPE,
  FIONREAD,
  MSG_OOB,
  MSG_PEEK,
  POLLERR,
  POLLHUP,
  POLLPRI,
  POLLRDHUP,
  SIOCATMARK,
  SO_OOBINLINE,
  SOCK_STREAM,
  TIOCOUTQ,
} from '@sandbox/abi';
import { type File, type Inode, type IoctlCaller, releaseFile } from '@sandbox/vfs';
import { copyOutInt } from '../pipe/pipe-file.js';
import { NOBODY, type ReceiveMessage, type SendMessage, sameUcred } from '../socket/message.js';
import type { UnixDomain } from './domain.js';
import {
  type Ancillary,
  RCV_SHUTDOWN,
  READ_READY,
  SEND_SHUTDOWN,
  STATE_CLOSE,
  STATE_ESTABLISHED,
  STATE_LISTEN,
  UnixSocket,
  WRITE_READY,
} from './socket.js';
import { StreamQueue } from './stream-queue.js';
import { STREAM_CHUNK, streamTruesize } from './truesize.js';

/** A byte stream between two sockets (unix(7), SOCK_STREAM). */
export class UnixStream extends UnixSocket {
  private readonly incoming = new StreamQueue();
  /** SO_PEEK_OFF: where MSG_PEEK looks; -1: at the front. */
  private peekOffset = -1;

  constructor(unix: UnixDomain, inode: Inode, flags: number) {
    super(unix, inode, SOCK_STREAM, flags);
  }

  protected override another(inode: Inode): UnixSocket {
    return new UnixStream(this.unix, inode, 0);
  }
  override get isStream(): boolean {
    return true;
  }
  override get raisesSigpipe(): boolean {
    return true;
  }
  protected override get hasData(): boolean {
    return this.incoming.bytes > 0;
  }

  // Sending -------------------------------------------------------------------------------------------------

  override send(message: SendMessage): number {
    if ((message.flags & MSG_OOB) !== 0 && message.io.remaining === 0) return -EOPNOTSUPP;
    if (message.address.length > 0) return this.state === STATE_ESTABLISHED ? -EISCONN : -EOPNOTSUPP;
    const other = this.peer;
    if (other === null) return -ENOTCONN;
    if ((this.shutdownMask & SEND_SHUTDOWN) !== 0) return -EPIPE;
    if (other.dead || (other.shutdownMask & RCV_SHUTDOWN) !== 0) return -EPIPE;
    return (other as UnixStream).deliver(this, message);
  }

  /** Take what there is room for from `sender`. */
  private deliver(sender: UnixStream, message: SendMessage): number {
    const { io } = message;
    // The last byte goes by itself, as urgent data.
    const last = (message.flags & MSG_OOB) !== 0 ? 1 : 0;
    let done = 0;
    while (io.remaining > 0) {
      const urgent = io.remaining === last;
      if (sender.error !== 0 && done === 0) return sender.takeError();
      if (!sender.maySend) break;
      if (this.unix.full) return done > 0 ? done : -ENOBUFS;
      const size = urgent
        ? 1
        : Math.min(io.remaining - last, (sender.options.sndbuf >> 1) - 64, STREAM_CHUNK);
      const charge = streamTruesize(size);
      // Files go with the first bytes only, credentials with all.
      const extra = sender.ancillaryOf(message, this);
      if (!this.incoming.append(io, size, charge, extra)) {
        if (extra !== null && extra.parcel !== null) message.rights = extra.parcel.files;
        if (done === 0) return -EFAULT;
        break;
      }
      if (extra !== null && extra.parcel !== null) this.unix.depart(extra.parcel, this);
      sender.sent += charge;
      this.unix.memory += charge;
      done += size;
      if (!urgent) continue;
      this.incoming.markUrgent();
      this.unix.urgentData(this);
      this.queue.wake(POLLPRI);
    }
    if (done === 0) return io.remaining > 0 ? -EAGAIN : 0;
    this.queue.wake(READ_READY);
    return done;
  }

  // Receiving -----------------------------------------------------------------------------------------------

  override receive(message: ReceiveMessage): number {
    if (this.state !== STATE_ESTABLISHED) return -EINVAL;
    if ((message.flags & MSG_OOB) !== 0) return this.receiveUrgent(message);
    const peek = (message.flags & MSG_PEEK) !== 0;
    const { io } = message;
    const mixed = !this.options.passCredentials;
    let skip = peek ? Math.max(0, this.peekOffset) : 0;
    let done = 0;
    while (io.remaining > 0 && !message.stop) {
      if (this.incoming.marked) {
        const past = this.passMarks(skip, peek, done > 0);
        if (past < 0) break;
        skip += past;
      }
      const count = this.incoming.run(skip, io.remaining, mixed);
      if (count === 0) break;
      const extra = this.incoming.extraAt(skip);
      if (!mixed && !sameSender(message, extra)) break;
      if (message.address.length === 0 && this.peer !== null && this.peer.bound)
        this.peer.name(message.address);
      const n = this.incoming.copy(io, skip, count);
      if (peek) {
        skip += n;
        done += n;
        if (extra !== null && extra.parcel !== null) this.lend(message, extra);
      } else {
        done += this.finish(message, extra, n, n < count);
      }
      if (n < count) {
        message.stop = true;
        return done > 0 ? done : -EFAULT;
      }
    }
    if (peek && this.peekOffset >= 0) this.peekOffset += done;
    if (done > 0 || (io.remaining === 0 && !this.incoming.empty)) return done;
    return this.nothing(message);
  }

  /**
   * Get past an urgent byte, or the place of one, `skip` bytes on (manage_oob). -1: reading ends there, as
   * something was read already. Else bytes to leave out (they stay when they are only looked at).
   */
  private passMarks(skip: number, peek: boolean, some: boolean): number {
    const { incoming } = this;
    if (incoming.isMark(skip)) {
      if (some && !incoming.hasUrgent) return -1;
      if (!peek) this.peer?.unsend(incoming.dropMark());
    }
    if (!incoming.isUrgent(skip)) return 0;
    if (some) return -1;
    if (!peek) incoming.forgetUrgent();
    if (this.urgentInline) return 0;
    if (peek) return 1;
    const charge = incoming.consume(1, false);
    if (charge > 0) this.peer?.unsend(charge);
    return 0;
  }

  private get urgentInline(): boolean {
    return this.options.get(SO_OOBINLINE) === 1;
  }

  /**
   * MSG_OOB: the urgent byte, wherever it is; -EINVAL: there is none, or it is to be read with the others.
   */
  private receiveUrgent(message: ReceiveMessage): number {
    if (this.urgentInline || !this.incoming.hasUrgent) return -EINVAL;
    if (!this.incoming.readUrgent(message.io, (message.flags & MSG_PEEK) === 0)) return -EFAULT;
    message.outFlags |= MSG_OOB;
    message.stop = true;
    return 1;
  }

  /**
   * `n` bytes were handed out: drop them (only whole segments after a fault), and hand over what came along.
   */
  private finish(message: ReceiveMessage, extra: Ancillary | null, n: number, fault: boolean): number {
    if (extra !== null && extra.parcel !== null && !fault) {
      message.rights = extra.parcel.files;
      this.unix.arrive(extra.parcel, this);
      extra.parcel = null;
      message.stop = true;
    }
    const charge = this.incoming.consume(n, fault);
    if (this.peekOffset > 0) this.peekOffset = Math.max(0, this.peekOffset - this.incoming.dropped);
    if (charge > 0) this.peer!.unsend(charge);
    return this.incoming.dropped;
  }

  /** MSG_PEEK hands out further references to the files. */
  private lend(message: ReceiveMessage, extra: Ancillary): void {
    message.rights = extra.parcel!.files.slice();
    for (const file of message.rights) file.refs++;
    message.stop = true;
  }

  protected override belowLowWater(wanted: number): boolean {
    if ((this.shutdownMask & RCV_SHUTDOWN) !== 0 || this.error !== 0 || this.incoming.empty) return false;
    return this.incoming.bytes < Math.min(this.options.rcvlowat, wanted);
  }

  private nothing(message: ReceiveMessage): number {
    if (message.stop) return 0;
    if (this.error !== 0) return this.takeError();
    if ((this.shutdownMask & RCV_SHUTDOWN) !== 0) {
      message.stop = true;
      return 0;
    }
    return -EAGAIN;
  }

  // State ---------------------------------------------------------------------------------------------------

  override poll(): number {
    let mask = 0;
    if (this.error !== 0) mask |= POLLERR;
    if (this.shutdownMask === (RCV_SHUTDOWN | SEND_SHUTDOWN)) mask |= POLLHUP;
    if ((this.shutdownMask & RCV_SHUTDOWN) !== 0) mask |= POLLRDHUP | READ_READY;
    if (!this.incoming.empty || this.hasConnections) mask |= READ_READY;
    if (this.incoming.hasUrgent) mask |= POLLPRI;
    if (this.state === STATE_CLOSE) mask |= POLLHUP;
    if (this.writable4) mask |= WRITE_READY;
    return mask;
  }

  override setPeekOffset(offset: number): number {
    this.peekOffset = offset < 0 ? -1 : offset;
    return 0;
  }
  override get peekOff(): number {
    return this.peekOffset;
  }

  override get toReceive(): number {
    return this.incoming.bytes;
  }

  override ioctl(cmd: number, arg: number, caller: IoctlCaller): number {
    if (cmd === FIONREAD)
      return this.state === STATE_LISTEN ? -EINVAL : copyOutInt(caller, arg, this.toReceive);
    if (cmd === SIOCATMARK) return copyOutInt(caller, arg, this.incoming.atUrgentMark ? 1 : 0);
    if (cmd === TIOCOUTQ) return copyOutInt(caller, arg, this.sent);
    return super.ioctl(cmd, arg, caller);
  }

  protected override dropData(): void {
    const files: File[] = [];
    this.takeOwnFiles(files);
    const charge = this.incoming.clear();
    if (charge > 0) this.peer?.unsend(charge);
    for (const file of files) releaseFile(file);
  }

  protected override eachOwnFile(visit: (file: File) => void): void {
    this.incoming.eachExtra((extra) => extra.parcel?.files.forEach(visit));
  }

  protected override takeOwnFiles(into: File[]): void {
    this.incoming.eachExtra((extra) => {
      if (extra.parcel === null) return;
      into.push(...extra.parcel.files);
      this.unix.arrive(extra.parcel, this);
      extra.parcel = null;
    });
  }
}

/** Bytes of different senders are not mixed while the receiver asks who they are. The first ones decide. */
function sameSender(message: ReceiveMessage, extra: Ancillary | null): boolean {
  const sender = extra?.credentials ?? NOBODY;
  if (message.credentials === null) {
    message.credentials = sender;
    return true;
  }
  if (sameUcred(message.credentials, sender)) return true;
  message.stop = true;
  return false;
}
