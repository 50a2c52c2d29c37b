import {
  AF_INET6,
  AF_UNSPEC,
  CAP_NET_BIND_SERVICE,
  CAP_NET_RAW,
  EACCES,
  EINVAL,
  ENODATA,
  ENODEV,
  ENOPROTOOPT,
  ENOTCONN,
  EOPNOTSUPP,
  EPERM,
  FIONREAD,
  IFNAMSIZ,
  MSG_DONTWAIT,
  MSG_ERRQUEUE,
  O_NONBLOCK,
  SO_BINDTOIFINDEX,
  SO_PASSCRED,
  SO_PASSSEC,
  SO_PEERCRED,
  SO_PEERGROUPS,
  SO_PEERNAME,
  SO_TXREHASH,
  SOCK_RAW,
  SOL_IP,
  SOL_IPV6,
  TIOCOUTQ,
} from '@sandbox/abi';
import type {
  ControlWriter,
  PacketFilter,
  ReceiveMessage,
  SendMessage,
  SocketAddress,
} from '@sandbox/kernel-core/files';
import { copyOutInt, SocketFile } from '@sandbox/kernel-core/files';
import type { Task } from '@sandbox/kernel-core/process';
import {
  type Endpoint,
  type EndpointObserver,
  type EndpointOptions,
  InetEndpoint,
  type Memberships,
  SocketAddress as NetAddress,
  ReceiveRequest,
  SendRequest,
  type TcpOptions,
} from '@sandbox/net';
import type { Inode, IoctlCaller } from '@sandbox/vfs';
import { XT_FIRST, XT_LAST } from '../netfilter/tables.js';
import type { Network } from '../network.js';
import { ControlFlags } from './control-flags.js';
import { parseControl } from './control-in.js';
import { writeControl } from './control-out.js';
import { getIpOption, setIpOption } from './ip-level.js';
import { getIpv6Option, setIpv6Option } from './ipv6-level.js';
import { getSourceFilter, isSourceFilter, setSourceFilter } from './multicast-options.js';
import { type OptionOwner, OptionValues } from './option-table.js';
import { readBindAddress, writeAddress } from './sockaddr.js';
import { InetSocketOptions, type OptionTarget } from './socket-options.js';

/** Requests to endpoints; one at a time is under way. */
export const sendRequest = new SendRequest();
export const receiveRequest = new ReceiveRequest();
/** The address of the call under way. */
export const netAddress = new NetAddress();

/** Send data that parseControl left for the send that follows it. */
export const controlRequest = new SendRequest();

const NO_CONTROL: Readonly<ControlFlags> = Object.freeze(new ControlFlags());

/** A socket of AF_INET, AF_INET6 or AF_PACKET: an endpoint of the stack with a description around it. */
export abstract class InetSocket extends SocketFile implements EndpointObserver, OptionOwner, OptionTarget {
  readonly values = new OptionValues();
  private ownControl: ControlFlags | null = null;
  private device = '';

  constructor(
    readonly network: Network,
    inode: Inode,
    domain: number,
    type: number,
    protocol: number,
    flags: number,
    readonly endpoint: Endpoint,
  ) {
    const options = new InetSocketOptions(type);
    super(inode, domain, type, protocol, flags, options);
    options.target = this;
    endpoint.observer = this;
    endpoint.uid = inode.uid;
    endpoint.gid = inode.gid;
    endpoint.inode = inode.ino;
    this.options.sndbuf = endpoint.options.sendBuffer;
    this.options.rcvbuf = endpoint.options.receiveBuffer;
    network.sockets.add(this);
  }

  get stackOptions(): Readonly<EndpointOptions> {
    return this.endpoint.options;
  }
  changeStackOptions(): EndpointOptions {
    return this.endpoint.changeOptions();
  }
  /** Which ancillary data recvmsg(2) delivers. */
  get control(): Readonly<ControlFlags> {
    return this.ownControl ?? NO_CONTROL;
  }
  /** The same, to be changed. */
  changeControl(): ControlFlags {
    return (this.ownControl ??= new ControlFlags());
  }
  get tcpOptions(): TcpOptions | null {
    return null;
  }
  tcpChanged(): void {}
  optionSet(_name: number): void {}
  /** Multicast groups; null: a kind of socket that joins none. */
  get memberships(): Memberships | null {
    return null;
  }
  /** It has a local port: bound, or given one. */
  get hasPort(): boolean {
    return this.endpoint.name(netAddress) === 0 && netAddress.port !== 0;
  }
  /** Largest packet on the way to where it is connected; 0: not connected. */
  get pathMtu(): number {
    if (this.endpoint.peerName(netAddress) < 0) return 0;
    const path = this.network.stack.resolve(
      netAddress.address.unmapped,
      null,
      this.endpoint.options.boundInterface,
    );
    if (typeof path === 'number') return 0;
    // An IPv4 packet has 65535 bytes at most, whatever its link takes.
    return path.destination.isV4 ? Math.min(path.mtu, 65535) : path.mtu;
  }
  hasInterface(index: number): boolean {
    return this.network.stack.interfaceByIndex(index) !== undefined;
  }
  get connected(): boolean {
    return this.endpoint.peerName(netAddress) === 0;
  }

  /** The stack tells of something: whoever waits is woken when the stack is done. */
  onEvents(events: number): void {
    this.network.wake(this.queue, events);
  }

  /** What an accepted connection has from the listening socket. */
  protected inherit(listener: InetSocket): void {
    this.values.copyFrom(listener.values);
    if (listener.ownControl !== null) this.changeControl().copyFrom(listener.ownControl);
  }

  // Names ---------------------------------------------------------------------------------------------------

  override bind(caller: Task, address: SocketAddress): number {
    const r = readBindAddress(this.domain, address, netAddress);
    if (r < 0) return r;
    if (this.needsPrivilege(netAddress.port) && !this.network.may(caller.cred, CAP_NET_BIND_SERVICE))
      return -EACCES;
    return this.endpoint.bind(netAddress);
  }

  protected needsPrivilege(port: number): boolean {
    return port !== 0 && port < this.network.stack.settings.unprivilegedPortStart;
  }

  override name(out: SocketAddress): number {
    const r = this.endpoint.name(netAddress);
    if (r < 0) return r;
    writeAddress(this.domain, netAddress, out);
    return 0;
  }

  override peerName(out: SocketAddress): number {
    const r = this.endpoint.peerName(netAddress);
    if (r < 0) return r;
    writeAddress(this.domain, netAddress, out);
    return 0;
  }

  /** connect(2) to AF_UNSPEC. */
  protected isDissolving(address: SocketAddress): boolean {
    return address.family === AF_UNSPEC && address.length >= 2;
  }

  // Receiving -----------------------------------------------------------------------------------------------

  /** MSG_ERRQUEUE: the oldest error that came back. */
  protected receiveError(message: ReceiveMessage): number {
    const request = receiveRequest.reset(message.io, message.flags);
    // Nobody waits for errors, however the socket is set.
    message.flags |= MSG_DONTWAIT;
    const n = this.endpoint.receive(request);
    if (n < 0) return n;
    message.outFlags |= request.outFlags | MSG_ERRQUEUE;
    if (request.hasFrom) writeAddress(this.domain, request.from, message.address);
    message.control = this;
    return n;
  }

  putControl(caller: Task, writer: ControlWriter, message: ReceiveMessage): void {
    writeControl(this, receiveRequest, caller, writer, message);
  }

  override parseControl(caller: Task, bytes: Uint8Array, length: number, _message: SendMessage): number {
    return parseControl(this, caller, bytes, length, controlRequest);
  }

  // State ---------------------------------------------------------------------------------------------------

  override poll(): number {
    return this.endpoint.poll();
  }

  override takeError(): number {
    const e = this.endpoint.takeError();
    return e !== 0 ? e : super.takeError();
  }

  override shutdown(how: number): number {
    return this.endpoint.shutdown(how);
  }

  protected get mayBlock(): boolean {
    return (this.flags & O_NONBLOCK) === 0;
  }

  override release(): void {
    this.network.sockets.delete(this);
    this.endpoint.observer = null;
    this.endpoint.close();
    super.release();
  }

  override setFilter(filter: PacketFilter | null): void {
    super.setFilter(filter);
    this.endpoint.filter = filter?.keeps ?? null;
  }

  override setSelector(filter: PacketFilter | null): number {
    const { endpoint } = this;
    if (this.type === SOCK_RAW || !(endpoint instanceof InetEndpoint)) return -EINVAL;
    return endpoint.setSelector(filter?.keeps ?? null);
  }

  // Options -------------------------------------------------------------------------------------------------

  override get hasLevels(): boolean {
    return true;
  }

  override getFamilyOption(caller: Task, level: number, name: number, out: Uint8Array, room: number): number {
    if (level === SOL_IP) return getIpOption(this, caller, name, out, room);
    if (level === SOL_IPV6 && this.domain === AF_INET6) return getIpv6Option(this, name, out, room);
    return this.domain === AF_INET6 ? -ENOPROTOOPT : -EOPNOTSUPP;
  }

  override setFamilyOption(
    caller: Task,
    level: number,
    name: number,
    value: Uint8Array | null,
    length: number,
  ): number {
    if (level === SOL_IP) return setIpOption(this, caller, name, value, length);
    if (level === SOL_IPV6 && this.domain === AF_INET6)
      return setIpv6Option(this, caller, name, value, length);
    return -ENOPROTOOPT;
  }

  /** iptables(8) and ip6tables(8) speak through raw sockets of their family. */
  private isFilterOption(level: number, name: number): boolean {
    return (
      name >= XT_FIRST &&
      name <= XT_LAST &&
      level === (this.domain === AF_INET6 ? SOL_IPV6 : SOL_IP) &&
      this.type === SOCK_RAW
    );
  }

  private isSourceFilter(level: number, name: number): boolean {
    return isSourceFilter(level, name) && (level === SOL_IP || this.domain === AF_INET6);
  }

  override setLargeOption(t: Task, level: number, name: number, addr: number, length: number): number | null {
    if (this.isSourceFilter(level, name)) return setSourceFilter(this, t, level, name, addr, length);
    if (!this.isFilterOption(level, name)) return null;
    return this.network.xtables.set(t, this.domain, name, addr, length);
  }

  override getLargeOption(
    t: Task,
    level: number,
    name: number,
    addr: number,
    lengthAddr: number,
  ): number | null {
    if (this.isSourceFilter(level, name)) return getSourceFilter(this, t, level, name, addr, lengthAddr);
    if (!this.isFilterOption(level, name)) return null;
    return this.network.xtables.get(t, this.domain, name, addr, lengthAddr);
  }

  override bindToDevice(caller: Task, name: string): number {
    if (name === '') {
      this.device = '';
      this.endpoint.changeOptions().boundInterface = 0;
      return 0;
    }
    const iface = this.network.stack.interfaceByName(name);
    if (iface === undefined) return -ENODEV;
    if (this.endpoint.options.boundInterface !== 0 && !this.network.may(caller.cred, CAP_NET_RAW))
      return -EPERM;
    this.device = name.slice(0, IFNAMSIZ - 1);
    this.endpoint.changeOptions().boundInterface = iface.index;
    return 0;
  }

  override get boundDevice(): string {
    return this.device;
  }

  override getNumber(name: number): number | undefined {
    if (name === SO_BINDTOIFINDEX) return this.endpoint.options.boundInterface;
    return super.getNumber(name);
  }

  override getStruct(name: number, out: Uint8Array): number {
    switch (name) {
      case SO_PEERCRED: {
        // Nobody in particular: pid 0 and no ids.
        out.fill(0, 0, 4);
        out.fill(255, 4, 12);
        return 12;
      }
      case SO_PASSCRED:
      case SO_PASSSEC:
      case SO_TXREHASH:
        return -EOPNOTSUPP;
      case SO_PEERGROUPS:
        return -ENODATA;
      case SO_PEERNAME: {
        const r = this.endpoint.peerName(netAddress);
        if (r < 0) return -ENOTCONN;
        return this.storePeer(out);
      }
    }
    return super.getStruct(name, out);
  }

  private storePeer(out: Uint8Array): number {
    const { scratchAddress } = this.network;
    writeAddress(this.domain, netAddress, scratchAddress);
    out.set(scratchAddress.bytes.subarray(0, scratchAddress.length));
    return scratchAddress.length;
  }

  override ioctl(cmd: number, arg: number, caller: IoctlCaller): number {
    if (cmd === FIONREAD) return copyOutInt(caller, arg, this.endpoint.readable);
    if (cmd === TIOCOUTQ) return copyOutInt(caller, arg, this.endpoint.unsent);
    return super.ioctl(cmd, arg, caller);
  }
}
