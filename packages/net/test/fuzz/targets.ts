/**
 * What is fuzzed: every parser of the package, each fed with mutated specimens of what it reads. Seeded. A
 * target throws when something is wrong; `finish` looks at what has piled up.
 */
import {
  AF_INET,
  AF_INET6,
  ETH_P_ALL,
  ETH_P_ARP,
  ETH_P_IP,
  ETH_P_IPV6,
  IFADDRMSG,
  IFINFOMSG,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_TCP,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTM_NEWROUTE,
  RTMSG,
} from '@sandbox/abi';
import { encode } from 'dns-packet';
import { readAddress, readLink, readRoute } from '../../src/host/facts.js';
import {
  type Link,
  type LinkReceiver,
  NetlinkWriter,
  type NetStack,
  type Packet,
  packetFrom,
  parseAttributes,
  stringOf,
  u32Of,
  VirtualHost,
  WrappedLink,
} from '../../src/index.js';
import { BuiltInNames, DnsForwarder } from '../../src/nat/dns.js';
import { writeChecksums } from '../../src/wire/offload.js';
import { Segment } from '../../src/wire/tcp.js';
import { addInterface, lan, newStack } from '../support/lan.js';
import { address, at, receiveText, sendText } from '../support/net.js';
import { FakeOutside } from '../support/outside.js';

/** A run of one target: `step` feeds it one mutated specimen and returns it. */
export interface FuzzRun {
  step(): Uint8Array | Promise<Uint8Array>;
  /** Throws when something was kept that should not be. */
  finish(): void;
}

export interface FuzzTarget {
  readonly name: string;
  start(seed: number): FuzzRun;
}

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
    client.changeOptions().multicastInterface = client.changeOptions().multicastInterface6 = ifaceA.index;
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

const NOTHING = new Uint8Array(0);

function joined(a: Uint8Array, b: Uint8Array, c: Uint8Array): Uint8Array {
  const all = new Uint8Array(a.length + b.length + c.length);
  all.set(a);
  all.set(b, a.length);
  all.set(c, a.length + b.length);
  return all;
}

/** `bytes` with one to four changes, none before `from`. */
function mutate(
  frame: Uint8Array,
  others: readonly Uint8Array[],
  random: () => number,
  from: number,
): Uint8Array {
  let bytes: Uint8Array = frame.slice();
  for (let n = random() % 4; n >= 0; n--) {
    const i = from + (random() % Math.max(bytes.length - from, 1));
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
        bytes = joined(bytes.subarray(0, i), other.subarray(Math.min(i, other.length)), NOTHING);
        break;
      }
      case 5: {
        const extra = new Uint8Array(random() % 64).map(() => random());
        bytes = joined(bytes.subarray(0, i), extra, bytes.subarray(i));
        break;
      }
      default:
        // Length fields and the like, as 16 bits.
        bytes[i] = random();
        if (i + 1 < bytes.length) bytes[i + 1] = random();
    }
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
    udp.changeOptions().receiveErrors = udp.changeOptions().receiveErrors6 = true;
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

function check(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

function etherTypeOf(frame: Uint8Array): number {
  return (frame[12] << 8) | frame[13];
}

function protocolOf(frame: Uint8Array): number {
  return etherTypeOf(frame) === ETH_P_IP ? frame[23] : etherTypeOf(frame) === ETH_P_IPV6 ? frame[20] : -1;
}

/**
 * Frames into a whole stack with sockets of every kind. `wanted`: the frames mutations begin with; `from`:
 * where they begin, so that what comes before is sound and the parser in question is reached.
 */
function frames(
  name: string,
  wanted: (frame: Uint8Array) => boolean,
  from: (frame: Uint8Array) => number,
): FuzzTarget {
  return {
    name,
    start(seed) {
      const all = corpus();
      const own = all.filter(wanted);
      const host = new VirtualHost(seed);
      const random = () => host.random32();
      const wire = new Wire();
      const stack = busyStack(host, wire);
      let steps = 0;
      return {
        step() {
          const original = own[random() % own.length];
          const frame = mutate(original, all, random, from(original));
          if (random() % 4 !== 0 && frame.length > 14)
            writeChecksums(frame, etherTypeOf(frame), 14, frame.length);
          wire.receiver?.receive(packetFrom(frame));
          if (++steps % 64 === 0) host.advance(random() % 100);
          if (steps % 512 === 0)
            for (const endpoint of stack.udp.ports.all()) while (typeof receiveText(endpoint) === 'string');
          return frame;
        },
        finish() {
          const { fragmentMemory, maxNeighbours } = stack.settings;
          check(stack.ipv4.fragments.used + stack.ipv6.fragments.used <= 2 * fragmentMemory, 'fragments');
          check([...stack.neighbours.all()].length <= maxNeighbours, 'neighbours');
          check(wire.sent > 0, 'nothing was answered');
          // When it is over, what it left behind ends by itself.
          host.advance(3_600_000);
          check(stack.ipv4.fragments.used + stack.ipv6.fragments.used === 0, 'fragments stay');
          check(stack.tcp.timeWaitCount === 0, 'TIME_WAIT stays');
          stack.close();
          check(stack.timers.size === 0, 'timers stay');
        },
      };
    },
  };
}

/** Options of any kind behind a sound TCP header. */
const tcpOptions: FuzzTarget = {
  name: 'TCP options',
  start(seed) {
    const host = new VirtualHost(seed);
    const random = () => host.random32();
    const segment = new Segment();
    const bytes = new Uint8Array(1500);
    const known = [0, 1, 2, 3, 4, 5, 8, 19, 28, 30, 34];
    return {
      step() {
        const header = 20 + 4 * (random() % 11);
        for (let i = 0; i < header; i++) bytes[i] = random();
        bytes[12] = (header << 2) | (random() & 15);
        for (let i = 20; i < header; ) {
          bytes[i] = random() % 8 === 0 ? random() : known[random() % known.length];
          const length = random() % 4 === 0 ? random() % 256 : 2 + (random() % 10);
          if (i + 1 < header) bytes[i + 1] = length;
          i += Math.max(1, random() % 12);
        }
        const end = random() % 8 === 0 ? random() % (header + 1) : header + (random() % 100);
        if (segment.parse(bytes, 0, end)) {
          check(
            segment.dataStart >= 20 && segment.dataStart <= segment.dataEnd,
            'payload outside of the segment',
          );
          check(segment.dataEnd <= end && segment.windowScale <= 14, 'a field out of range');
          check(segment.sackCount >= 0 && segment.sackCount <= 4, 'too many blocks');
        }
        return bytes.subarray(0, end);
      },
      finish() {},
    };
  },
};

const dns: FuzzTarget = {
  name: 'DNS',
  start(seed) {
    const outside = new FakeOutside();
    outside.names.set('www.a', [{ ttl: 60, data: '192.0.2.1' }]);
    const rules = { allowsName: () => true, pin: () => true };
    const forwarder = new DnsForwarder(new BuiltInNames(), rules, outside, () => {});
    const host = new VirtualHost(seed);
    const random = () => host.random32();
    const questions = ['A', 'AAAA', 'PTR', 'MX', 'TXT', 'SRV', 'ANY'] as const;
    const specimens = questions.map((type) =>
      Uint8Array.from(
        encode({
          type: 'query',
          id: 77,
          flags: 256,
          questions: [{ type: type as 'A', name: 'www.a' }],
          additionals: [{ type: 'OPT', name: '.', udpPayloadSize: 1232, flags: 0, options: [] } as never],
        }),
      ),
    );
    return {
      async step() {
        const bytes = mutate(specimens[random() % specimens.length], specimens, random, 0);
        const answer = await forwarder.answer(bytes, random() % 4 === 0);
        check(answer === null || answer.length >= 12, 'an answer without a header');
        outside.asked.length = 0;
        return bytes;
      },
      finish() {},
    };
  },
};

/** Messages and attributes of rtnetlink(7), as the host's tables are read. */
const netlink: FuzzTarget = {
  name: 'netlink',
  start(seed) {
    const host = new VirtualHost(seed);
    const random = () => host.random32();
    const w = new NetlinkWriter();
    const specimen = (type: number, header: number, fill: () => void): Uint8Array => {
      w.reset().begin(type, 0, 1, 1);
      const at = w.header(header);
      w.set8(at, random() % 2 === 0 ? AF_INET : AF_INET6);
      fill();
      w.finish();
      return w.take().slice(16);
    };
    const fill = (): void => {
      for (let type = 1; type < 12; type++)
        w.data(type, new Uint8Array([4, 4, 16, 16, 6][type % 5]).fill(type));
      const nest = w.nest(18);
      w.string(1, 'veth');
      w.endNest(nest);
    };
    const specimens = [
      specimen(RTM_NEWLINK, IFINFOMSG.SIZE, fill),
      specimen(RTM_NEWADDR, IFADDRMSG.SIZE, fill),
      specimen(RTM_NEWROUTE, RTMSG.SIZE, fill),
    ];
    return {
      step() {
        const bytes = mutate(specimens[random() % specimens.length], specimens, random, 0);
        readLink(bytes);
        const found = readAddress(bytes);
        check(found === null || found.prefixLength <= found.address.bits, 'a prefix that is too long');
        readRoute(bytes);
        const attributes = parseAttributes(bytes, random() % 24);
        for (const [type, value] of attributes) {
          check(value.length <= bytes.length, 'an attribute longer than the message');
          stringOf(attributes, type);
          u32Of(attributes, type);
        }
        return bytes;
      },
      finish() {},
    };
  },
};

const isIcmp = (frame: Uint8Array): boolean => [IPPROTO_ICMP, IPPROTO_ICMPV6].includes(protocolOf(frame));
/** Where the transport header of a frame without options is. */
const transport = (frame: Uint8Array): number => (etherTypeOf(frame) === ETH_P_IP ? 34 : 54);

export const targets: readonly FuzzTarget[] = [
  frames(
    'Ethernet',
    () => true,
    () => 0,
  ),
  frames(
    'ARP',
    (frame) => etherTypeOf(frame) === ETH_P_ARP,
    () => 14,
  ),
  frames(
    'IPv4',
    (frame) => etherTypeOf(frame) === ETH_P_IP,
    () => 14,
  ),
  frames(
    'IPv6',
    (frame) => etherTypeOf(frame) === ETH_P_IPV6,
    () => 14,
  ),
  frames('ICMP and ICMPv6', isIcmp, transport),
  frames('TCP', (frame) => protocolOf(frame) === IPPROTO_TCP, transport),
  tcpOptions,
  dns,
  netlink,
];
