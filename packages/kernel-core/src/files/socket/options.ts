import {
  CAP_NET_ADMIN,
  CAP_NET_RAW,
  EINVAL,
  ENODEV,
  ENOPROTOOPT,
  EOPNOTSUPP,
  EPERM,
  SO_BINDTODEVICE,
  SO_BINDTOIFINDEX,
  SO_BROADCAST,
  SO_BSDCOMPAT,
  SO_BUF_LOCK,
  SO_BUSY_POLL,
  SO_CNX_ADVICE,
  SO_DEBUG,
  SO_DONTROUTE,
  SO_INCOMING_CPU,
  SO_KEEPALIVE,
  SO_LOCK_FILTER,
  SO_MARK,
  SO_MAX_PACING_RATE,
  SO_NO_CHECK,
  SO_NOFCS,
  SO_OOBINLINE,
  SO_PASSCRED,
  SO_PASSPIDFD,
  SO_PASSSEC,
  SO_PREFER_BUSY_POLL,
  SO_PRIORITY,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_RCVLOWAT,
  SO_RCVMARK,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SO_RXQ_OVFL,
  SO_SELECT_ERR_QUEUE,
  SO_SNDBUF,
  SO_SNDBUFFORCE,
  SO_TIMESTAMP_NEW,
  SO_TIMESTAMP_OLD,
  SO_TIMESTAMPNS_NEW,
  SO_TIMESTAMPNS_OLD,
  SO_TXREHASH,
  SO_WIFI_STATUS,
  SO_ZEROCOPY,
} from '@sandbox/abi';
import type { Credentials } from '@sandbox/vfs';
import type { Cred } from '../../process/cred/cred.js';
import { INITIAL_USER_NS, type UserNamespace } from '../../process/ns/user-ns.js';

/** /proc/sys/net/core/{w,r}mem_default and _max. */
export const WMEM_DEFAULT = 212992;
export const RMEM_DEFAULT = 212992;
const WMEM_MAX = 4194304;
const RMEM_MAX = 4194304;
/** SOCK_MIN_SNDBUF, SOCK_MIN_RCVBUF. */
const MIN_SNDBUF = 4608;
const MIN_RCVBUF = 2304;
/**
 * What SO_SNDBUFFORCE and SO_RCVBUFFORCE may ask for here: a sandbox's root does not own the host's memory.
 */
const FORCED_MAX = 4 * 1024 * 1024;

const ANY = 0;
const BOOL = 1;

/** Options that only remember a number, with what Linux makes of it. */
const PLAIN: ReadonlyMap<number, number> = new Map([
  [SO_DEBUG, BOOL],
  [SO_REUSEADDR, BOOL],
  [SO_DONTROUTE, BOOL],
  [SO_BROADCAST, BOOL],
  [SO_KEEPALIVE, BOOL],
  [SO_OOBINLINE, BOOL],
  [SO_NO_CHECK, BOOL],
  [SO_TIMESTAMP_OLD, BOOL],
  [SO_TIMESTAMPNS_OLD, BOOL],
  [SO_TIMESTAMP_NEW, BOOL],
  [SO_TIMESTAMPNS_NEW, BOOL],
  [SO_RXQ_OVFL, BOOL],
  [SO_WIFI_STATUS, BOOL],
  [SO_NOFCS, BOOL],
  [SO_LOCK_FILTER, BOOL],
  [SO_SELECT_ERR_QUEUE, BOOL],
  [SO_PREFER_BUSY_POLL, BOOL],
  [SO_RCVMARK, BOOL],
  [SO_INCOMING_CPU, ANY],
  [SO_BUSY_POLL, ANY],
  [SO_BINDTOIFINDEX, ANY],
  [SO_BUF_LOCK, ANY],
  [SO_MARK, ANY],
  [SO_PRIORITY, ANY],
  [SO_REUSEPORT, BOOL],
  [SO_ZEROCOPY, BOOL],
  [SO_TXREHASH, BOOL],
]);

const TIMES: readonly number[] = [SO_TIMESTAMP_OLD, SO_TIMESTAMPNS_OLD, SO_TIMESTAMP_NEW, SO_TIMESTAMPNS_NEW];

/** Options of SOL_SOCKET that are the same for every family (socket(7)). */
export class SocketOptions {
  sndbuf = WMEM_DEFAULT;
  rcvbuf = RMEM_DEFAULT;
  rcvlowat = 1;
  /** Nanoseconds; Infinity: none. */
  receiveTimeout = Number.POSITIVE_INFINITY;
  sendTimeout = Number.POSITIVE_INFINITY;
  lingerOn = false;
  lingerSeconds = 0;
  passCredentials = false;
  passSecurity = false;
  /** SO_TIMESTAMPING: SOF_TIMESTAMPING_*; set by its name with 64-bit times. */
  stamping = 0;
  stampingIsNew = false;
  /** Made when the first is set: there may be very many sockets nobody asks anything of. */
  private numbers: Map<number, number> | null = null;

  /** A number-valued option, or undefined: not one of these. */
  get(name: number): number | undefined {
    switch (name) {
      case SO_SNDBUF:
        return this.sndbuf;
      case SO_RCVBUF:
        return this.rcvbuf;
      case SO_RCVLOWAT:
        return this.rcvlowat;
      case SO_PASSCRED:
        return this.passCredentials ? 1 : 0;
      case SO_PASSSEC:
        return this.passSecurity ? 1 : 0;
      case SO_PASSPIDFD:
      case SO_BSDCOMPAT:
        return 0;
    }
    if (!PLAIN.has(name)) return undefined;
    return this.numbers?.get(name) ?? (name === SO_INCOMING_CPU ? -1 : 0);
  }

  /** The user namespace that rights are judged in: that of the socket's network. */
  userNs: UserNamespace = INITIAL_USER_NS;

  protected may(cred: Credentials, capability: number): boolean {
    return (cred as Cred).capableIn(this.userNs, capability);
  }

  /** Set a number-valued option. 0, -ENOPROTOOPT (not one of these), -EPERM, -EINVAL, -EOPNOTSUPP. */
  set(name: number, value: number, cred: Credentials): number {
    switch (name) {
      case SO_SNDBUF:
        this.sndbuf = Math.max(Math.min(value >>> 0, WMEM_MAX) * 2, MIN_SNDBUF);
        return 0;
      case SO_RCVBUF:
        this.rcvbuf = Math.max(Math.min(value >>> 0, RMEM_MAX) * 2, MIN_RCVBUF);
        return 0;
      case SO_SNDBUFFORCE:
        if (!this.may(cred, CAP_NET_ADMIN)) return -EPERM;
        this.sndbuf = Math.max(Math.min(Math.max(value, 0) * 2, FORCED_MAX), MIN_SNDBUF);
        return 0;
      case SO_RCVBUFFORCE:
        if (!this.may(cred, CAP_NET_ADMIN)) return -EPERM;
        this.rcvbuf = Math.max(Math.min(Math.max(value, 0) * 2, FORCED_MAX), MIN_RCVBUF);
        return 0;
      case SO_RCVLOWAT:
        this.rcvlowat = value < 0 ? 0x7fffffff : value || 1;
        return 0;
      case SO_PASSCRED:
        this.passCredentials = value !== 0;
        return 0;
      case SO_PASSSEC:
        this.passSecurity = value !== 0;
        return 0;
      case SO_BINDTODEVICE:
        return -ENODEV;
      case SO_MAX_PACING_RATE:
      case SO_CNX_ADVICE:
      case SO_BSDCOMPAT:
        return 0;
    }
    return this.setPlain(name, value, cred);
  }

  private setPlain(name: number, value: number, cred: Credentials): number {
    const kind = PLAIN.get(name);
    if (kind === undefined) return -ENOPROTOOPT;
    const r = this.mayNot(name, value, cred);
    if (r < 0) return r;
    // There is one way to tell the time, and asking for it in another replaces it (sock_set_timestamp).
    if (TIMES.includes(name)) for (const other of TIMES) this.store(other, 0);
    this.store(name, kind === BOOL ? (value !== 0 ? 1 : 0) : value);
    return 0;
  }

  /** Remember a number that has been checked. */
  protected store(name: number, value: number): void {
    this.numbers ??= new Map();
    this.numbers.set(name, value);
  }

  private mayNot(name: number, value: number, cred: Credentials): number {
    switch (name) {
      case SO_DEBUG:
        return value !== 0 && !this.may(cred, CAP_NET_ADMIN) ? -EPERM : 0;
      case SO_PRIORITY:
        return (value < 0 || value > 6) && !this.may(cred, CAP_NET_ADMIN) && !this.may(cred, CAP_NET_RAW)
          ? -EPERM
          : 0;
      case SO_MARK:
      case SO_RCVMARK:
        return this.may(cred, CAP_NET_ADMIN) || this.may(cred, CAP_NET_RAW) ? 0 : -EPERM;
      case SO_BUSY_POLL:
        return value < 0
          ? -EINVAL
          : value > (this.get(name) ?? 0) && !this.may(cred, CAP_NET_ADMIN)
            ? -EPERM
            : 0;
      case SO_LOCK_FILTER:
        return value === 0 && this.get(name) === 1 ? -EPERM : 0;
      // These mean something to internet protocols only, which set them themselves.
      case SO_REUSEPORT:
        return value !== 0 ? -EOPNOTSUPP : 0;
      case SO_ZEROCOPY:
      case SO_TXREHASH:
        return -EOPNOTSUPP;
      default:
        return 0;
    }
  }

  /** Take over every value of `from`. */
  protected copyFrom(from: SocketOptions): void {
    this.sndbuf = from.sndbuf;
    this.rcvbuf = from.rcvbuf;
    this.rcvlowat = from.rcvlowat;
    this.receiveTimeout = from.receiveTimeout;
    this.sendTimeout = from.sendTimeout;
    this.lingerOn = from.lingerOn;
    this.lingerSeconds = from.lingerSeconds;
    this.stamping = from.stamping;
    this.stampingIsNew = from.stampingIsNew;
    for (const [name, value] of from.numbers ?? []) this.store(name, value);
  }

  /** Copy what an accepted connection has from the listening socket (unix_sock_inherit_flags). */
  inherit(from: SocketOptions): void {
    this.passCredentials = from.passCredentials;
    this.passSecurity = from.passSecurity;
  }
}
