import { BytesSink, BytesSource } from '../../src/core/bytes.js';
import { allocatePacket, type Packet } from '../../src/core/packet.js';
import { Timers } from '../../src/core/timers.js';
import { TcpConnection } from '../../src/tcp/connection.js';
import { type TcpHost, TcpOptions } from '../../src/tcp/contract.js';
import { TcpShared } from '../../src/tcp/shared.js';
import { Segment } from '../../src/wire/tcp.js';

/** A clock that stands still until it is told to go on. */
export class VirtualClock {
  time = 1000;
  private alarmAt = Number.POSITIVE_INFINITY;
  private fire: () => void = () => {};
  readonly timers: Timers;

  constructor() {
    this.timers = new Timers(
      {
        now: () => this.time,
        setAlarm: (at, fire) => {
          this.alarmAt = at;
          this.fire = fire;
        },
        random32: () => 4,
      },
      (work) => work(),
    );
  }

  /** When something happens next. */
  get next(): number {
    return this.alarmAt;
  }

  /** Goes on to `time`, and does what is due on the way. */
  advanceTo(time: number): void {
    while (this.alarmAt <= time) {
      this.time = Math.max(this.time, this.alarmAt);
      this.alarmAt = Number.POSITIVE_INFINITY;
      this.fire();
    }
    this.time = Math.max(this.time, time);
  }
}

export interface HostSetup {
  mtu?: number;
  iss?: number;
  localPort?: number;
  remotePort?: number;
}

/** A connection's host that notes what happens. */
export class TestHost implements TcpHost {
  readonly timers: Timers;
  localPort: number;
  remotePort: number;
  pathMtu: number;
  interfaceMtu: number;
  ipHeaderLength = 20;
  iss: number;
  /** What was sent and not looked at: packets with the time. */
  readonly sent: { packet: Packet; ecn: number; time: number }[] = [];
  /** Where packets go instead, when there is another side. */
  forward: ((packet: Packet, ecn: number) => void) | null = null;
  events = 0;
  wakes = 0;
  isEstablished = false;
  isClosed = false;
  inTimeWait = false;
  suspected = 0;
  transmitError = 0;

  constructor(
    readonly clock: VirtualClock,
    setup: HostSetup = {},
  ) {
    this.timers = clock.timers;
    this.pathMtu = setup.mtu ?? 1500;
    this.interfaceMtu = setup.mtu ?? 1500;
    this.iss = setup.iss ?? 0;
    this.localPort = setup.localPort ?? 80;
    this.remotePort = setup.remotePort ?? 40000;
  }

  now(): number {
    return this.clock.time;
  }
  random32(): number {
    return 4;
  }
  initialSequence(): number {
    return this.iss;
  }
  timestampOffset(): number {
    return 0;
  }
  allocate(length: number): Packet {
    return allocatePacket(length);
  }
  transmit(packet: Packet, ecn: number): number {
    if (this.transmitError < 0) {
      packet.release();
      return this.transmitError;
    }
    packet.transport = packet.start;
    if (this.forward !== null) this.forward(packet, ecn);
    else this.sent.push({ packet, ecn, time: this.clock.time });
    return 0;
  }
  progress(): void {}
  pathSuspect(): void {
    this.suspected++;
  }
  wake(events: number): void {
    this.events |= events;
    this.wakes++;
  }
  established(): void {
    this.isEstablished = true;
  }
  timeWait(): void {
    this.inTimeWait = true;
  }
  closed(): void {
    this.isClosed = true;
  }
}

export interface End {
  host: TestHost;
  tcp: TcpConnection;
}

export function makeEnd(
  clock: VirtualClock,
  setup: HostSetup = {},
  options = new TcpOptions(),
  shared = new TcpShared(),
): End {
  const host = new TestHost(clock, setup);
  return { host, tcp: new TcpConnection(host, options, shared) };
}

/** Reads everything there is, up to `most`. */
export function readAll(tcp: TcpConnection, most = 1 << 20): Uint8Array | number {
  const bytes = new Uint8Array(most);
  const n = tcp.read(new BytesSink(bytes), 0, 0);
  return n < 0 ? n : bytes.subarray(0, n);
}

export function write(tcp: TcpConnection, bytes: Uint8Array, flags = 0): number {
  return tcp.send(new BytesSource(bytes), flags);
}

export function parsePacket(packet: Packet): Segment {
  const segment = new Segment();
  if (!segment.parse(packet.bytes, packet.start, packet.end)) throw new Error('not a segment');
  return segment;
}
