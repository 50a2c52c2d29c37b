import type { Duplex } from 'node:stream';
import { AF_INET, AF_INET6 } from '@sandbox/abi';
import { type IpAddress, SocketAddress } from '../core/address.js';
import { getU16 } from '../core/bytes.js';
import type { Packet } from '../core/packet.js';
import { StackSocket } from '../embed/socket.js';
import type { NetInterface } from '../ip/interface.js';
import type { TcpEndpoint } from '../socket/tcp/endpoint.js';
import type { NetStack } from '../stack.js';
import {
  ICMP_DEST_UNREACH,
  ICMP_HOST_UNREACH,
  ICMPV6_ADDR_UNREACH,
  ICMPV6_DEST_UNREACH,
} from '../wire/icmp.js';
import type { NatBackend } from './backend.js';
import { relay } from './relay.js';

const MOST_PENDING = 512;
const MOST_RELAYS = 8192;
const BACKLOG = 1024;

/** A SYN that waits until the connection outside stands. */
interface Pending {
  readonly packet: Packet;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly outside: Duplex;
}

/**
 * TCP of a gateway: a guest's SYN is answered when the connection outside is made; then bytes are relayed.
 */
export class TcpRelays {
  private readonly pending = new Map<string, Pending>();
  private readonly ready = new Map<string, Duplex>();
  private readonly running = new Set<StackSocket>();
  private readonly listeners: { v4: TcpEndpoint; v6: TcpEndpoint };

  constructor(
    private readonly stack: NetStack,
    private readonly backend: Pick<NatBackend, 'connectTcp'>,
    private readonly iface: NetInterface,
  ) {
    this.listeners = { v4: this.listener(AF_INET), v6: this.listener(AF_INET6) };
  }

  private listener(family: number): TcpEndpoint {
    const endpoint = this.stack.tcp.open(family);
    endpoint.listenUnseen(BACKLOG);
    endpoint.observer = { onEvents: () => queueMicrotask(() => this.acceptAll(endpoint)) };
    return endpoint;
  }

  get count(): number {
    return this.pending.size + this.ready.size + this.running.size;
  }

  isPending(packet: Packet, source: IpAddress, destination: IpAddress): boolean {
    return this.pending.has(keyOf(packet, source, destination));
  }

  /** Connect outside for a SYN, which stays the caller's. false: too many at once, or refused at once. */
  begin(packet: Packet, source: IpAddress, destination: IpAddress): boolean {
    if (this.pending.size >= MOST_PENDING || this.running.size >= MOST_RELAYS) return false;
    const key = keyOf(packet, source, destination);
    const outside = this.backend.connectTcp(
      destination.toString(),
      getU16(packet.bytes, packet.transport + 2),
    );
    if (outside === null) return false;
    const entry: Pending = { packet: packet.clone(), source, destination, outside };
    entry.packet.network = packet.network;
    this.pending.set(key, entry);
    outside.once('connect', () => this.connected(key, entry));
    outside.once('error', (error: Error & { code?: string }) => this.failed(key, entry, error.code));
    return true;
  }

  private connected(key: string, entry: Pending): void {
    if (this.pending.get(key) !== entry) return;
    this.pending.delete(key);
    const { packet, source, destination, outside } = entry;
    const listener = source.isV4 ? this.listeners.v4 : this.listeners.v6;
    this.ready.set(key, outside);
    const child = this.stack.tcp.admit(listener, packet, source, destination, this.iface);
    packet.release();
    if (child === null) {
      this.ready.delete(key);
      outside.destroy();
      return;
    }
    child.tcp.noDelay = true;
    // If the guest does not finish its handshake, the connection outside goes.
    child.observer = {
      onEvents: () =>
        queueMicrotask(() => {
          if (child.machine?.state === 7 && this.ready.delete(key)) outside.destroy();
        }),
    };
  }

  private failed(key: string, entry: Pending, code: string | undefined): void {
    if (this.pending.get(key) !== entry) return;
    this.pending.delete(key);
    const { packet, source, destination } = entry;
    const { stack } = this;
    if (code === 'ECONNREFUSED' || code === 'ECONNRESET') stack.tcp.refuse(packet, source, destination);
    else {
      stack.enter();
      if (source.isV4) stack.icmp4.sendError(packet, this.iface, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0);
      else stack.icmp6.sendError(packet, this.iface, ICMPV6_DEST_UNREACH, ICMPV6_ADDR_UNREACH, 0);
      stack.leave();
    }
    packet.release();
  }

  private acceptAll(listener: TcpEndpoint): void {
    for (;;) {
      const child = listener.accept();
      if (typeof child === 'number') return;
      this.start(child as TcpEndpoint);
    }
  }

  private start(child: TcpEndpoint): void {
    const key = `${child.remote.address}|${child.remote.port}|${child.local.address}|${child.local.port}`;
    const outside = this.ready.get(key);
    this.ready.delete(key);
    if (outside === undefined || outside.destroyed) {
      child.lingerZero = true;
      child.close();
      return;
    }
    const remote = new SocketAddress(child.remote.address, child.remote.port);
    const socket = new StackSocket(this.stack, child, remote, false);
    this.running.add(socket);
    relay(socket, outside, () => this.running.delete(socket));
    // What came before the stream was made.
    socket.onEvents(-1);
  }

  close(): void {
    for (const { packet, outside } of this.pending.values()) {
      packet.release();
      outside.destroy();
    }
    this.pending.clear();
    for (const outside of this.ready.values()) outside.destroy();
    this.ready.clear();
    for (const socket of this.running) socket.destroy();
    this.listeners.v4.close();
    this.listeners.v6.close();
  }
}

function keyOf(packet: Packet, source: IpAddress, destination: IpAddress): string {
  const { bytes, transport } = packet;
  return `${source}|${getU16(bytes, transport)}|${destination}|${getU16(bytes, transport + 2)}`;
}
