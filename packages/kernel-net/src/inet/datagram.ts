import {
  AF_INET,
  AF_UNSPEC,
  EFAULT,
  EINVAL,
  ENOPROTOOPT,
  EOPNOTSUPP,
  EPERM,
  ICMP_FILTER,
  ICMP6_FILTER,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_UDPLITE,
  MSG_ERRQUEUE,
  MSG_OOB,
  MSG_PEEK,
  POLLRDHUP,
  SO_RXQ_OVFL,
  SO_TIMESTAMP_NEW,
  SO_TIMESTAMP_OLD,
  SO_TIMESTAMPNS_NEW,
  SO_TIMESTAMPNS_OLD,
  SOCK_RAW,
  SOL_ICMPV6,
  SOL_RAW,
  SOL_UDP,
  UDP_CORK,
  UDP_ENCAP,
  UDP_GRO,
  UDP_NO_CHECK6_RX,
  UDP_NO_CHECK6_TX,
  UDP_SEGMENT,
} from '@sandbox/abi';
import type { ReceiveMessage, SendMessage, SocketAddress } from '@sandbox/kernel-core/files';
import type { Task } from '@sandbox/kernel-core/process';
import { type DatagramEndpoint, type Memberships, RawEndpoint, UdpEndpoint } from '@sandbox/net';
import type { Inode } from '@sandbox/vfs';
import type { Network } from '../network.js';
import { readPeerAddress, writeAddress } from './sockaddr.js';
import { controlRequest, InetSocket, netAddress, receiveRequest, sendRequest } from './socket.js';

// Options of UDP-Lite (linux/udp.h's neighbours; no header of the C library has them).
const UDPLITE_SEND_CSCOV = 10;
const UDPLITE_RECV_CSCOV = 11;

const TIME_OPTIONS = [
  SO_TIMESTAMP_OLD,
  SO_TIMESTAMPNS_OLD,
  SO_TIMESTAMP_NEW,
  SO_TIMESTAMPNS_NEW,
  SO_RXQ_OVFL,
];

/** Datagrams: UDP, raw IP and ICMP echo sockets (udp(7), raw(7), icmp(7)). */
export class DatagramSocket extends InetSocket {
  private peekOffset = -1;
  /** sendmsg(2) gave ancillary data for the send that follows. */
  private hasControl = false;
  private wantsControl = false;

  constructor(
    network: Network,
    inode: Inode,
    domain: number,
    type: number,
    protocol: number,
    flags: number,
    readonly datagrams: DatagramEndpoint,
  ) {
    super(network, inode, domain, type, protocol, flags, datagrams);
  }

  override get memberships(): Memberships | null {
    return this.datagrams.groups;
  }

  /** Without a port there is a destination, but no peer. */
  override get connected(): boolean {
    return this.datagrams.connected;
  }

  protected override needsPrivilege(port: number): boolean {
    return this.type !== SOCK_RAW && super.needsPrivilege(port);
  }

  override connect(_caller: Task, address: SocketAddress): number {
    if (address.length < 2) return -EINVAL;
    if (this.isDissolving(address)) return this.datagrams.disconnect();
    const r = readPeerAddress(this.domain, true, address, netAddress);
    return r < 0 ? r : this.datagrams.connect(netAddress);
  }

  override parseControl(caller: Task, bytes: Uint8Array, length: number, message: SendMessage): number {
    controlRequest.reset(message.io, message.flags);
    const r = super.parseControl(caller, bytes, length, message);
    this.hasControl = r === 0;
    return r;
  }

  override send(message: SendMessage): number {
    if ((message.flags & MSG_OOB) !== 0) return -EOPNOTSUPP;
    let request = sendRequest;
    if (this.hasControl) {
      this.hasControl = false;
      request = controlRequest;
      request.source = message.io;
      request.flags = message.flags;
      request.to = null;
    } else request.reset(message.io, message.flags);
    const { address } = message;
    if (address.length > 0) {
      const r = this.readDestination(address);
      if (r < 0) return r;
      if (r === 0) request.to = netAddress;
    }
    return this.datagrams.send(request);
  }

  /** 0: in `netAddress`; 1: none, the connected one; or -errno. */
  private readDestination(address: SocketAddress): number {
    if (address.length < 2) return -EINVAL;
    // Without a family it is an IPv4 address (udp_sendmsg); on IPv6 it stands for none.
    if (address.family === AF_UNSPEC) {
      if (this.domain !== AF_INET) return 1;
      address.bytes[0] = AF_INET;
    }
    const r = readPeerAddress(this.domain, true, address, netAddress);
    if (r < 0) return r;
    return this.isUdp && netAddress.port === 0 ? -EINVAL : 0;
  }

  override receive(message: ReceiveMessage): number {
    const { flags } = message;
    if ((flags & MSG_ERRQUEUE) !== 0) return this.receiveError(message);
    if ((flags & MSG_OOB) !== 0 && this.type === SOCK_RAW) return -EOPNOTSUPP;
    const request = receiveRequest.reset(message.io, flags);
    const peeking = (flags & MSG_PEEK) !== 0 && this.peekOffset >= 0;
    if (peeking) request.peekOffset = this.peekOffset;
    const n = this.datagrams.receive(request);
    if (n < 0) return n;
    if (peeking) this.peekOffset += n;
    else if (this.peekOffset > 0) this.peekOffset = Math.max(0, this.peekOffset - request.length);
    message.outFlags |= request.outFlags;
    if (request.hasFrom) writeAddress(this.domain, request.from, message.address);
    if (this.wantsControl || this.control.any || this.options.stamping !== 0) message.control = this;
    return n;
  }

  /** UDP or UDP-Lite, whose levels of options have the protocols' numbers. */
  private get isUdp(): boolean {
    return this.datagrams instanceof UdpEndpoint;
  }

  override setPeekOffset(offset: number): number {
    if (!this.isUdp) return -EOPNOTSUPP;
    this.peekOffset = offset < 0 ? -1 : offset;
    return 0;
  }
  override get peekOff(): number {
    return this.peekOffset;
  }

  override get endsWait(): boolean {
    return (this.datagrams.poll() & POLLRDHUP) !== 0;
  }

  /** Options of SOL_SOCKET that ask for ancillary data. */
  override optionSet(name: number): void {
    if (!TIME_OPTIONS.includes(name)) return;
    this.wantsControl = TIME_OPTIONS.some((option) => this.options.get(option) === 1);
  }

  // Options -------------------------------------------------------------------------------------------------

  override getFamilyOption(caller: Task, level: number, name: number, out: Uint8Array, room: number): number {
    if (level === this.protocol && this.isUdp) return this.getUdpOption(name, out);
    if (this.datagrams instanceof RawEndpoint && this.isIcmpFilter(level, name))
      return this.getIcmpFilter(this.datagrams, out, room);
    return super.getFamilyOption(caller, level, name, out, room);
  }

  override setFamilyOption(
    caller: Task,
    level: number,
    name: number,
    value: Uint8Array | null,
    length: number,
  ): number {
    if (level === this.protocol && this.isUdp) return this.setUdpOption(name, value, length);
    if (this.datagrams instanceof RawEndpoint && this.isIcmpFilter(level, name))
      return this.setIcmpFilter(this.datagrams, value, length);
    return super.setFamilyOption(caller, level, name, value, length);
  }

  /** ICMP_FILTER and ICMP6_FILTER: is it this socket's option? */
  private isIcmpFilter(level: number, name: number): boolean {
    return (
      (level === SOL_RAW && this.protocol === IPPROTO_ICMP && name === ICMP_FILTER) ||
      (level === SOL_ICMPV6 && this.protocol === IPPROTO_ICMPV6 && name === ICMP6_FILTER)
    );
  }

  /** Bit n: ICMP type n is not wanted. One word, eight for ICMPv6. */
  private setIcmpFilter(raw: RawEndpoint, value: Uint8Array | null, length: number): number {
    if (value === null) return -EFAULT;
    const words = this.protocol === IPPROTO_ICMP ? 1 : 8;
    const filter = new Uint8Array(words * 4);
    filter.set(value.subarray(0, Math.min(length, filter.length)));
    const view = new DataView(filter.buffer);
    if (words === 1) raw.icmpFilter = view.getUint32(0, true);
    else for (let i = 0; i < words; i++) raw.icmp6Filter[i] = view.getUint32(i * 4, true);
    return 0;
  }

  private getIcmpFilter(raw: RawEndpoint, out: Uint8Array, room: number): number {
    const view = new DataView(out.buffer, out.byteOffset);
    if (this.protocol === IPPROTO_ICMP) {
      view.setUint32(0, raw.icmpFilter, true);
      return Math.min(4, room);
    }
    raw.icmp6Filter.forEach((word, i) => {
      view.setUint32(i * 4, word, true);
    });
    return Math.min(32, room);
  }

  private getUdpOption(name: number, out: Uint8Array): number {
    const { datagrams } = this;
    if (!(datagrams instanceof UdpEndpoint)) return -ENOPROTOOPT;
    const view = new DataView(out.buffer, out.byteOffset);
    let value: number;
    switch (name) {
      case UDP_CORK:
        value = datagrams.cork ? 1 : 0;
        break;
      case UDP_SEGMENT:
        value = datagrams.segment;
        break;
      case UDP_ENCAP:
      case UDP_NO_CHECK6_TX:
      case UDP_NO_CHECK6_RX:
      case UDP_GRO:
        value = this.values.get(SOL_UDP, name, 0);
        break;
      // Options of UDP-Lite, which plain UDP answers, too.
      case UDPLITE_SEND_CSCOV:
        value = datagrams.sendCoverage;
        break;
      case UDPLITE_RECV_CSCOV:
        value = Math.max(datagrams.receiveCoverage, 0);
        break;
      default:
        return -ENOPROTOOPT;
    }
    view.setInt32(0, value, true);
    return 4;
  }

  private setUdpOption(name: number, value: Uint8Array | null, length: number): number {
    const { datagrams } = this;
    if (!(datagrams instanceof UdpEndpoint)) return -ENOPROTOOPT;
    if (length < 4) return -EINVAL;
    if (value === null) return -EFAULT;
    const number = value[0]! | (value[1]! << 8) | (value[2]! << 16) | (value[3]! << 24);
    switch (name) {
      case UDP_CORK:
        datagrams.cork = number !== 0;
        return datagrams.cork ? 0 : datagrams.flush();
      case UDP_SEGMENT:
        if (number < 0 || number > 65535) return -EINVAL;
        datagrams.segment = number;
        return 0;
      case UDP_NO_CHECK6_TX:
        datagrams.noCheckSend6 = number !== 0;
        break;
      case UDP_NO_CHECK6_RX:
        datagrams.noCheckReceive6 = number !== 0;
        break;
      case UDP_GRO:
        break;
      case UDP_ENCAP:
        return number === 0 ? 0 : -EPERM;
      case UDPLITE_SEND_CSCOV:
      case UDPLITE_RECV_CSCOV:
        if (this.protocol !== IPPROTO_UDPLITE) return -ENOPROTOOPT;
        if (name === UDPLITE_SEND_CSCOV) datagrams.sendCoverage = coverage(number);
        else datagrams.receiveCoverage = coverage(number);
        return 0;
      default:
        return -ENOPROTOOPT;
    }
    this.values.set(SOL_UDP, name, number !== 0 ? 1 : 0);
    return 0;
  }
}

/** Bytes of a UDP-Lite checksum's coverage: all (0), or the header at least. */
function coverage(value: number): number {
  if (value !== 0 && value < 8) return 8;
  return Math.min(value, 0xffff);
}
