import type { IpAddress } from '../core/address.js';
import { SocketAddress } from '../core/address.js';
import { getU16 } from '../core/bytes.js';
import type { Packet } from '../core/packet.js';
import { Timer, type TimerOwner } from '../core/timers.js';
import type { NetStack } from '../stack.js';
import { UDP_HEADER } from '../wire/udp.js';
import type { NatBackend, OutsideUdp } from './backend.js';

/** RFC 4787 REQ-5 wants two minutes at least. */
const IDLE = 120_000;
/**
 * A single question and answer does not keep a socket that long (RFC 4787 allows less for well-known ports).
 */
const IDLE_DNS = 15_000;
const MOST_FLOWS = 1024;
const MOST_REMOTES = 256;

/**
 * One socket outside for one inside: endpoint-independent mapping, address-dependent filtering (RFC 4787
 * sections 4.1, 5).
 */
class UdpFlow implements TimerOwner {
  readonly timer = new Timer(this);
  /** `address|port` that were sent to: only they may answer. */
  readonly remotes = new Map<string, SocketAddress>();
  outside: OutsideUdp | null = null;

  constructor(
    private readonly flows: UdpFlows,
    readonly key: string,
    readonly inside: SocketAddress,
  ) {}

  onTimer(): void {
    this.flows.end(this);
  }
}

/** UDP of a gateway: flows with timeouts. */
export class UdpFlows {
  private readonly flows = new Map<string, UdpFlow>();

  constructor(
    private readonly stack: NetStack,
    private readonly backend: NatBackend,
  ) {}

  get count(): number {
    return this.flows.size;
  }

  /** A datagram from inside that may leave. */
  send(packet: Packet, source: IpAddress, destination: IpAddress): void {
    const { bytes, transport, end } = packet;
    const sourcePort = getU16(bytes, transport);
    const port = getU16(bytes, transport + 2);
    const flow = this.flowOf(source, sourcePort, destination.isV4);
    const address = destination.toString();
    const remote = `${address}|${port}`;
    if (!flow.remotes.has(remote)) {
      if (flow.remotes.size >= MOST_REMOTES) flow.remotes.delete(flow.remotes.keys().next().value!);
      flow.remotes.set(remote, new SocketAddress(destination, port));
    }
    this.stack.timers.armIn(flow.timer, port === 53 ? IDLE_DNS : IDLE);
    flow.outside?.send(bytes.slice(transport + UDP_HEADER, end), address, port);
  }

  private flowOf(source: IpAddress, port: number, isV4: boolean): UdpFlow {
    const key = `${source}|${port}`;
    let flow = this.flows.get(key);
    if (flow === undefined) {
      if (this.flows.size >= MOST_FLOWS) this.end(this.flows.values().next().value!);
      const made = new UdpFlow(this, key, new SocketAddress(source, port));
      made.outside = this.backend.openUdp(isV4, (bytes, address, from) =>
        this.answer(made, bytes, address, from),
      );
      this.flows.set(key, made);
      flow = made;
    }
    return flow;
  }

  private answer(flow: UdpFlow, bytes: Uint8Array, address: string, port: number): void {
    const remote = flow.remotes.get(`${address}|${port}`);
    if (remote === undefined || this.flows.get(flow.key) !== flow) return;
    this.stack.timers.armIn(flow.timer, port === 53 ? IDLE_DNS : IDLE);
    this.stack.udp.sendFrom(remote, flow.inside, bytes);
  }

  /** @internal */
  end(flow: UdpFlow): void {
    this.flows.delete(flow.key);
    this.stack.timers.remove(flow.timer);
    flow.outside?.close();
  }

  close(): void {
    for (const flow of [...this.flows.values()]) this.end(flow);
  }
}
