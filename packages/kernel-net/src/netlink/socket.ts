import {
  AF_NETLINK,
  AF_UNSPEC,
  CAP_NET_ADMIN,
  EAGAIN,
  ECONNREFUSED,
  EFAULT,
  EINVAL,
  EMSGSIZE,
  ENOBUFS,
  ENOPROTOOPT,
  ENOTCONN,
  EOPNOTSUPP,
  EPERM,
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
  NETLINK_ADD_MEMBERSHIP,
  NETLINK_BROADCAST_ERROR,
  NETLINK_CAP_ACK,
  NETLINK_CONNECTOR,
  NETLINK_DROP_MEMBERSHIP,
  NETLINK_EXT_ACK,
  NETLINK_GENERIC,
  NETLINK_GET_STRICT_CHK,
  NETLINK_KOBJECT_UEVENT,
  NETLINK_LIST_MEMBERSHIPS,
  NETLINK_LISTEN_ALL_NSID,
  NETLINK_NO_ENOBUFS,
  NETLINK_PKTINFO,
  NETLINK_ROUTE,
  NETLINK_SOCK_DIAG,
  NETLINK_USERSOCK,
  POLLERR,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRBAND,
  POLLWRNORM,
  SIOCINQ,
  SIOCOUTQ,
  SO_PASSCRED,
  SOCKADDR_NL,
  SOL_NETLINK,
} from '@sandbox/abi';
import type { ControlWriter, SocketAddress } from '@sandbox/kernel-core/files';
import {
  copyOutInt,
  NOBODY,
  type ReceiveMessage,
  type SendMessage,
  SocketFile,
  type Ucred,
} from '@sandbox/kernel-core/files';
import type { Task } from '@sandbox/kernel-core/process';
import type { Inode, IoctlCaller } from '@sandbox/vfs';
import type { NetlinkDomain } from './domain.js';

/** What a socket buffer costs beside its bytes. */
const OVERHEAD = 256;
const MAX_GROUPS = 64;
/** Protocols whose groups anybody may listen to (NL_CFG_F_NONROOT_RECV). */
const OPEN_GROUPS: ReadonlySet<number> = new Set([
  NETLINK_ROUTE,
  NETLINK_GENERIC,
  NETLINK_KOBJECT_UEVENT,
  NETLINK_CONNECTOR,
]);

/** Options of SOL_NETLINK that are flags. */
const FLAGS: ReadonlySet<number> = new Set([
  NETLINK_PKTINFO,
  NETLINK_BROADCAST_ERROR,
  NETLINK_NO_ENOBUFS,
  NETLINK_LISTEN_ALL_NSID,
  NETLINK_CAP_ACK,
  NETLINK_EXT_ACK,
  NETLINK_GET_STRICT_CHK,
]);

interface Datagram {
  readonly bytes: Uint8Array;
  /** Port of the sender; 0: the kernel. */
  readonly from: number;
  /** Group it was sent to; 0: to this socket. */
  readonly group: number;
  readonly credentials: Ucred;
}

const KERNEL_CRED: Ucred = { pid: 0, uid: 0, gid: 0 };

/** A netlink socket (netlink(7)): requests to the kernel's tables and what it answers and announces. */
export class NetlinkSocket extends SocketFile {
  /** 0: not bound yet. */
  port = 0;
  private peerPort = 0;
  private peerGroup = 0;
  /** Bit `n - 1` of word `(n - 1) >> 5` is group n. */
  readonly groups = new Uint32Array(MAX_GROUPS / 32);
  private flagsSet = 0;
  private readonly received: Datagram[] = [];
  private used = 0;
  private lastGroup = 0;
  drops = 0;

  constructor(
    readonly netlink: NetlinkDomain,
    inode: Inode,
    type: number,
    protocol: number,
    flags: number,
  ) {
    super(inode, AF_NETLINK, type, protocol, flags);
  }

  has(option: number): boolean {
    return (this.flagsSet & (1 << option)) !== 0;
  }

  inGroup(group: number): boolean {
    return (
      group >= 1 && group <= MAX_GROUPS && (this.groups[(group - 1) >> 5]! & (1 << ((group - 1) & 31))) !== 0
    );
  }

  private setGroup(group: number, on: boolean): void {
    const bit = 1 << ((group - 1) & 31);
    const word = (group - 1) >> 5;
    this.groups[word] = on ? this.groups[word]! | bit : this.groups[word]! & ~bit;
  }

  // Names ---------------------------------------------------------------------------------------------------

  private mayListen(caller: Task): boolean {
    return OPEN_GROUPS.has(this.protocol) || this.netlink.network.may(caller.cred, CAP_NET_ADMIN);
  }

  override bind(caller: Task, address: SocketAddress): number {
    if (address.length < SOCKADDR_NL.SIZE || address.family !== AF_NETLINK) return -EINVAL;
    const view = new DataView(address.bytes.buffer);
    const port = view.getUint32(SOCKADDR_NL.nl_pid, true);
    const groups = view.getUint32(SOCKADDR_NL.nl_groups, true);
    if (groups !== 0 && !this.mayListen(caller)) return -EPERM;
    if (this.port !== 0) {
      if (port !== this.port) return -EINVAL;
    } else {
      const r =
        port === 0 ? this.netlink.autobind(this, caller.pidFor(caller)) : this.netlink.bind(this, port);
      if (r < 0) return r;
    }
    this.groups[0] = groups;
    return 0;
  }

  private ensureBound(pid: number): number {
    return this.port !== 0 ? 0 : this.netlink.autobind(this, pid);
  }

  override connect(caller: Task, address: SocketAddress): number {
    if (address.length < 2) return -EINVAL;
    if (address.family === AF_UNSPEC) {
      this.peerPort = 0;
      this.peerGroup = 0;
      return 0;
    }
    if (address.family !== AF_NETLINK || address.length < SOCKADDR_NL.SIZE) return -EINVAL;
    const view = new DataView(address.bytes.buffer);
    const port = view.getUint32(SOCKADDR_NL.nl_pid, true);
    const groups = view.getUint32(SOCKADDR_NL.nl_groups, true);
    if ((port !== 0 || groups !== 0) && !this.maySendTo(caller)) return -EPERM;
    const r = this.ensureBound(caller.pidFor(caller));
    if (r < 0) return r;
    this.peerPort = port;
    this.peerGroup = groups === 0 ? 0 : 32 - Math.clz32(groups & -groups);
    return 0;
  }

  private maySendTo(caller: Task): boolean {
    return this.protocol === NETLINK_USERSOCK || this.netlink.network.may(caller.cred, CAP_NET_ADMIN);
  }

  private store(out: SocketAddress, port: number, groups: number): void {
    out.setFamily(AF_NETLINK);
    const view = new DataView(out.bytes.buffer);
    view.setUint16(2, 0, true);
    view.setUint32(SOCKADDR_NL.nl_pid, port, true);
    view.setUint32(SOCKADDR_NL.nl_groups, groups, true);
    out.length = SOCKADDR_NL.SIZE;
  }

  override name(out: SocketAddress): number {
    this.store(out, this.port, this.groups[0]!);
    return 0;
  }

  override peerName(out: SocketAddress): number {
    this.store(out, this.peerPort, this.peerGroup === 0 ? 0 : 1 << (this.peerGroup - 1));
    return 0;
  }

  override shutdown(_how: number): number {
    return -EOPNOTSUPP;
  }

  // Sending -------------------------------------------------------------------------------------------------

  override send(message: SendMessage): number {
    if ((message.flags & MSG_OOB) !== 0) return -EOPNOTSUPP;
    const caller = this.netlink.kernel.current;
    if (caller === null) return -ENOTCONN;
    let port = this.peerPort;
    let group = this.peerGroup;
    const { address, io } = message;
    if (address.length > 0) {
      if (address.length < SOCKADDR_NL.SIZE || address.family !== AF_NETLINK) return -EINVAL;
      const view = new DataView(address.bytes.buffer);
      port = view.getUint32(SOCKADDR_NL.nl_pid, true);
      const groups = view.getUint32(SOCKADDR_NL.nl_groups, true);
      group = groups === 0 ? 0 : 32 - Math.clz32(groups & -groups);
      if ((port !== 0 || group !== 0) && !this.maySendTo(caller)) return -EPERM;
    }
    const bound = this.ensureBound(caller.pidFor(caller));
    if (bound < 0) return bound;
    const length = io.remaining;
    if (length > this.options.sndbuf - 32) return -EMSGSIZE;
    const bytes = new Uint8Array(length);
    if (io.get(bytes, 0, length) < length) return -EFAULT;
    const credentials: Ucred = { pid: caller.group.pid, uid: caller.cred.uid, gid: caller.cred.gid };
    if (group !== 0) {
      for (const other of this.netlink.members(this.protocol, group)) {
        if (other !== this) other.deliver({ bytes, from: this.port, group, credentials });
      }
    }
    if (port !== 0) {
      const other = this.netlink.at(this.protocol, port);
      if (other === null) return -ECONNREFUSED;
      return other.deliver({ bytes, from: this.port, group: 0, credentials }) ? length : -EAGAIN;
    }
    // What goes to a group goes to the kernel as well.
    if (group !== 0 && !this.netlink.serves(this.protocol)) return length;
    return this.netlink.request(this, bytes, caller) ? length : -ECONNREFUSED;
  }

  // Receiving -----------------------------------------------------------------------------------------------

  /** An answer of the kernel. It is queued whatever the buffer holds: who asked gets what there is. */
  answer(bytes: Uint8Array): void {
    this.push({ bytes, from: 0, group: 0, credentials: KERNEL_CRED });
  }

  /** Something announced to a group. */
  announce(bytes: Uint8Array, group: number): void {
    if (!this.deliver({ bytes, from: 0, group, credentials: KERNEL_CRED }) && !this.has(NETLINK_NO_ENOBUFS)) {
      this.error = ENOBUFS;
      this.queue.wake(POLLIN | POLLERR);
    }
  }

  /** Something nobody asked for at this moment; what finds no room is lost. */
  tell(bytes: Uint8Array): void {
    this.deliver({ bytes, from: 0, group: 0, credentials: KERNEL_CRED });
  }

  private deliver(datagram: Datagram): boolean {
    if (this.used + datagram.bytes.length + OVERHEAD > this.options.rcvbuf) {
      this.drops++;
      return false;
    }
    this.push(datagram);
    return true;
  }

  private push(datagram: Datagram): void {
    if (this.filter !== null) {
      const kept = this.filter.keepsBytes(datagram.bytes);
      if (kept === 0) return;
      if (kept < datagram.bytes.length) datagram = { ...datagram, bytes: datagram.bytes.subarray(0, kept) };
    }
    this.received.push(datagram);
    this.used += datagram.bytes.length + OVERHEAD;
    this.queue.wake(POLLIN | POLLRDNORM);
  }

  override receive(message: ReceiveMessage): number {
    if ((message.flags & MSG_OOB) !== 0) return -EOPNOTSUPP;
    if (this.error !== 0) return this.takeError();
    const first = this.received[0];
    if (first === undefined) return -EAGAIN;
    const { bytes } = first;
    const wanted = Math.min(bytes.length, message.io.remaining);
    const n = message.io.put(bytes, 0, wanted);
    if (n < wanted) return -EFAULT;
    if (wanted < bytes.length) message.outFlags |= MSG_TRUNC;
    this.store(
      message.address,
      first.from,
      first.group === 0 || first.group > 32 ? 0 : 1 << (first.group - 1),
    );
    if (this.options.passCredentials) message.credentials = first.credentials ?? NOBODY;
    if (this.has(NETLINK_PKTINFO)) {
      this.lastGroup = first.group;
      message.control = this;
    }
    if ((message.flags & MSG_PEEK) === 0) {
      this.received.shift();
      this.used -= bytes.length + OVERHEAD;
    }
    return (message.flags & MSG_TRUNC) !== 0 ? bytes.length : n;
  }

  putControl(t: Task, writer: ControlWriter, message: ReceiveMessage): void {
    writer.putU32(t, message, SOL_NETLINK, NETLINK_PKTINFO, this.lastGroup);
  }

  override poll(): number {
    let mask = POLLOUT | POLLWRNORM | POLLWRBAND;
    if (this.error !== 0) mask |= POLLERR;
    if (this.received.length > 0) mask |= POLLIN | POLLRDNORM;
    return mask;
  }

  // Options -------------------------------------------------------------------------------------------------

  override get hasLevels(): boolean {
    return true;
  }

  override setFamilyOption(
    caller: Task,
    level: number,
    name: number,
    value: Uint8Array | null,
    length: number,
  ): number {
    if (level !== SOL_NETLINK) return -ENOPROTOOPT;
    if (value === null && length >= 4) return -EFAULT;
    // A short value is zero.
    const number =
      value === null || length < 4 ? 0 : value[0]! | (value[1]! << 8) | (value[2]! << 16) | (value[3]! << 24);
    if (name === NETLINK_ADD_MEMBERSHIP || name === NETLINK_DROP_MEMBERSHIP) {
      if (!this.mayListen(caller)) return -EPERM;
      if (number < 1 || number > MAX_GROUPS) return -EINVAL;
      this.setGroup(number, name === NETLINK_ADD_MEMBERSHIP);
      return 0;
    }
    if (!FLAGS.has(name)) return -ENOPROTOOPT;
    if (number !== 0) this.flagsSet |= 1 << name;
    else this.flagsSet &= ~(1 << name);
    return 0;
  }

  override getFamilyOption(_caller: Task, level: number, name: number, out: Uint8Array): number {
    if (level !== SOL_NETLINK) return -ENOPROTOOPT;
    const view = new DataView(out.buffer, out.byteOffset);
    if (name === NETLINK_LIST_MEMBERSHIPS) {
      view.setUint32(0, this.groups[0]!, true);
      view.setUint32(4, this.groups[1]!, true);
      return this.protocol === NETLINK_ROUTE || this.protocol === NETLINK_SOCK_DIAG ? 8 : 4;
    }
    if (!FLAGS.has(name)) return -ENOPROTOOPT;
    view.setInt32(0, this.has(name) ? 1 : 0, true);
    return 4;
  }

  override getNumber(name: number): number | undefined {
    return name === SO_PASSCRED ? (this.options.passCredentials ? 1 : 0) : super.getNumber(name);
  }

  override ioctl(cmd: number, arg: number, caller: IoctlCaller): number {
    if (cmd === SIOCINQ) return copyOutInt(caller, arg, this.received[0]?.bytes.length ?? 0);
    if (cmd === SIOCOUTQ) return copyOutInt(caller, arg, 0);
    return super.ioctl(cmd, arg, caller);
  }

  override release(): void {
    this.netlink.unbind(this);
    this.received.length = 0;
    super.release();
  }
}
