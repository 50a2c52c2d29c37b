import {
  EAGAIN,
  EINVAL,
  ENODEV,
  ENOPROTOOPT,
  ENOTTY,
  EOPNOTSUPP,
  O_NONBLOCK,
  O_RDWR,
  SIOCATMARK,
  SO_ACCEPTCONN,
  SO_DOMAIN,
  SO_ERROR,
  SO_PROTOCOL,
  SO_TYPE,
} from '@sandbox/abi';
import { File, type Inode, type IoBuf, type IoctlCaller, WaitQueue } from '@sandbox/vfs';
import type { NetNamespace } from '../../process/ns/namespaces.js';
import type { Task } from '../../process/task/task.js';
import { copyOutInt } from '../pipe/pipe-file.js';
import type { SocketAddress } from './address.js';
import { ReceiveMessage, SendMessage } from './message.js';
import { SocketOptions } from './options.js';
import type { PacketFilter } from './packet-filter.js';

/** Messages of read and write; one at a time is under way. */
const plainSend = new SendMessage();
const plainReceive = new ReceiveMessage();

/**
 * A socket of any family: what the system calls ask of it. A family is a subclass (see families.ts). As with
 * all files, nothing blocks: -EAGAIN means wait on `waitQueue` and ask again.
 */
export abstract class SocketFile extends File {
  readonly queue = new WaitQueue();
  /** The network namespace it was made in; null for what no program made. */
  netns: NetNamespace | null = null;
  filter: PacketFilter | null = null;
  /** Pending error (a positive errno), reported once: SO_ERROR. */
  error = 0;

  constructor(
    inode: Inode,
    /** AF_*; an IPv6 socket can become one of IPv4 (IPV6_ADDRFORM). */
    public domain: number,
    readonly type: number,
    readonly protocol: number,
    flags: number,
    readonly options: SocketOptions = new SocketOptions(),
  ) {
    super(inode, O_RDWR | (flags & O_NONBLOCK));
  }

  /** It is of the namespace `ns` from now on, until `release`. */
  joinNet(ns: NetNamespace | null): void {
    this.netns = ns;
    this.options.userNs = ns?.userNs ?? this.options.userNs;
    ns?.hold();
  }

  override release(): void {
    this.netns?.drop();
    this.netns = null;
  }

  override get waitQueue(): WaitQueue {
    return this.queue;
  }
  get readTimeout(): number {
    return this.options.receiveTimeout;
  }
  get writeTimeout(): number {
    return this.options.sendTimeout;
  }
  override get label(): string {
    return `socket:[${this.inode.ino}]`;
  }

  override read(io: IoBuf, _offset: number): number {
    // A null read succeeds, connected or not (sock_read_iter).
    if (io.remaining === 0) return 0;
    if (this.options.rcvlowat > 1 && (this.flags & O_NONBLOCK) === 0 && this.belowLowWater(io.remaining))
      return -EAGAIN;
    const n = this.receive(plainReceive.reset(io, 0));
    plainReceive.clear();
    return n;
  }

  override write(io: IoBuf, _offset: number): number {
    const n = this.send(plainSend.reset(io, 0));
    plainSend.clear();
    return n;
  }

  /** bind(2). 0, -EINVAL, -EADDRINUSE and what its family adds. */
  abstract bind(caller: Task, address: SocketAddress): number;
  /** connect(2). 0, -EAGAIN or -EINPROGRESS while it goes on, -ECONNREFUSED, -EISCONN... */
  abstract connect(caller: Task, address: SocketAddress): number;
  /** listen(2). */
  listen(_caller: Task, _backlog: number): number {
    return -EOPNOTSUPP;
  }
  /** accept(2): the next connection, without O_NONBLOCK; -EAGAIN, -EINVAL (not listening), -EOPNOTSUPP. */
  accept(): SocketFile | number {
    return -EOPNOTSUPP;
  }
  get listening(): boolean {
    return false;
  }
  /** getsockname(2), getpeername(2): 0 or -errno (-ENOTCONN). */
  abstract name(out: SocketAddress): number;
  abstract peerName(out: SocketAddress): number;
  /** accept(2)'s: whom a connection just accepted is with, also when it has ended meanwhile. */
  acceptedName(out: SocketAddress): number {
    return this.peerName(out);
  }
  /** shutdown(2): SHUT_RD, SHUT_WR or SHUT_RDWR (checked). */
  abstract shutdown(how: number): number;

  /**
   * Take (a part of) the message. Bytes taken; streams may take fewer than given. -EAGAIN, -EPIPE,
   * -ENOTCONN... Files that go along leave `message.rights`.
   */
  abstract send(message: SendMessage): number;
  /** Bytes stored (with MSG_TRUNC: the message's real length), 0 at the end, -EAGAIN... */
  abstract receive(message: ReceiveMessage): number;

  /** A stream with some bytes, but fewer than SO_RCVLOWAT (or `wanted`), and more may come. */
  protected belowLowWater(_wanted: number): boolean {
    return false;
  }
  /** A broken connection raises SIGPIPE in the writer. */
  get raisesSigpipe(): boolean {
    return false;
  }
  /** Bytes MSG_WAITALL and SO_RCVLOWAT count: a stream. */
  get isStream(): boolean {
    return false;
  }

  /**
   * A receive that would wait answers 0 instead: nothing will come any more. (Asked not to wait, datagram
   * sockets say -EAGAIN all the same.)
   */
  get endsWait(): boolean {
    return false;
  }

  /**
   * Ancillary data of sendmsg(2), `bytes[0..length)` as the caller wrote it. Fills `message`. 0, -EINVAL
   * (malformed, or not this family's), -EBADF, -EPERM...
   */
  parseControl(_caller: Task, _bytes: Uint8Array, _length: number, _message: SendMessage): number {
    return 0;
  }

  /** The pending error as -errno, or 0; it is pending no more. */
  takeError(): number {
    const e = this.error;
    this.error = 0;
    return -e;
  }

  /** A number-valued option of SOL_SOCKET; undefined: no such option (or not a number). */
  getNumber(name: number): number | undefined {
    switch (name) {
      case SO_TYPE:
        return this.type;
      case SO_DOMAIN:
        return this.domain;
      case SO_PROTOCOL:
        return this.protocol;
      case SO_ACCEPTCONN:
        return this.listening ? 1 : 0;
      case SO_ERROR:
        return -this.takeError();
      default:
        return this.options.get(name);
    }
  }

  /**
   * Has its family options of other levels than SOL_SOCKET? Otherwise they are refused before a look at the
   * value.
   */
  get hasLevels(): boolean {
    return false;
  }
  /**
   * An option of another level than SOL_SOCKET. Bytes stored at `out`, which begins with what the caller's
   * buffer held; or -errno. `room`: how long the buffer is.
   */
  getFamilyOption(_caller: Task, _level: number, _name: number, _out: Uint8Array, _room: number): number {
    return -EOPNOTSUPP;
  }
  /** `length` bytes, of which `value` has the first ones; null: they cannot be read. */
  setFamilyOption(
    _caller: Task,
    _level: number,
    _name: number,
    _value: Uint8Array | null,
    _length: number,
  ): number {
    return -EOPNOTSUPP;
  }
  /** SO_BINDTODEVICE to the interface `name` ('': none). 0, -ENODEV, -EPERM. */
  bindToDevice(_caller: Task, name: string): number {
    return name === '' ? 0 : -ENODEV;
  }
  /**
   * SO_ATTACH_FILTER, SO_DETACH_FILTER: what of the messages that come is kept. Streams without packets take
   * one to no effect, as in Linux.
   */
  setFilter(filter: PacketFilter | null): void {
    this.filter = filter;
  }
  /**
   * SO_ATTACH_REUSEPORT_CBPF, SO_DETACH_REUSEPORT_BPF: which of a group that shares a port (SO_REUSEPORT)
   * gets what comes. -EINVAL, -ENOENT.
   */
  setSelector(_filter: PacketFilter | null): number {
    return -EINVAL;
  }
  /** Options whose values are tables, read and written in place: a result, or null: this is none of them. */
  setLargeOption(_t: Task, _level: number, _name: number, _addr: number, _length: number): number | null {
    return null;
  }
  getLargeOption(_t: Task, _level: number, _name: number, _addr: number, _lengthAddr: number): number | null {
    return null;
  }
  /** The interface SO_BINDTODEVICE named; '': none. */
  get boundDevice(): string {
    return '';
  }
  /** An option of SOL_SOCKET that is no number: bytes stored at `out`, or -errno. */
  getStruct(_name: number, _out: Uint8Array): number {
    return -ENOPROTOOPT;
  }
  /** SO_PEEK_OFF: 0 or -EOPNOTSUPP; -1 from `peekOff`: MSG_PEEK looks at the front. */
  setPeekOffset(_offset: number): number {
    return -EOPNOTSUPP;
  }
  get peekOff(): number {
    return -1;
  }

  override ioctl(cmd: number, arg: number, caller: IoctlCaller): number {
    if (cmd === SIOCATMARK) return copyOutInt(caller, arg, 0);
    // Sockets of all families answer for interfaces (netdevice(7)).
    const network = this.netns?.network.current;
    return network?.interfaceIoctl(cmd, arg, caller) ?? -ENOTTY;
  }

  override fsync(_dataOnly: boolean): number {
    return -EINVAL;
  }
}
