import {
  AF_INET,
  AF_INET6,
  EAGAIN,
  ECONNREFUSED,
  EHOSTUNREACH,
  EINPROGRESS,
  EMSGSIZE,
  ENETUNREACH,
  IP_PMTUDISC_DO,
  NUD_FAILED,
  NUD_REACHABLE,
  NUD_STALE,
} from '@sandbox/abi';
import { describe, expect, test } from 'vitest';
import {
  makeRoute,
  NetStack,
  type Packet,
  ReceiveRequest,
  type TcpEndpoint,
  VirtualHost,
  VirtualSwitch,
  WrappedLink,
} from '../../src/index.js';
import { addInterface, lan, newStack } from '../support/lan.js';
import { address, at, receiveText, sendText } from '../support/net.js';

/** Makes a stack compute and look at checksums, as over a real wire. */
class WireLink extends WrappedLink {
  override get trusted(): boolean {
    return false;
  }
  override receive(packet: Packet): void {
    packet.trusted = false;
    super.receive(packet);
  }
}

for (const [name, wrap] of [
  ['trusted', undefined],
  ['with checksums', (link: ConstructorParameters<typeof WireLink>[0]) => new WireLink(link)],
] as const) {
  describe(`two hosts on a switch, ${name}`, () => {
    for (const [family, ipA, ipB] of [
      [AF_INET, '10.0.0.1', '10.0.0.2'],
      [AF_INET6, 'fd00::1', 'fd00::2'],
    ] as const) {
      test(`UDP to ${ipB}: the neighbour is found, large datagrams travel in pieces`, () => {
        const { a, b, ifaceA } = lan(wrap);
        const server = b.udp.open(family);
        server.bind(at(ipB, 7));
        const client = a.udp.open(family);
        const text = Array.from({ length: 20_000 }, (_, i) => String.fromCharCode(i % 256)).join('');
        expect(sendText(client, 'hi', at(ipB, 7))).toBe(2);
        const request = new ReceiveRequest();
        expect(receiveText(server, request)).toBe('hi');
        expect(request.from.address.toString()).toBe(ipA);
        expect(a.neighbours.find(ifaceA, address(ipB))?.state).toBe(NUD_REACHABLE);
        expect(sendText(client, text, at(ipB, 7))).toBe(20_000);
        expect(receiveText(server)).toBe(text);
        expect(b.ipv4.fragments.count + b.ipv6.fragments.count).toBe(0);
        expect(sendText(server, 'back', at(ipA, client.local.port))).toBe(4);
        expect(receiveText(client)).toBe('back');
      });

      test(`TCP to ${ipB}`, () => {
        const { a, b, host } = lan(wrap);
        const listener = b.tcp.open(family);
        listener.bind(at(ipB, 80));
        listener.listen(5);
        const client = a.tcp.open(family);
        expect(client.connect(at(ipB, 80))).toBe(-EINPROGRESS);
        expect(client.connect(at(ipB, 80))).toBe(0);
        const server = listener.accept() as TcpEndpoint;
        const text = 'x'.repeat(10_000);
        expect(sendText(client, text)).toBe(10_000);
        host.advance(1000);
        expect(receiveText(server)).toBe(text);
        const refused = a.tcp.open(family);
        expect(refused.connect(at(ipB, 81))).toBe(-EINPROGRESS);
        expect(refused.connect(at(ipB, 81))).toBe(-ECONNREFUSED);
      });

      test(`a closed port at ${ipB}`, () => {
        const { a } = lan(wrap);
        const client = a.udp.open(family);
        client.connect(at(ipB, 9));
        expect(sendText(client, 'x')).toBe(1);
        expect(receiveText(client)).toBe(-ECONNREFUSED);
      });
    }

    test('ping', () => {
      const { a } = lan(wrap);
      const echo = Buffer.from([8, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3]).toString('latin1');
      const ping = a.ping.open(AF_INET);
      expect(sendText(ping, echo, at('10.0.0.2', 0))).toBe(11);
      const answer = Buffer.from(receiveText(ping) as string, 'latin1');
      expect(answer[0]).toBe(0);
      expect(answer.readUInt16BE(4)).toBe(ping.local.port);
      expect([...answer.subarray(6)]).toEqual([0, 1, 1, 2, 3]);
      const six = a.ping.open(AF_INET6);
      const echo6 = Buffer.from([128, 0, 0, 0, 0, 0, 0, 1, 9]).toString('latin1');
      expect(sendText(six, echo6, at('fd00::2', 0))).toBe(9);
      expect(Buffer.from(receiveText(six) as string, 'latin1')[0]).toBe(129);
    });
  });
}

describe('neighbours', () => {
  test('nobody answers: three questions, then EHOSTUNREACH', () => {
    const { a, host, ifaceA } = lan();
    const client = a.udp.open(AF_INET);
    client.connect(at('10.0.0.9', 9));
    client.changeOptions().receiveErrors = true;
    expect(sendText(client, 'x')).toBe(1);
    host.advance(2900);
    expect(receiveText(client)).toBe(-EAGAIN);
    host.advance(200);
    expect(receiveText(client)).toBe(-EHOSTUNREACH);
    expect(a.neighbours.find(ifaceA, address('10.0.0.9'))?.state).toBe(NUD_FAILED);
  });

  test('reachable turns stale, and is confirmed again when used', () => {
    const { a, b, host, ifaceA } = lan();
    const server = b.udp.open(AF_INET);
    server.bind(at('10.0.0.2', 7));
    const client = a.udp.open(AF_INET);
    sendText(client, 'x', at('10.0.0.2', 7));
    const entry = a.neighbours.find(ifaceA, address('10.0.0.2'))!;
    host.advance(31_000);
    expect(entry.currentState(host.now())).toBe(NUD_STALE);
    sendText(client, 'x', at('10.0.0.2', 7));
    host.advance(5100);
    expect(entry.currentState(host.now())).toBe(NUD_REACHABLE);
  });
});

describe('routing', () => {
  /** a (10.0.0.1) - router (10.0.0.254, 10.0.1.254, narrow) - b (10.0.1.1) */
  function routed(mtu = 1500) {
    const host = new VirtualHost(3);
    const left = new VirtualSwitch();
    const right = new VirtualSwitch(mtu);
    const a = newStack(host, 1);
    const router = newStack(host, 2);
    const b = newStack(host, 3);
    const ia = addInterface(a, 'eth0', left.port(), '10.0.0.1/24', 'fd00::1/64');
    addInterface(router, 'eth0', left.port(), '10.0.0.254/24', 'fd00::fe/64');
    addInterface(router, 'eth1', right.port(), '10.0.1.254/24', 'fd01::fe/64');
    const ib = addInterface(b, 'eth0', right.port(), '10.0.1.1/24', 'fd01::1/64');
    router.settings.forwarding4 = router.settings.forwarding6 = true;
    const via = (stack: NetStack, any: string, gateway: string, ifindex: number) =>
      stack
        .routesFor(address(any))
        .add(makeRoute({ destination: address(any), prefixLength: 0, gateway: address(gateway), ifindex }));
    via(a, '0.0.0.0', '10.0.0.254', ia.index);
    via(a, '::', 'fd00::fe', ia.index);
    via(b, '0.0.0.0', '10.0.1.254', ib.index);
    via(b, '::', 'fd01::fe', ib.index);
    return { host, a, b, router };
  }

  for (const [family, ipB] of [
    [AF_INET, '10.0.1.1'],
    [AF_INET6, 'fd01::1'],
  ] as const) {
    test(`through a router to ${ipB}, the path narrower than it looks`, () => {
      const { a, b, host } = routed(1400);
      const server = b.udp.open(family);
      server.bind(at(ipB, 7));
      const client = a.udp.open(family);
      client.connect(at(ipB, 7));
      if (family === AF_INET) client.changeOptions().mtuDiscover = IP_PMTUDISC_DO;
      const big = 'y'.repeat(1440);
      // The first is lost and teaches the path's MTU; then it is known here.
      expect(sendText(client, big)).toBe(1440);
      expect(receiveText(server)).toBe(-EAGAIN);
      expect(a.pathMtu.get(address(ipB), host.now())).toBe(1400);
      if (family === AF_INET) {
        expect(receiveText(client)).toBe(-EMSGSIZE);
        expect(sendText(client, big)).toBe(-EMSGSIZE);
      } else {
        expect(sendText(client, big)).toBe(1440);
        expect(receiveText(server)).toBe(big);
      }
      // TCP adapts.
      const listener = b.tcp.open(family);
      listener.bind(at(ipB, 80));
      listener.listen(1);
      const stream = a.tcp.open(family);
      stream.connect(at(ipB, 80));
      expect(stream.connect(at(ipB, 80))).toBe(0);
      const peer = listener.accept() as TcpEndpoint;
      sendText(stream, big.repeat(5));
      host.advance(5000);
      expect(receiveText(peer)).toBe(big.repeat(5));
    });
  }

  test('no route, and hops that run out', () => {
    const { a, host } = routed();
    const lone = new NetStack(new VirtualHost(5));
    expect(lone.udp.open(AF_INET).connect(at('10.0.0.1', 1))).toBe(-ENETUNREACH);
    const client = a.udp.open(AF_INET);
    client.changeOptions().ttl = 1;
    client.changeOptions().receiveErrors = true;
    client.connect(at('10.0.1.1', 33434));
    sendText(client, 'x');
    host.advance(10);
    const request = new ReceiveRequest();
    expect(receiveText(client, request, 100, 0x2000)).toBe('x');
    expect(request.error).toMatchObject({ errno: EHOSTUNREACH, type: 11, code: 0 });
    expect(request.error?.offender?.toString()).toBe('10.0.0.254');
  });
});

describe('groups', () => {
  test.each([
    [AF_INET, '239.1.2.3', '0.0.0.0'],
    [AF_INET6, 'ff05::1:3', '::'],
  ])('members hear, others do not; own copies come back (family %i)', (family, group, any) => {
    const { a, b, ifaceA, ifaceB } = lan();
    const member = b.udp.open(family);
    member.bind(at(any, 5353));
    const client = a.udp.open(family);
    client.changeOptions().multicastInterface = client.changeOptions().multicastInterface6 = ifaceA.index;
    expect(sendText(client, 'early', at(group, 5353))).toBe(5);
    expect(receiveText(member)).toBe(-EAGAIN);
    expect(member.groups.join(address(group), ifaceB.index, null)).toBe(0);
    const own = a.udp.open(family);
    own.bind(at(any, 5353));
    own.groups.join(address(group), ifaceA.index, null);
    sendText(client, 'now', at(group, 5353));
    expect(receiveText(member)).toBe('now');
    expect(receiveText(own)).toBe('now');
    client.changeOptions().multicastLoop = client.changeOptions().multicastLoop6 = false;
    sendText(client, 'quiet', at(group, 5353));
    expect(receiveText(own)).toBe(-EAGAIN);
    expect(receiveText(member)).toBe('quiet');
    member.groups.leave(address(group), ifaceB.index, null);
    sendText(client, 'late', at(group, 5353));
    expect(receiveText(member)).toBe(-EAGAIN);
  });

  test('broadcast needs leave', () => {
    const { a, b } = lan();
    const server = b.udp.open(AF_INET);
    server.bind(at('0.0.0.0', 67));
    const client = a.udp.open(AF_INET);
    expect(sendText(client, 'x', at('10.0.0.255', 67))).toBe(-13);
    client.changeOptions().broadcast = true;
    expect(sendText(client, 'x', at('10.0.0.255', 67))).toBe(1);
    expect(receiveText(server)).toBe('x');
  });
});
