import {
  CAP_NET_ADMIN,
  CAP_NET_RAW,
  EINVAL,
  EOPNOTSUPP,
  EPERM,
  SO_BINDTOIFINDEX,
  SO_BROADCAST,
  SO_DONTROUTE,
  SO_KEEPALIVE,
  SO_MARK,
  SO_NO_CHECK,
  SO_OOBINLINE,
  SO_PASSCRED,
  SO_PASSPIDFD,
  SO_PASSSEC,
  SO_PRIORITY,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_RCVLOWAT,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SO_RXQ_OVFL,
  SO_SNDBUF,
  SO_SNDBUFFORCE,
  SO_TXREHASH,
  SO_ZEROCOPY,
  SOCK_STREAM,
} from '@sandbox/abi';
import { SocketOptions } from '@sandbox/kernel-core/files';
import type { EndpointOptions, TcpOptions } from '@sandbox/net';
import type { Credentials } from '@sandbox/vfs';

/** What an internet socket's options of SOL_SOCKET act on. */
export interface OptionTarget {
  changeStackOptions(): EndpointOptions;
  /** Null: not TCP. */
  readonly tcpOptions: TcpOptions | null;
  hasInterface(index: number): boolean;
  /** An option of TCP that acts at once was changed. */
  tcpChanged(): void;
  /** `name` was set. */
  optionSet(name: number): void;
}

/** Options of SOL_SOCKET on internet and packet sockets (socket(7)): kept here, told to the stack. */
export class InetSocketOptions extends SocketOptions {
  /** Set once, when the socket is made. */
  target!: OptionTarget;

  constructor(private readonly type: number) {
    super();
  }

  override get(name: number): number | undefined {
    const tcp = this.target.tcpOptions;
    switch (name) {
      case SO_PASSCRED:
      case SO_PASSSEC:
        return undefined;
      case SO_SNDBUF:
        return tcp !== null ? tcp.sendBuffer : this.sndbuf;
      case SO_RCVBUF:
        return tcp !== null ? tcp.receiveBuffer : this.rcvbuf;
      case SO_TXREHASH:
        return this.type === SOCK_STREAM ? (super.get(name) === 2 ? 0 : 1) : undefined;
    }
    return super.get(name);
  }

  override set(name: number, value: number, cred: Credentials): number {
    switch (name) {
      case SO_PASSCRED:
      case SO_PASSSEC:
      case SO_PASSPIDFD:
        return -EOPNOTSUPP;
      case SO_REUSEPORT:
        this.store(name, value !== 0 ? 1 : 0);
        break;
      case SO_ZEROCOPY:
        if (value < 0 || value > 1) return -EINVAL;
        this.store(name, value);
        break;
      case SO_TXREHASH:
        if (this.type !== SOCK_STREAM) return -EOPNOTSUPP;
        if (value < -1 || value > 1) return -EINVAL;
        // 2 stands for "no": a socket nobody asked has it on.
        this.store(name, value === 0 ? 2 : 1);
        break;
      case SO_MARK:
        if (!this.may(cred, CAP_NET_ADMIN) && !this.may(cred, CAP_NET_RAW)) return -EPERM;
        this.store(name, value);
        break;
      case SO_BINDTOIFINDEX:
        if (value < 0) return -EINVAL;
        this.store(name, value);
        break;
      case SO_RCVLOWAT:
        if (this.type === SOCK_STREAM) {
          const cap = this.target.tcpOptions?.receiveBufferLocked ? this.rcvbuf >> 1 : 4194304;
          this.rcvlowat = Math.min(value < 0 ? 0x7fffffff : value || 1, cap);
          break;
        }
        return super.set(name, value, cred);
      default: {
        const r = super.set(name, value, cred);
        if (r < 0) return r;
      }
    }
    this.tell(name);
    this.target.optionSet(name);
    return 0;
  }

  /** Tell the stack the value of `name`, which has just been set. */
  private tell(name: number): void {
    const o = this.target.changeStackOptions();
    const tcp = this.target.tcpOptions;
    const value = super.get(name) ?? 0;
    switch (name) {
      case SO_REUSEADDR:
        o.reuseAddress = value !== 0;
        return;
      case SO_REUSEPORT:
        o.reusePort = value !== 0;
        return;
      case SO_BROADCAST:
        o.broadcast = value !== 0;
        return;
      case SO_DONTROUTE:
        o.dontRoute = value !== 0;
        return;
      case SO_NO_CHECK:
        o.noCheck = value !== 0;
        return;
      case SO_PRIORITY:
        o.priority = value;
        return;
      case SO_MARK:
        o.mark = value >>> 0;
        return;
      case SO_BINDTOIFINDEX:
        o.boundInterface = value;
        return;
      case SO_RXQ_OVFL:
        o.receiveOverflow = value !== 0;
        return;
      case SO_SNDBUF:
      case SO_SNDBUFFORCE:
        o.sendBuffer = this.sndbuf;
        if (tcp !== null) {
          tcp.sendBuffer = this.sndbuf;
          tcp.sendBufferLocked = true;
        }
        break;
      case SO_RCVBUF:
      case SO_RCVBUFFORCE:
        o.receiveBuffer = this.rcvbuf;
        if (tcp !== null) {
          tcp.receiveBuffer = this.rcvbuf;
          tcp.receiveBufferLocked = true;
        }
        break;
      case SO_RCVLOWAT:
        if (tcp !== null) tcp.receiveLowWater = this.rcvlowat;
        break;
      case SO_KEEPALIVE:
        if (tcp !== null) tcp.keepAlive = value !== 0;
        break;
      case SO_OOBINLINE:
        if (tcp !== null) tcp.oobInline = value !== 0;
        break;
      default:
        return;
    }
    if (tcp !== null) this.target.tcpChanged();
  }

  /** What a connection has from the socket that listened: everything (sk_clone). */
  override inherit(from: SocketOptions): void {
    this.copyFrom(from);
  }
}
