/**
 * Mutated frames into a stack with sockets of every kind: no exception, nothing that grows without end. `NET_FUZZ_RUNS` and `NET_FUZZ_SEED`
 * make it longer, or another one.
 */
import { AF_INET, AF_INET6, ETH_P_ALL, IPPROTO_ICMP, IPPROTO_ICMPV6 } from '@sandbox/abi';
import { describe, expect, test } from 'vitest';
import {
  type Link,
  type LinkReceiver,
  type NetStack,
  type Packet,
  packetFrom,
  VirtualHost,
  WrappedLink,
} from '../../src/index.js';
import { writeChecksums } from '../../src/wire/offload.js';
import { addInterface, lan, newStack } from '../support/lan.js';
import { address, at, receiveText, sendText } from '../support/net.js';

const RUNS = Number(process.env.NET_FUZZ_RUNS ?? 30_000);
const SEED = Number(process.env.NET_FUZZ_SEED ?? 1);

/** Keeps a copy of every frame it passes on. */
class Recorder extends WrappedLink {
  constructor(
    inner: Link,
    private readonly frames: Uint8Array[],
  ) {
    super(inner);
  }
  override get trusted(): boolean {
    return false;
  }
  override send(packet: Packet): void {
    this.frames.push(packet.bytes.slice(packet.start, packet.end));
    super.send(packet);
  }
}

/** Real frames of all kinds, both directions. */
function corpus(): Uint8Array[] {
  const frames: Uint8Array[] = [];
  const { a, b, ifaceA, ifaceB, host } = lan((link) => new Recorder(link, frames));
  for (const [family, ipB, group] of [
    [AF_INET, '10.0.0.2', '239.1.1.1'],
    [AF_INET6, 'fd00::2', 'ff05::1:3'],
  ] as const) {
    const server = b.udp.open(family);
    server.bind(at(ipB, 7));
    const client = a.udp.open(family);
    client.options.multicastInterface = client.options.multicastInterface6 = ifaceA.index;
    sendText(client, 'hello', at(ipB, 7));
    sendText(client, 'x'.repeat(4000), at(ipB, 7));
    sendText(client, 'nobody', at(ipB, 8));
    server.groups.join(address(group), ifaceB.index, null);
    sendText(client, 'group', at(group, 7));
    server.groups.leave(address(group), ifaceB.index, null);
    const ping = a.ping.open(family);
    sendText(ping, `${family === AF_INET ? '\x08' : '\x80'}\0\0\0\0\0\0\0ping`, at(ipB, 0));
    const listener = b.tcp.open(family);
    listener.bind(at(ipB, 80));
    listener.listen(5);
    const stream = a.tcp.open(family);
    stream.connect(at(ipB, 80));
    sendText(stream, 'GET / '.repeat(1000));
    host.advance(300);
    stream.close();
    host.advance(300);
  }
  return frames;
}

/** A link whose other end is the test. */
class Wire implements Link {
  readonly framing = 'ethernet';
  readonly mtu = 1500;
  readonly mac = Uint8Array.of(2, 0, 0, 0, 0, 2);
  readonly up = true;
  readonly trusted = false;
  receiver: LinkReceiver | null = null;
  sent = 0;
  attach(receiver: LinkReceiver | null): void {
    this.receiver = receiver;
  }
  send(packet: Packet): void {
    this.sent++;
    packet.release();
  }
}

function mutate(frame: Uint8Array, others: Uint8Array[], random: () => number): Uint8Array {
  let bytes = frame.slice();
  for (let n = random() % 4; n >= 0; n--) {
    const i = 12 + (random() % Math.max(bytes.length - 12, 1));
    switch (random() % 7) {
      case 0:
        bytes[i] ^= 1 << (random() % 8);
        break;
      case 1:
        bytes[i] = random();
        break;
      case 2:
        bytes[i] = [0, 1, 0x7f, 0x80, 0xff][random() % 5];
        break;
      case 3:
        bytes = bytes.slice(0, i);
        break;
      case 4: {
        const other = others[random() % others.length];
        bytes = Uint8Array.from([...bytes.subarray(0, i), ...other.subarray(Math.min(i, other.length))]);
        break;
      }
      case 5: {
        const extra = new Uint8Array(random() % 64).map(() => random());
        bytes = Uint8Array.from([...bytes.subarray(0, i), ...extra, ...bytes.subarray(i)]);
        break;
      }
      default:
        // Length fields and the like, as 16 bits.
        bytes[i] = random();
        if (i + 1 < bytes.length) bytes[i + 1] = random();
    }
  }
  if (random() % 2 === 0 && bytes.length > 14) {
    writeChecksums(bytes, (bytes[12] << 8) | bytes[13], 14, bytes.length);
  }
  return bytes;
}

function busyStack(host: VirtualHost, wire: Wire): NetStack {
  const stack = newStack(host, 2);
  const iface = addInterface(stack, 'eth0', wire, '10.0.0.2/24', 'fd00::2/64');
  stack.settings.forwarding4 = stack.settings.forwarding6 = true;
  for (const family of [AF_INET, AF_INET6]) {
    const ip = family === AF_INET ? '10.0.0.2' : 'fd00::2';
    const udp = stack.udp.open(family);
    udp.bind(at(ip, 7));
    udp.options.receiveErrors = udp.options.receiveErrors6 = true;
    const listener = stack.tcp.open(family);
    listener.bind(at(ip, 80));
    listener.listen(50);
    stack.raw.open(family, family === AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6);
    const ping = stack.ping.open(family);
    ping.bind(at(ip, 0));
    const connected = stack.udp.open(family);
    connected.connect(at(family === AF_INET ? '10.0.0.1' : 'fd00::1', 9));
    udp.groups.join(address(family === AF_INET ? '239.1.1.1' : 'ff05::1:3'), iface.index, null);
  }
  stack.packets.open(false, ETH_P_ALL);
  return stack;
}

describe('mutated frames', () => {
  test(`${RUNS} of them, seed ${SEED}`, { timeout: 10_000 + RUNS }, () => {
    const frames = corpus();
    expect(frames.length).toBeGreaterThan(50);
    const host = new VirtualHost(SEED);
    const random = () => host.random32();
    const wire = new Wire();
    const stack = busyStack(host, wire);
    for (let i = 0; i < RUNS; i++) {
      const frame = mutate(frames[random() % frames.length], frames, random);
      try {
        wire.receiver?.receive(packetFrom(frame));
      } catch (error) {
        throw new Error(`run ${i}: ${Buffer.from(frame).toString('hex')}`, { cause: error });
      }
      if (i % 64 === 0) host.advance(random() % 100);
      if (i % 512 === 0)
        for (const endpoint of stack.udp.ports.all()) while (typeof receiveText(endpoint) === 'string');
    }
    expect(stack.ipv4.fragments.used).toBeLessThanOrEqual(stack.settings.fragmentMemory);
    expect([...stack.neighbours.all()].length).toBeLessThanOrEqual(stack.settings.maxNeighbours);
    expect(stack.tcp.shared.counters.InSegs).toBeGreaterThan(0);
    expect(stack.counters.udp.InDatagrams).toBeGreaterThan(0);
    // When it is over, what it left behind ends by itself.
    host.advance(3_600_000);
    expect(stack.ipv4.fragments.used + stack.ipv6.fragments.used).toBe(0);
    expect(stack.tcp.timeWaitCount).toBe(0);
    stack.close();
    expect(stack.timers.size).toBe(0);
  });
});
