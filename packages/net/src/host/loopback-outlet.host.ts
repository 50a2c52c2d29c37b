import { Socket } from 'node:net';
import {
  AF_INET,
  AF_INET6,
  EAGAIN,
  ECONNREFUSED,
  EINPROGRESS,
  EINTR,
  SO_ERROR,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOCKADDR_IN,
  SOCKADDR_IN6,
  SOL_SOCKET,
  SYS_close,
  SYS_connect,
  SYS_getsockopt,
  SYS_recvfrom,
  SYS_sendto,
  SYS_socket,
} from '@sandbox/abi';
import { hostSyscall, hostSyscall3, scratchAddress, scratchBytes, scratchView } from '@sandbox/native';
import { IpAddress, SocketAddress } from '../core/address.js';
import { getU16 } from '../core/bytes.js';
import type { Packet } from '../core/packet.js';
import { Timer, type TimerOwner } from '../core/timers.js';
import { check } from '../link/check.host.js';
import { readiness } from '../link/readiness.host.js';
import { TcpRelays } from '../nat/tcp-relays.js';
import type { NetStack } from '../stack.js';
import { UDP_HEADER } from '../wire/udp.js';
import { inHostNamespace } from './namespace.host.js';

const MOST_FLOWS = 256;
/** ms. */
const IDLE = 120_000;
const LARGEST_DATAGRAM = 65535;
/** Datagrams read in one go before others get a turn. */
const MOST_AT_ONCE = 64;
const SYN_ALONE = 2;
const SYN_RST_ACK_FIN = 0x17;

/**
 * Has the loopback of the stack lead to that of the host's namespace `path`: what is sent to it inside and is
 * nobody's there is for those who listen out there, as what an engine puts beside a container does (Docker's
 * DNS at 127.0.0.11, proxies of service meshes). Where nobody does either, it is refused as ever: over
 * loopback the host knows at once.
 */
export class LoopbackOutlet {
  private readonly relays: TcpRelays;
  private readonly flows = new Map<string, UdpFlow>();

  constructor(
    private readonly stack: NetStack,
    private readonly path: string,
  ) {
    this.relays = new TcpRelays(
      stack,
      { connectTcp: (address, port) => this.connect(address, port) },
      stack.loopback,
    );
    stack.tcp.fallback = (packet, source, destination) => this.onSegment(packet, source, destination);
    stack.udp.fallback = (packet, source, destination) => this.onDatagram(packet, source, destination);
  }

  private onSegment(packet: Packet, source: IpAddress, destination: IpAddress): boolean {
    if (!destination.isLoopback) return false;
    if ((packet.bytes[packet.transport + 13] & SYN_RST_ACK_FIN) !== SYN_ALONE) return false;
    return (
      this.relays.isPending(packet, source, destination) || this.relays.begin(packet, source, destination)
    );
  }

  private connect(address: string, port: number): Socket | null {
    let fd: number;
    try {
      fd = this.open(SOCK_STREAM, IpAddress.parse(address)!, port);
    } catch {
      return null;
    }
    const socket = new Socket({ fd, allowHalfOpen: true });
    socket.setNoDelay(true);
    process.nextTick(() => socket.emit('connect'));
    return socket;
  }

  /** A socket of the namespace, connected. Throws an `Error` with the host's `code`. */
  private open(type: number, address: IpAddress, port: number): number {
    const family = address.isV4 ? AF_INET : AF_INET6;
    return inHostNamespace(this.path, () => {
      const fd = check(hostSyscall3(SYS_socket, family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), 'a socket');
      const size = address.isV4 ? SOCKADDR_IN.SIZE : SOCKADDR_IN6.SIZE;
      scratchBytes.fill(0, 0, size);
      scratchView.setUint16(SOCKADDR_IN.sin_family, family, true);
      scratchView.setUint16(SOCKADDR_IN.sin_port, port);
      address.toBytes(scratchBytes, address.isV4 ? SOCKADDR_IN.sin_addr : SOCKADDR_IN6.sin6_addr);
      let r = hostSyscall3(SYS_connect, fd, scratchAddress, size);
      // Over loopback what the other end says has come meanwhile.
      if (r === -EINPROGRESS) r = -errorOf(fd);
      if (r < 0) hostSyscall3(SYS_close, fd, 0, 0);
      check(r, 'connect');
      return fd;
    });
  }

  private onDatagram(packet: Packet, source: IpAddress, destination: IpAddress): boolean {
    if (!destination.isLoopback) return false;
    const { bytes, transport, end } = packet;
    const inside = new SocketAddress(source, getU16(bytes, transport));
    const outside = new SocketAddress(destination, getU16(bytes, transport + 2));
    const key = `${inside.address}|${inside.port}|${outside.address}|${outside.port}`;
    let flow = this.flows.get(key);
    if (flow === undefined) {
      let fd: number;
      try {
        fd = this.open(SOCK_DGRAM, destination, outside.port);
      } catch {
        return false;
      }
      if (this.flows.size >= MOST_FLOWS) this.flows.values().next().value!.close();
      flow = new UdpFlow(this.stack, fd, inside, outside, () => this.flows.delete(key));
      this.flows.set(key, flow);
    }
    return flow.send(bytes.subarray(transport + UDP_HEADER, end));
  }

  close(): void {
    this.stack.tcp.fallback = null;
    this.stack.udp.fallback = null;
    this.relays.close();
    for (const flow of [...this.flows.values()]) flow.close();
  }
}

/** SO_ERROR. */
function errorOf(fd: number): number {
  scratchView.setUint32(4, 4, true);
  hostSyscall(SYS_getsockopt, fd, SOL_SOCKET, SO_ERROR, scratchAddress, scratchAddress + 4);
  return scratchView.getInt32(0, true);
}

/** A connected datagram socket of the host for one inside and whom it talks to. */
class UdpFlow implements TimerOwner {
  private readonly timer = new Timer(this);

  constructor(
    private readonly stack: NetStack,
    private fd: number,
    private readonly inside: SocketAddress,
    private readonly outside: SocketAddress,
    private readonly done: () => void,
  ) {
    readiness.watch(fd, () => this.readable());
  }

  /** false: nobody is there. */
  send(payload: Uint8Array): boolean {
    this.stack.timers.armIn(this.timer, IDLE);
    scratchBytes.set(payload);
    const r = hostSyscall(SYS_sendto, this.fd, scratchAddress, payload.length, 0, 0, 0);
    // Over loopback the refusal has come when the call is back.
    if (r === -ECONNREFUSED || this.receive() === -ECONNREFUSED) {
      this.close();
      return false;
    }
    return true;
  }

  private readable(): void {
    for (let n = 0; n < MOST_AT_ONCE && this.fd >= 0; n++) {
      const r = this.receive();
      if (r >= 0 || r === -EINTR) continue;
      if (r !== -EAGAIN) this.close();
      return;
    }
  }

  /** Pass a datagram on, if there is one. The host's result of receiving it. */
  private receive(): number {
    const length = hostSyscall(SYS_recvfrom, this.fd, scratchAddress, LARGEST_DATAGRAM, 0, 0, 0);
    if (length < 0) return length;
    this.stack.timers.armIn(this.timer, IDLE);
    this.stack.udp.sendFrom(this.outside, this.inside, scratchBytes.slice(0, length));
    return length;
  }

  onTimer(): void {
    this.close();
  }

  close(): void {
    if (this.fd < 0) return;
    this.stack.timers.remove(this.timer);
    readiness.unwatch(this.fd);
    hostSyscall3(SYS_close, this.fd, 0, 0);
    this.fd = -1;
    this.done();
  }
}
