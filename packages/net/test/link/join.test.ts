/** The stack in the place of the host's own network, in a network namespace. Needs root; skipped without. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connect, joinHostNetwork, NetStack, RealHost, StackServer } from '../../src/index.js';
import { at } from '../support/net.js';
import { CLIENT, ECHO, ip, output, python } from '../support/netns.js';

const NS = `netjoin${process.pid}`;
const PEER = `netpeer${process.pid}`;

function setUp(): void {
  ip('netns', 'add', NS);
  ip('netns', 'add', PEER);
  ip('link', 'add', 'eth0', 'netns', NS, 'mtu', '1400', 'type', 'veth', 'peer', 'name', 'v', 'netns', PEER);
  for (const [ns, device, n] of [
    [NS, 'eth0', 2],
    [PEER, 'v', 1],
  ] as const) {
    ip('-n', ns, 'addr', 'add', `10.9.0.${n}/24`, 'broadcast', '10.9.0.255', 'dev', device);
    ip('-n', ns, 'addr', 'add', `fd09::${n}/64`, 'dev', device, 'nodad');
    ip('-n', ns, 'link', 'set', device, 'mtu', '1400', 'up');
  }
  ip('-n', NS, 'route', 'add', 'default', 'via', '10.9.0.1');
  ip('-n', NS, 'route', 'add', '192.0.2.0/24', 'via', '10.9.0.1', 'metric', '7', 'mtu', '1300');
  ip('-n', NS, '-6', 'route', 'add', 'default', 'via', 'fd09::1');
}

function tearDown(): void {
  for (const ns of [NS, PEER]) {
    try {
      ip('netns', 'del', ns);
    } catch {
      // There was none.
    }
  }
}

function whyNot(): string | null {
  try {
    setUp();
    joinHostNetwork({ path: `/run/netns/${NS}` }).close();
    return null;
  } catch (error) {
    return String(error);
  } finally {
    tearDown();
  }
}

const reason = whyNot();

describe.skipIf(reason !== null)(
  `in a namespace of the host's${reason === null ? '' : `: ${reason}`}`,
  () => {
    beforeEach(setUp);
    afterEach(tearDown);

    const configuration = (): string =>
      ['addr', 'route', '-6 route'].map((what) => ip('-n', NS, ...what.split(' '), 'show')).join('');

    test('addresses and routes are taken over, and given back', () => {
      const before = configuration();
      const network = joinHostNetwork({ path: `/run/netns/${NS}` });
      expect(ip('-n', NS, 'addr', 'show', 'dev', 'eth0')).not.toContain('inet');
      const stack = new NetStack(new RealHost());
      expect(network.attachTo(stack)).toBe(0);
      const iface = stack.interfaceByName('eth0')!;
      expect([iface.mtu, iface.running]).toEqual([1400, true]);
      const addresses = iface.addresses.map((a) => `${a.address}/${a.prefixLength}`);
      expect(addresses).toContain('10.9.0.2/24');
      expect(addresses).toContain('fd09::2/64');
      const routes = [...stack.routes4.all(), ...stack.routes6.all()]
        .filter((r) => r.gateway !== null)
        .map((r) => `${r.destination}/${r.prefixLength} via ${r.gateway} metric ${r.metric} mtu ${r.mtu}`);
      expect(routes).toEqual([
        '192.0.2.0/24 via 10.9.0.1 metric 7 mtu 1300',
        '0.0.0.0/0 via 10.9.0.1 metric 0 mtu 0',
        '::/0 via fd09::1 metric 1024 mtu 0',
      ]);
      stack.close();
      network.close();
      // Lifetimes and order are the kernel's own.
      const words = (text: string): string[] => text.split(/\s+/).sort();
      expect(words(configuration())).toEqual(words(before));
    });

    test('there is no such namespace', () => {
      expect(() => joinHostNetwork({ path: `/run/netns/${NS}-not` })).toThrow(
        expect.objectContaining({ code: 'ENOENT' }),
      );
    });

    test('its neighbours ping us, and both ends are clients and servers', { timeout: 60_000 }, async () => {
      const network = joinHostNetwork({ path: `/run/netns/${NS}` });
      const stack = new NetStack(new RealHost());
      network.attachTo(stack);
      const ping = ['netns', 'exec', PEER, 'ping', '-c', '2', '-i', '0.2', '-s', '3000', '10.9.0.2'];
      const pinged = output(spawn('ip', ping, { stdio: ['ignore', 'pipe', 'inherit'] }));
      expect(await pinged).toContain('2 received');

      const servers = ['10.9.0.2', 'fd09::2'].map((address) => new StackServer(stack, at(address, 80)));
      for (const server of servers) server.on('connection', (socket) => socket.pipe(socket));
      expect(await output(python(PEER, CLIENT))).toBe('10.9.0.2 True\nfd09::2 True\n');
      for (const server of servers) server.close(true);

      const child = python(PEER, ECHO);
      const ended = once(child, 'close');
      await once(child.stdout!, 'data');
      const data = Buffer.alloc(2_000_000, 'the quick brown fox ');
      for (const address of ['10.9.0.1', 'fd09::1']) {
        const parts: Buffer[] = [];
        const socket = connect(stack, at(address, 8000));
        socket.end(data);
        for await (const part of socket) parts.push(part as Buffer);
        expect(Buffer.concat(parts).equals(data)).toBe(true);
      }
      await ended;
      stack.close();
      network.close();
    });

    test('its own loopback leads to who listens in the stack', { timeout: 60_000 }, async () => {
      ip('-n', NS, 'link', 'set', 'lo', 'up');
      const network = joinHostNetwork({ path: `/run/netns/${NS}` });
      const stack = new NetStack(new RealHost());
      stack.setInterface(stack.loopback, { up: true });
      const early = new StackServer(stack, at('127.0.0.1', 81));
      network.attachTo(stack);
      const servers = [
        early,
        new StackServer(stack, at('0.0.0.0', 82)),
        new StackServer(stack, at('10.9.0.2', 83)),
      ];
      for (const server of servers) server.on('connection', (socket) => socket.pipe(socket));
      const ask = `
import socket
for port in (81, 82, 83):
    try:
        s = socket.create_connection(('127.0.0.1', port), 30)
        s.sendall(b'hello')
        s.shutdown(socket.SHUT_WR)
        print(port, s.makefile().read())
    except ConnectionRefusedError:
        print(port, 'refused')
`;
      expect(await output(python(NS, ask))).toBe('81 hello\n82 hello\n83 refused\n');
      for (const server of servers) server.close(true);
      expect(await output(python(NS, ask))).toBe('81 refused\n82 refused\n83 refused\n');
      stack.close();
      network.close();
    });
  },
);
