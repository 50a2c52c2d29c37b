import {
  AF_PACKET,
  ARPHRD_LOOPBACK,
  EFAULT,
  EINVAL,
  ENODEV,
  ENOPROTOOPT,
  ENOTCONN,
  EOPNOTSUPP,
  IFNAMSIZ,
  MSG_ERRQUEUE,
  MSG_OOB,
  PACKET_ADD_MEMBERSHIP,
  PACKET_AUXDATA,
  PACKET_DROP_MEMBERSHIP,
  PACKET_HDRLEN,
  PACKET_IGNORE_OUTGOING,
  PACKET_MR_ALLMULTI,
  PACKET_MR_MULTICAST,
  PACKET_MR_PROMISC,
  PACKET_RESERVE,
  PACKET_STATISTICS,
  PACKET_VERSION,
  SOCKADDR_LL,
  SOL_PACKET,
} from '@sandbox/abi';
import type {
  ControlWriter,
  PacketFilter,
  ReceiveMessage,
  SendMessage,
  SocketAddress,
} from '@sandbox/kernel-core/files';
import type { Task } from '@sandbox/kernel-core/process';
import type { LinkAddress, PacketEndpoint } from '@sandbox/net';
import type { Inode } from '@sandbox/vfs';
import { InetSocket, receiveRequest, sendRequest } from '../inet/socket.js';
import type { Network } from '../network.js';

/** Bytes in front of a hardware address. */
const LL_HEADER = 12;
/** struct tpacket_auxdata. */
const AUXDATA_SIZE = 20;
const TP_STATUS_USER = 1;

const auxdata = new Uint8Array(AUXDATA_SIZE);
const auxView = new DataView(auxdata.buffer);

/** A packet socket (packet(7)): frames of interfaces, with or without their link header. */
export class PacketSocket extends InetSocket {
  private auxdata = false;
  /** What PACKET_ADD_MEMBERSHIP asked of interfaces, to be taken back at the end. */
  private readonly wishes: { readonly ifindex: number; readonly type: number }[] = [];

  constructor(
    network: Network,
    inode: Inode,
    type: number,
    protocol: number,
    flags: number,
    readonly packets: PacketEndpoint,
  ) {
    super(network, inode, AF_PACKET, type, protocol, flags, packets);
  }

  override bind(_caller: Task, address: SocketAddress): number {
    if (address.length < SOCKADDR_LL.SIZE || address.family !== AF_PACKET) return -EINVAL;
    const view = new DataView(address.bytes.buffer);
    return this.packets.bindLink(
      view.getInt32(SOCKADDR_LL.sll_ifindex, true),
      view.getUint16(SOCKADDR_LL.sll_protocol),
    );
  }

  override connect(): number {
    return -EOPNOTSUPP;
  }

  private store(link: LinkAddress, out: SocketAddress): void {
    out.setFamily(AF_PACKET);
    const view = new DataView(out.bytes.buffer);
    view.setUint16(SOCKADDR_LL.sll_protocol, link.protocol);
    view.setInt32(SOCKADDR_LL.sll_ifindex, link.ifindex, true);
    view.setUint16(SOCKADDR_LL.sll_hatype, link.hatype, true);
    out.bytes[SOCKADDR_LL.sll_pkttype] = link.packetType;
    out.bytes[SOCKADDR_LL.sll_halen] = link.address.length;
    out.bytes.fill(0, SOCKADDR_LL.sll_addr, SOCKADDR_LL.SIZE);
    out.bytes.set(link.address.subarray(0, 8), SOCKADDR_LL.sll_addr);
    out.length = LL_HEADER + link.address.length;
  }

  override name(out: SocketAddress): number {
    const link = this.packets.linkName();
    // Loopback has a hardware address as far as this goes: zeros.
    const address = link.hatype === ARPHRD_LOOPBACK ? new Uint8Array(6) : link.address;
    this.store({ ...link, address }, out);
    return 0;
  }

  override peerName(): number {
    return -EOPNOTSUPP;
  }
  override get connected(): boolean {
    return false;
  }

  override parseControl(): number {
    return 0;
  }

  override send(message: SendMessage): number {
    if ((message.flags & MSG_OOB) !== 0) return -EOPNOTSUPP;
    const request = sendRequest.reset(message.io, message.flags);
    const { address } = message;
    if (address.length > 0) {
      if (address.length < LL_HEADER) return -EINVAL;
      const view = new DataView(address.bytes.buffer);
      const length = address.bytes[SOCKADDR_LL.sll_halen]!;
      if (address.length < LL_HEADER + Math.min(length, 8)) return -EINVAL;
      request.link = {
        protocol: view.getUint16(SOCKADDR_LL.sll_protocol),
        ifindex: view.getInt32(SOCKADDR_LL.sll_ifindex, true),
        hatype: 0,
        packetType: 0,
        address: address.bytes.slice(SOCKADDR_LL.sll_addr, SOCKADDR_LL.sll_addr + Math.min(length, 8)),
      };
    }
    return this.packets.send(request);
  }

  override receive(message: ReceiveMessage): number {
    if ((message.flags & (MSG_OOB | MSG_ERRQUEUE)) !== 0)
      return (message.flags & MSG_OOB) !== 0 ? -EINVAL : -ENOTCONN;
    const request = receiveRequest.reset(message.io, message.flags);
    const n = this.packets.receive(request);
    if (n < 0) return n;
    message.outFlags |= request.outFlags;
    if (request.link !== null) this.store(request.link, message.address);
    message.control = this;
    return n;
  }

  override putControl(caller: Task, writer: ControlWriter, message: ReceiveMessage): void {
    super.putControl(caller, writer, message);
    if (!this.auxdata) return;
    auxdata.fill(0);
    auxView.setUint32(0, TP_STATUS_USER, true);
    auxView.setUint32(4, receiveRequest.length, true);
    auxView.setUint32(8, receiveRequest.length, true);
    auxView.setUint16(14, 14, true);
    writer.putBytes(caller, message, SOL_PACKET, PACKET_AUXDATA, auxdata);
  }

  override shutdown(): number {
    return -EOPNOTSUPP;
  }

  // Options -------------------------------------------------------------------------------------------------

  override setFamilyOption(
    _caller: Task,
    level: number,
    name: number,
    value: Uint8Array | null,
    length: number,
  ): number {
    if (level !== SOL_PACKET) return -ENOPROTOOPT;
    if (name === PACKET_ADD_MEMBERSHIP || name === PACKET_DROP_MEMBERSHIP) {
      if (length < 16) return -EINVAL;
      if (value === null) return -EFAULT;
      const view = new DataView(value.buffer, value.byteOffset);
      const wish = { ifindex: view.getInt32(0, true), type: view.getUint16(4, true) };
      return this.changeWish(name === PACKET_ADD_MEMBERSHIP, wish);
    }
    if (length < 4) return -EINVAL;
    if (value === null) return -EFAULT;
    const number = value[0]! | (value[1]! << 8) | (value[2]! << 16) | (value[3]! << 24);
    switch (name) {
      case PACKET_AUXDATA:
        this.auxdata = number !== 0;
        return 0;
      case PACKET_IGNORE_OUTGOING:
        if (number < 0 || number > 1) return -EINVAL;
        this.packets.ignoreOutgoing = number !== 0;
        return 0;
      case PACKET_VERSION:
        return number >= 0 && number <= 2 ? 0 : -EINVAL;
      case PACKET_RESERVE:
        return 0;
      default:
        return -ENOPROTOOPT;
    }
  }

  private changeWish(add: boolean, wish: { ifindex: number; type: number }): number {
    const iface = this.network.stack.interfaceByIndex(wish.ifindex);
    if (iface === undefined) return -ENODEV;
    if (
      wish.type !== PACKET_MR_PROMISC &&
      wish.type !== PACKET_MR_ALLMULTI &&
      wish.type !== PACKET_MR_MULTICAST
    )
      return -EINVAL;
    const by = add ? 1 : -1;
    if (!add) {
      const at = this.wishes.findIndex((w) => w.ifindex === wish.ifindex && w.type === wish.type);
      if (at < 0) return 0;
      this.wishes.splice(at, 1);
    } else this.wishes.push(wish);
    if (wish.type === PACKET_MR_PROMISC) iface.promiscuity += by;
    else if (wish.type === PACKET_MR_ALLMULTI) iface.allMulti += by;
    return 0;
  }

  override getFamilyOption(_caller: Task, level: number, name: number, out: Uint8Array): number {
    if (level !== SOL_PACKET) return -ENOPROTOOPT;
    const view = new DataView(out.buffer, out.byteOffset);
    switch (name) {
      case PACKET_STATISTICS:
        view.setUint32(0, this.packets.received, true);
        view.setUint32(4, this.packets.drops, true);
        this.packets.received = 0;
        this.packets.drops = 0;
        return 8;
      case PACKET_AUXDATA:
        view.setInt32(0, this.auxdata ? 1 : 0, true);
        return 4;
      case PACKET_IGNORE_OUTGOING:
        view.setInt32(0, this.packets.ignoreOutgoing ? 1 : 0, true);
        return 4;
      case PACKET_VERSION:
      case PACKET_HDRLEN:
      case PACKET_RESERVE:
        return 4;
      default:
        return -ENOPROTOOPT;
    }
  }

  override bindToDevice(_caller: Task, name: string): number {
    const iface = this.network.stack.interfaceByName(name.slice(0, IFNAMSIZ - 1));
    if (iface === undefined) return -ENODEV;
    return this.packets.bindLink(iface.index, 0);
  }

  override setFilter(filter: PacketFilter | null): void {
    super.setFilter(filter);
    this.packets.filter = filter?.keeps ?? null;
  }

  override release(): void {
    for (const wish of [...this.wishes]) this.changeWish(false, wish);
    super.release();
  }
}
