import type { IpAddress } from '../../core/address.js';
import type { Packet } from '../../core/packet.js';
import type { NetInterface } from '../../ip/interface.js';

/** What segments of one pair of ends go to: a connection, or what is left of one. */
export interface TcpFlow {
  readonly localAddress: IpAddress;
  readonly localPort: number;
  readonly remoteAddress: IpAddress;
  readonly remotePort: number;
  /** Others with the same hash. Belongs to the table. */
  nextFlow: TcpFlow | null;
  /**
   * A segment, checksum good. Given away. false: not for it after all, look for a listener (TIME_WAIT gave
   * way).
   */
  segment(packet: Packet, iface: NetInterface): boolean;
}

/** Connections by their two ends. */
export class TcpFlows {
  private readonly table = new Map<number, TcpFlow>();
  count = 0;

  find(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): TcpFlow | null {
    let flow = this.table.get(keyOf(local, localPort, remote, remotePort)) ?? null;
    while (
      flow !== null &&
      (flow.localPort !== localPort ||
        flow.remotePort !== remotePort ||
        !flow.remoteAddress.equals(remote) ||
        !flow.localAddress.equals(local))
    ) {
      flow = flow.nextFlow;
    }
    return flow;
  }

  add(flow: TcpFlow): void {
    const key = keyOf(flow.localAddress, flow.localPort, flow.remoteAddress, flow.remotePort);
    flow.nextFlow = this.table.get(key) ?? null;
    this.table.set(key, flow);
    this.count++;
  }

  remove(flow: TcpFlow): void {
    const key = keyOf(flow.localAddress, flow.localPort, flow.remoteAddress, flow.remotePort);
    let at = this.table.get(key) ?? null;
    if (at === flow) {
      if (flow.nextFlow === null) this.table.delete(key);
      else this.table.set(key, flow.nextFlow);
    } else {
      while (at !== null && at.nextFlow !== flow) at = at.nextFlow;
      if (at === null) return;
      at.nextFlow = flow.nextFlow;
    }
    flow.nextFlow = null;
    this.count--;
  }

  *all(): Iterable<TcpFlow> {
    for (const first of this.table.values()) {
      for (let flow: TcpFlow | null = first; flow !== null; flow = flow.nextFlow) yield flow;
    }
  }
}

function keyOf(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): number {
  return Math.imul(remote.hash ^ ((localPort << 16) | remotePort), 0x9e3779b1) ^ local.hash;
}
