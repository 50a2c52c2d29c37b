/** The stack in the place of the host's own network, in a network namespace. Needs root; skipped without. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { AF_INET, AF_INET6, ECONNREFUSED } from '@sandbox/abi';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BytesSink, BytesSource } from '../../src/core/bytes.js';
import { connect, joinHostNetwork, NetStack, RealHost, StackServer } from '../../src/index.js';
import { ReceiveRequest, SendRequest } from '../../src/socket/request.js';
import { at } from '../support/net.js';
import { CLIENT, ECHO, ip, needPing, output, python } from '../support/netns.js';

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
    needPing();
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
const POLL = { timeout: 30_000 };

function ping(...args: string[]): Promise<string> {
  return output(
    spawn('ip', ['netns', 'exec', PEER, 'ping', ...args], { stdio: ['ignore', 'pipe', 'inherit'] }),
  );
}
/** The neighbour asks until there is an answer. */
const answers = (address = '10.9.0.2'): Promise<string> => ping('-c', '1', '-w', '30', address);
const HEARD = ' 1 received';
const silence = (): Promise<string> => ping('-c', '1', '-W', '1', '10.9.0.2');
const UNHEARD = ' 0 received';

describe.skipIf(reason !== null)(
  `in a namespace of the host's${reason === null ? '' : `: ${reason}`}`,
  () => {
    beforeEach(setUp);
    afterEach(tearDown);

    const configuration = (): string =>
      ['addr', 'route', '-6 route'].map((what) => ip('-n', NS, ...what.split(' '), 'show')).join('');

    test('addresses and routes are taken over, and the host hears nothing meanwhile', async () => {
      const before = configuration();
      const network = joinHostNetwork({ path: `/run/netns/${NS}` });
      // Nobody answers in the place of the stack, which is not there yet.
      expect(await silence()).toContain(UNHEARD);
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
      // The kernel finds out in its own time whether its link-local address is its alone.
      const settled = (text: string): string => text.replaceAll(/tentative /g, '');
      expect(settled(configuration())).toBe(settled(before));
      expect(await answers()).toContain(HEARD);
    });

    test('the host hears again when the process has gone', { timeout: 60_000 }, async () => {
      const script = `
import { joinHostNetwork } from '${import.meta.resolve('../../src/index.ts')}';
joinHostNetwork({ path: '/run/netns/${NS}' });
console.log('joined');
`;
      const args = ['--import', 'tsx', '--input-type=module', '-e', script];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      const ended = once(child, 'close');
      await once(child.stdout, 'data');
      expect(await silence()).toContain(UNHEARD);
      child.kill('SIGKILL');
      await ended;
      expect(await answers()).toContain(HEARD);
    });

    test('what comes later is taken over, and what goes is let go of', { timeout: 60_000 }, async () => {
      const network = joinHostNetwork({ path: `/run/netns/${NS}` });
      const stack = new NetStack(new RealHost());
      network.attachTo(stack);
      const shown = (name: string): string[] | undefined =>
        stack.interfaceByName(name)?.addresses.map((a) => `${a.address}/${a.prefixLength}`);
      const routes = (): string[] =>
        [...stack.routes4.all()]
          .filter((r) => r.gateway !== null)
          .map((r) => `${r.destination} ${r.gateway}`);
      ip('link', 'add', 'late', 'netns', NS, 'type', 'veth', 'peer', 'name', 'w', 'netns', PEER);
      ip('-n', NS, 'link', 'set', 'late', 'name', 'eth1');
      ip('-n', NS, 'addr', 'add', '10.8.0.2/24', 'dev', 'eth1');
      ip('-n', PEER, 'addr', 'add', '10.8.0.1/24', 'dev', 'w');
      ip('-n', PEER, 'link', 'set', 'w', 'up');
      expect(shown('eth1')).toBe(undefined);
      ip('-n', NS, 'link', 'set', 'eth1', 'up');
      ip('-n', NS, 'route', 'add', '198.51.100.0/24', 'via', '10.8.0.1');
      await expect.poll(() => shown('eth1'), POLL).toContain('10.8.0.2/24');
      await expect.poll(routes, POLL).toContain('198.51.100.0 10.8.0.1');
      expect(await answers('10.8.0.2')).toContain(HEARD);

      ip('-n', NS, 'addr', 'add', '10.8.0.3/24', 'dev', 'eth1');
      ip('-n', NS, 'link', 'set', 'eth1', 'mtu', '1280');
      ip('-n', NS, 'route', 'del', '198.51.100.0/24');
      await expect.poll(() => shown('eth1'), POLL).toContain('10.8.0.3/24');
      await expect.poll(routes, POLL).not.toContain('198.51.100.0 10.8.0.1');
      await expect.poll(() => stack.interfaceByName('eth1')?.mtu, POLL).toBe(1280);
      ip('-n', NS, 'addr', 'del', '10.8.0.3/24', 'dev', 'eth1');
      await expect.poll(() => shown('eth1'), POLL).not.toContain('10.8.0.3/24');
      ip('-n', NS, 'link', 'set', 'eth1', 'down');
      await expect.poll(() => stack.interfaceByName('eth1')?.adminUp, POLL).toBe(false);
      ip('-n', NS, 'link', 'set', 'eth1', 'up');
      await expect.poll(() => stack.interfaceByName('eth1')?.adminUp, POLL).toBe(true);
      expect(await answers('10.8.0.2')).toContain(HEARD);
      ip('-n', PEER, 'link', 'del', 'w');
      await expect.poll(() => shown('eth1'), POLL).toBe(undefined);
      expect(await answers()).toContain(HEARD);
      stack.close();
      network.close();
    });

    test('loopback of the stack leads to who listens in the namespace', { timeout: 60_000 }, async () => {
      ip('-n', NS, 'link', 'set', 'lo', 'up');
      const network = joinHostNetwork({ path: `/run/netns/${NS}` });
      const stack = new NetStack(new RealHost());
      stack.setInterface(stack.loopback, { up: true });
      network.attachTo(stack);
      const child = python(
        NS,
        `
import socket
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind(('127.0.0.11', 53))
t = socket.create_server(('127.0.0.11', 53))
print('ready', flush=True)
for i in range(2):
    data, peer = u.recvfrom(100)
    u.sendto(data.upper(), peer)
c = t.accept()[0]
c.sendall(c.recv(100).upper())
c.close()
`,
      );
      await once(child.stdout!, 'data');
      const nobody = stack.udp.open(AF_INET);
      nobody.connect(at('127.0.0.11', 54));
      nobody.send(new SendRequest().reset(new BytesSource(Buffer.from('hello'))));
      expect(nobody.receive(new ReceiveRequest().reset(new BytesSink(new Uint8Array(9))))).toBe(
        -ECONNREFUSED,
      );
      const endpoint = stack.udp.open(AF_INET);
      endpoint.connect(at('127.0.0.11', 53));
      for (const word of ['hello', 'there']) {
        endpoint.send(new SendRequest().reset(new BytesSource(Buffer.from(word))));
        const answer = Buffer.alloc(100);
        const receive = (): string => {
          const n = endpoint.receive(new ReceiveRequest().reset(new BytesSink(answer)));
          return answer.toString('latin1', 0, Math.max(n, 0));
        };
        await expect.poll(receive, POLL).toBe(word.toUpperCase());
      }
      const parts: Buffer[] = [];
      const socket = connect(stack, at('127.0.0.11', 53));
      socket.end('over tcp');
      for await (const part of socket) parts.push(part as Buffer);
      expect(String(Buffer.concat(parts))).toBe('OVER TCP');
      const [refused] = await once(connect(stack, at('127.0.0.11', 54)), 'error');
      expect(refused).toMatchObject({ code: 'ECONNREFUSED' });
      expect([...stack.tcp.allListeners()]).toEqual([]);
      stack.close();
      network.close();
    });

    test('the host and the stack both ask a name server, which hears of no error', {
      timeout: 60_000,
    }, async () => {
      const network = joinHostNetwork({ path: `/run/netns/${NS}` });
      const stack = new NetStack(new RealHost());
      network.attachTo(stack);
      const server = python(
        PEER,
        `
import socket, select
s = [socket.socket(f, socket.SOCK_DGRAM) for f in (socket.AF_INET, socket.AF_INET6)]
s[1].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
s[0].bind(('0.0.0.0', 53))
s[1].bind(('::', 53))
icmp = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
print('ready', flush=True)
n = 0
while n < 4:
    for ready in select.select(s + [icmp], [], [])[0]:
        if ready is icmp:
            print('error', icmp.recv(100)[20:22], flush=True)
        else:
            data, peer = ready.recvfrom(100)
            ready.sendto(data.upper(), peer)
            n += 1
while select.select([icmp], [], [], 0.2)[0]:
    print('error', icmp.recv(100)[20:22], flush=True)
`,
      );
      const ended = output(server);
      await once(server.stdout!, 'data');
      const ask = `
import socket
for family, address in ((socket.AF_INET, '10.9.0.1'), (socket.AF_INET6, 'fd09::1')):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.settimeout(20)
    s.sendto(b'host', (address, 53))
    print(s.recv(100).decode())
`;
      expect(await output(python(NS, ask))).toBe('HOST\nHOST\n');
      for (const address of ['10.9.0.1', 'fd09::1']) {
        const endpoint = stack.udp.open(address === '10.9.0.1' ? AF_INET : AF_INET6);
        endpoint.connect(at(address, 53));
        endpoint.send(new SendRequest().reset(new BytesSource(Buffer.from('stack'))));
        const answer = Buffer.alloc(100);
        const receive = (): string => {
          const n = endpoint.receive(new ReceiveRequest().reset(new BytesSink(answer)));
          return answer.toString('latin1', 0, Math.max(n, 0));
        };
        await expect.poll(receive, POLL).toBe('STACK');
      }
      expect(await ended).not.toContain('error');
      stack.close();
      network.close();
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
      expect(await ping('-c', '2', '-i', '0.2', '-s', '3000', '10.9.0.2')).toContain('2 received');

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
