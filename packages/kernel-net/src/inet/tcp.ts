import {
  CAP_NET_ADMIN,
  EAGAIN,
  EALREADY,
  EFAULT,
  EINPROGRESS,
  EINVAL,
  ENOENT,
  ENOPROTOOPT,
  EPERM,
  FIONREAD,
  IPPROTO_TCP,
  MSG_DONTWAIT,
  MSG_ERRQUEUE,
  MSG_OOB,
  MSG_PEEK,
  MSG_ZEROCOPY,
  POLLERR,
  POLLPRI,
  SIOCATMARK,
  SIOCOUTQ,
  SIOCOUTQNSD,
  SO_EE_CODE_ZEROCOPY_COPIED,
  SO_EE_ORIGIN_ZEROCOPY,
  SO_ZEROCOPY,
  SOCK_STREAM,
  SOL_TCP,
  TCP_CC_INFO,
  TCP_CLOSE,
  TCP_CONGESTION,
  TCP_ESTABLISHED,
  TCP_INFO,
  TCP_INQ,
  TCP_LISTEN,
  TCP_MAXSEG,
  TCP_NODELAY,
  TCP_NOTSENT_LOWAT,
  TCP_QUEUE_SEQ,
  TCP_REPAIR_QUEUE,
  TCP_REPAIR_WINDOW,
  TCP_SAVED_SYN,
  TCP_ULP,
  TCP_ZEROCOPY_RECEIVE,
} from '@sandbox/abi';
import type { ReceiveMessage, SendMessage, SocketAddress, SocketFile } from '@sandbox/kernel-core/files';
import { copyOutInt, ioOf, signalUrgent } from '@sandbox/kernel-core/files';
import type { Task } from '@sandbox/kernel-core/process';
import { TcpEndpoint, type TcpInfo, type TcpOptions } from '@sandbox/net';
import type { Inode, IoctlCaller } from '@sandbox/vfs';
import type { Network } from '../network.js';
import { bool } from './option-table.js';
import { readPeerAddress, writeAddress } from './sockaddr.js';
import { InetSocket, netAddress, receiveRequest, sendRequest } from './socket.js';
import { storeTcpInfo } from './tcp-info.js';
import { rememberedTcpOption, tcpOption } from './tcp-options.js';

const MAX_CONGESTION_NAME = 16;
const CONGESTION: ReadonlySet<string> = new Set(['cubic', 'reno']);

/** A stream over TCP (tcp(7)). */
export class TcpSocket extends InetSocket {
  /** connect(2) has begun and its outcome was not told yet. */
  private connecting = false;
  private peekOffset = -1;

  constructor(
    network: Network,
    inode: Inode,
    domain: number,
    flags: number,
    readonly tcp: TcpEndpoint,
  ) {
    super(network, inode, domain, SOCK_STREAM, IPPROTO_TCP, flags, tcp);
    this.options.sndbuf = tcp.tcp.sendBuffer;
    this.options.rcvbuf = tcp.tcp.receiveBuffer;
  }

  override get tcpOptions(): TcpOptions {
    return this.tcp.tcp;
  }
  override tcpChanged(): void {
    this.tcp.optionsChanged();
  }
  override get isStream(): boolean {
    return true;
  }
  override get raisesSigpipe(): boolean {
    return true;
  }

  override onEvents(events: number): void {
    if ((events & POLLPRI) !== 0) signalUrgent(this.network.kernel, this);
    super.onEvents(events);
  }

  // Connections ---------------------------------------------------------------------------------------------

  override connect(_caller: Task, address: SocketAddress): number {
    if (address.length < 2) return -EINVAL;
    if (this.isDissolving(address)) {
      this.connecting = false;
      return this.tcp.disconnect();
    }
    if (!this.connecting && this.tcp.state === TCP_CLOSE) {
      const r = readPeerAddress(this.domain, false, address, netAddress);
      if (r < 0) return r;
    }
    const r = this.tcp.connect(netAddress);
    if (this.connecting) {
      if (r !== -EALREADY) this.connecting = false;
      return r;
    }
    if (r !== -EINPROGRESS) return r;
    this.connecting = true;
    // The answer may be here already, but a caller that does not wait hears of it later, as on Linux.
    if (!this.mayBlock) return r;
    const outcome = this.tcp.connect(netAddress);
    if (outcome === -EALREADY) return r;
    this.connecting = false;
    return outcome;
  }

  override listen(_caller: Task, backlog: number): number {
    return this.tcp.listen(backlog);
  }

  override get listening(): boolean {
    return this.tcp.state === TCP_LISTEN;
  }

  override accept(): SocketFile | number {
    const connection = this.tcp.accept();
    if (!(connection instanceof TcpEndpoint)) return connection as number;
    const inode = ioOf(this.network.kernel).socketInode(this.inode.uid, this.inode.gid);
    const socket = new TcpSocket(this.network, inode, this.domain, 0, connection);
    socket.options.inherit(this.options);
    socket.inherit(this);
    socket.filter = this.filter;
    return socket;
  }

  override acceptedName(out: SocketAddress): number {
    this.tcp.acceptedName(netAddress);
    writeAddress(this.domain, netAddress, out);
    return 0;
  }

  override shutdown(how: number): number {
    return this.tcp.shutdown(how);
  }

  // Bytes ---------------------------------------------------------------------------------------------------

  override send(message: SendMessage): number {
    const n = this.tcp.send(sendRequest.reset(message.io, message.flags));
    if ((message.flags & MSG_ZEROCOPY) !== 0 && n > 0 && message.io.remaining === 0) this.copied();
    return n;
  }

  /**
   * Sends with MSG_ZEROCOPY that nobody was told the end of yet. They are copied, so that each is done when
   * it returns.
   */
  private zeroCopies = 0;
  private firstZeroCopy = 0;

  private copied(): void {
    if (this.options.get(SO_ZEROCOPY) !== 1) return;
    this.zeroCopies++;
    this.network.wake(this.queue, POLLERR);
  }

  /** The error queue of a stream: ends of sends with MSG_ZEROCOPY, all of them in one message. */
  protected override receiveError(message: ReceiveMessage): number {
    message.flags |= MSG_DONTWAIT;
    if (this.zeroCopies === 0) return -EAGAIN;
    const request = receiveRequest.reset(message.io, message.flags);
    request.error = {
      errno: 0,
      origin: SO_EE_ORIGIN_ZEROCOPY,
      type: 0,
      code: SO_EE_CODE_ZEROCOPY_COPIED,
      info: this.firstZeroCopy,
      data: this.firstZeroCopy + this.zeroCopies - 1,
      offender: null,
    };
    this.firstZeroCopy += this.zeroCopies;
    this.zeroCopies = 0;
    message.outFlags |= MSG_ERRQUEUE;
    message.control = this;
    return 0;
  }

  override poll(): number {
    return this.zeroCopies > 0 ? super.poll() | POLLERR : super.poll();
  }

  override receive(message: ReceiveMessage): number {
    if ((message.flags & MSG_ERRQUEUE) !== 0) return this.receiveError(message);
    const { flags } = message;
    const request = receiveRequest.reset(message.io, flags);
    const peeking = (flags & MSG_PEEK) !== 0 && this.peekOffset >= 0;
    if (peeking) request.peekOffset = this.peekOffset;
    const n = this.tcp.receive(request);
    if (n > 0) {
      if (peeking) this.peekOffset += n;
      else if (this.peekOffset > 0) this.peekOffset = Math.max(0, this.peekOffset - n);
    } else if (n === 0 && message.io.remaining > 0) message.stop = true;
    message.outFlags |= request.outFlags;
    if ((flags & MSG_OOB) !== 0) message.stop = true;
    if (this.control.inq) message.control = this;
    return n;
  }

  /** A reader of a stream that was shut down waits for nothing. */
  override get endsWait(): boolean {
    return false;
  }

  protected override belowLowWater(wanted: number): boolean {
    const { readable } = this.tcp;
    return (
      readable > 0 && readable < Math.min(this.options.rcvlowat, wanted) && this.tcp.state === TCP_ESTABLISHED
    );
  }

  override setPeekOffset(offset: number): number {
    this.peekOffset = offset < 0 ? -1 : offset;
    return 0;
  }
  override get peekOff(): number {
    return this.peekOffset;
  }

  override ioctl(cmd: number, arg: number, caller: IoctlCaller): number {
    switch (cmd) {
      case FIONREAD:
        if (this.listening) return -EINVAL;
        return copyOutInt(caller, arg, this.tcp.readable);
      case SIOCATMARK:
        return copyOutInt(caller, arg, this.tcp.atMark ? 1 : 0);
      case SIOCOUTQ:
        if (this.listening) return -EINVAL;
        return copyOutInt(caller, arg, this.tcp.unsent);
      case SIOCOUTQNSD:
        if (this.listening) return -EINVAL;
        return copyOutInt(caller, arg, this.tcp.notSent);
    }
    return super.ioctl(cmd, arg, caller);
  }

  /** struct tcp_info. */
  info(): TcpInfo {
    const fields: TcpInfo = {};
    this.tcp.info(fields);
    return fields;
  }

  // Options -------------------------------------------------------------------------------------------------

  override getFamilyOption(caller: Task, level: number, name: number, out: Uint8Array, room: number): number {
    if (level !== SOL_TCP) return super.getFamilyOption(caller, level, name, out, room);
    const view = new DataView(out.buffer, out.byteOffset);
    const number = (value: number): number => {
      view.setInt32(0, value, true);
      return 4;
    };
    if (name === TCP_MAXSEG && this.tcp.state !== TCP_CLOSE && this.tcp.state !== TCP_LISTEN)
      return number(this.info().tcpi_snd_mss ?? 0);
    const option = tcpOption(name);
    if (option !== undefined) return number(option.get(this.tcpOptions));
    if (rememberedTcpOption(name) !== undefined) return number(this.values.get(SOL_TCP, name, 0));
    switch (name) {
      case TCP_INFO:
        return storeTcpInfo(this.info(), out);
      case TCP_CONGESTION: {
        const text = this.tcpOptions.congestion;
        for (let i = 0; i < text.length; i++) out[i] = text.charCodeAt(i);
        return MAX_CONGESTION_NAME;
      }
      case TCP_SAVED_SYN:
      case TCP_CC_INFO:
      case TCP_ULP:
        return 0;
      case TCP_REPAIR_QUEUE:
      case TCP_QUEUE_SEQ:
      case TCP_REPAIR_WINDOW:
      case TCP_ZEROCOPY_RECEIVE:
        return -EINVAL;
      default:
        return -ENOPROTOOPT;
    }
  }

  override setFamilyOption(
    caller: Task,
    level: number,
    name: number,
    value: Uint8Array | null,
    length: number,
  ): number {
    if (level !== SOL_TCP) return super.setFamilyOption(caller, level, name, value, length);
    if (name === TCP_CONGESTION) return this.setCongestion(caller, value, length);
    if (name === TCP_ULP) {
      if (length < 1) return -EINVAL;
      caller.kernel.reporter.unimplemented(caller, 'setsockopt', 'TCP_ULP (kernel TLS)');
      return value === null ? -EFAULT : -ENOENT;
    }
    if (length < 4) return -EINVAL;
    if (value === null) return -EFAULT;
    const number = value[0]! | (value[1]! << 8) | (value[2]! << 16) | (value[3]! << 24);
    return this.setTcpNumber(caller, name, number);
  }

  private setTcpNumber(caller: Task, name: number, number: number): number {
    const option = tcpOption(name);
    if (option === undefined) {
      const check = rememberedTcpOption(name);
      if (check === undefined) return -ENOPROTOOPT;
      const checked = check(number);
      if (checked < -0x8000_0000) return checked + 0x8000_0000_0000;
      this.values.set(SOL_TCP, name, checked);
      if (name === TCP_INQ) this.changeControl().inq = bool(checked) === 1;
      if (name === TCP_NOTSENT_LOWAT) this.tcpOptions.notSentLowWater = checked <= 0 ? 0x7fffffff : checked;
      return 0;
    }
    const checked = option.check === undefined ? number : option.check(number, this, caller.cred);
    if (checked < -0x8000_0000) return checked + 0x8000_0000_0000;
    option.set(this.tcpOptions, checked);
    if (name === TCP_NODELAY || this.tcp.state !== TCP_CLOSE) this.tcp.optionsChanged();
    return 0;
  }

  private setCongestion(caller: Task, value: Uint8Array | null, length: number): number {
    if (length < 1) return -EINVAL;
    if (value === null) return -EFAULT;
    let name = '';
    for (let i = 0; i < Math.min(length, MAX_CONGESTION_NAME - 1) && value[i] !== 0; i++)
      name += String.fromCharCode(value[i]!);
    if (!CONGESTION.has(name)) return -ENOENT;
    if (name !== 'cubic' && name !== 'reno' && !this.network.may(caller.cred, CAP_NET_ADMIN)) return -EPERM;
    this.tcpOptions.congestion = name;
    this.tcp.optionsChanged();
    return 0;
  }

  override release(): void {
    const { options } = this;
    // SO_LINGER with no time: what is under way is lost, and the peer hears of it.
    this.tcp.lingerZero = options.lingerOn && options.lingerSeconds === 0;
    super.release();
  }
}
