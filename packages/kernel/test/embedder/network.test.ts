import { once } from 'node:events';
import { createServer } from 'node:http';
import { createConnection } from 'node:net';
import { Duplex, PassThrough } from 'node:stream';
import { InvalidOptionError, type Kernel } from '@sandbox/kernel';
import { type NatBackend, VirtualSwitch } from '@sandbox/net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeKernel } from './support.js';

const ECHO = `
import socket, sys
s = socket.create_server(('127.0.0.1', int(sys.argv[1])))
print('up', flush=True)
while True:
    c, _ = s.accept()
    while d := c.recv(65536): c.sendall(d)
    c.close()
`;

/** An echo server in the guest, listening. */
async function echoServer(kernel: Kernel, port: number) {
  const server = kernel.spawn('/usr/bin/python3', ['-c', ECHO, String(port)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  await once(server.stdout!, 'data');
  return server;
}

async function text(stream: AsyncIterable<Buffer>): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts).toString();
}

describe('kernel.net', () => {
  let kernel: Kernel;
  beforeAll(async () => {
    kernel = await makeKernel();
  });
  afterAll(() => kernel.dispose());

  it('connects to a server of the guest, both ends at once', async () => {
    const server = await echoServer(kernel, 4000);
    const socket = await kernel.net.connect(4000);
    expect(socket.remotePort).toBe(4000);
    const data = 'x'.repeat(1_000_000);
    socket.end(data);
    expect(await text(socket)).toBe(data);
    server.kill('SIGKILL');
    await server.exited;
  });

  it('says why a connection cannot be made', async () => {
    await expect(kernel.net.connect(1)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await expect(kernel.net.connect({ host: '10.9.8.7', port: 1 })).rejects.toMatchObject({
      code: 'ENETUNREACH',
    });
    await expect(kernel.net.connect(70000)).rejects.toThrow(InvalidOptionError);
    await expect(kernel.net.connect({ host: 'no address', port: 1 })).rejects.toThrow(InvalidOptionError);
  });

  it('serves node:http inside, where only the guest can reach it', async () => {
    const http = createServer((request, response) => response.end(`you asked for ${request.url}`));
    const server = await kernel.net.serve({ host: '127.0.0.1', port: 0 }, http);
    const { port } = server.address();
    const script = `import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:${port}/a').read().decode())`;
    expect((await kernel.run('/usr/bin/python3', ['-c', script])).stdout).toBe('you asked for /a\n');
    const outside = createConnection({ host: '127.0.0.1', port });
    await expect(once(outside, 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await expect(kernel.net.listen(port)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    server.close();
  });

  it('publishes a port on the host', async () => {
    const server = await echoServer(kernel, 4001);
    const port = await kernel.net.publish({ guest: 4001 });
    expect(port.address).toBe('127.0.0.1');
    const socket = createConnection({ host: '127.0.0.1', port: port.port, allowHalfOpen: true });
    socket.end('through the host');
    expect(await text(socket)).toBe('through the host');
    await port.close();
    const late = createConnection({ host: '127.0.0.1', port: port.port });
    await expect(once(late, 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    server.kill('SIGKILL');
    await server.exited;
  });
});

describe('hostile clients', () => {
  const VICTIM = `
import random, socket, struct, threading
quiet = socket.socket(); quiet.bind(('127.0.0.1', 4010)); quiet.listen(512)
def serve(port):
    s = socket.create_server(('127.0.0.1', port))
    while True:
        c, _ = s.accept()
        while d := c.recv(65536): c.sendall(d)
        c.close()
threading.Thread(target=serve, args=(4011,), daemon=True).start()
# SYNs from addresses that nobody answers at, to both.
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
def checksum(data):
    s = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    while s >> 16: s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff
to = socket.inet_aton('127.0.0.1')
for i in range(3000):
    source = socket.inet_aton('10.%d.%d.%d' % (i % 7, i % 251, 1 + i % 250))
    tcp = struct.pack('!HHIIBBHHH', 1024 + i, 4010 + i % 2, i * 7919, 0, 0x50, 2, 65535, 0, 0)
    sum_ = checksum(source + to + struct.pack('!BBH', 0, 6, 20) + tcp)
    raw.sendto(struct.pack('!BBHHHBBH4s4s', 0x45, 0, 40, 0, 0, 64, 6, 0, source, to) + tcp[:16] + struct.pack('!H', sum_) + tcp[18:], ('127.0.0.1', 0))
rows = [line.split() for line in open('/proc/net/netstat') if line.startswith('TcpExt')]
print('cookies', int(dict(zip(*rows))['SyncookiesSent']) > 0, flush=True)
threading.Event().wait()
`;

  it('that flood a port with SYNs, or say half of what they want, leave the others theirs', async () => {
    // Where answers to forged addresses go, and are lost.
    const nobody = { name: 'eth1', link: new VirtualSwitch().port(), addresses: ['10.0.0.1/8'] };
    await using kernel = await makeKernel({ network: { links: [nobody] } });
    const victim = kernel.spawn('/usr/bin/python3', ['-c', VICTIM], { stdio: ['ignore', 'pipe', 'pipe'] });
    expect(String((await once(victim.stdout!, 'data'))[0])).toBe('cookies True\n');
    const slow = await kernel.net.publish({ guest: 4010 });
    const held = Array.from({ length: 300 }, () => {
      const socket = createConnection({ host: '127.0.0.1', port: slow.port });
      socket.on('error', () => {});
      socket.write('GET / HTT');
      return socket;
    });
    await Promise.all(held.map((socket) => once(socket, 'connect')));
    const port = await kernel.net.publish({ guest: 4011 });
    const socket = createConnection({ host: '127.0.0.1', port: port.port, allowHalfOpen: true });
    socket.end('still served');
    expect(await text(socket)).toBe('still served');
    const inside = await kernel.net.connect(4011);
    inside.end('inside too');
    expect(await text(inside)).toBe('inside too');
    for (const one of held) one.destroy();
    victim.kill('SIGKILL');
    await victim.exited;
  }, 60_000);
});

describe('network options', () => {
  it('are checked before anything is done', async () => {
    const bad = (network: unknown) =>
      expect(makeKernel({ network: network as 'none' })).rejects.toThrow(InvalidOptionError);
    await bad('bridge');
    await bad({ publish: [{ guest: 0 }] });
    await bad({ unknown: 1 });
    await bad({ allow: ['a b c'] });
    await bad({ hosts: { 'no name': '1.2.3.4' } });
  });

  /** A world of one host: 192.0.2.80 answers on port 80 with what it was asked; `example.com` is its name. */
  function world(asked: string[]): NatBackend {
    return {
      connectTcp(address, port) {
        asked.push(`${address}:${port}`);
        const out = new PassThrough();
        const peer = Duplex.from({
          readable: out,
          writable: async (input: AsyncIterable<Buffer>) => {
            out.end(`answer to ${await text(input)}`);
          },
        });
        queueMicrotask(() => peer.emit('connect'));
        return peer;
      },
      openUdp: () => ({ send: () => {}, close: () => {} }),
      resolve: async (name, type) => {
        asked.push(`${name} ${type}`);
        return type === 'A' && name === 'example.com' ? [{ ttl: 60, data: '192.0.2.80' }] : [];
      },
    };
  }

  it('lets out what is allowed, by name, and tells of the rest', async () => {
    const asked: string[] = [];
    const denied: string[] = [];
    const kernel = await makeKernel({
      network: { allow: ['192.0.2.80:80'], backend: world(asked), hosts: { 'inside.test': '192.0.2.80' } },
    });
    kernel.on('denied', (flow) =>
      denied.push(`${flow.protocol} ${flow.name ?? flow.destination}:${flow.port}`),
    );
    const script = `
import socket
s = socket.create_connection(('inside.test', 80)); s.sendall(b'hello'); s.shutdown(1); print(s.recv(100).decode())
for where in (('192.0.2.80', 81), ('198.51.100.1', 80)):
    try: socket.create_connection(where, 5); print('connected')
    except OSError as e: print(type(e).__name__)
try: socket.getaddrinfo('other.test', 80); print('resolved')
except OSError as e: print('no name')
print(open('/etc/resolv.conf').read().strip())
`;
    const r = await kernel.run('/usr/bin/python3', ['-c', script]);
    expect(r.stdout.split('\n').slice(0, 5)).toEqual([
      'answer to hello',
      'ConnectionRefusedError',
      'ConnectionRefusedError',
      'no name',
      'nameserver 10.0.2.3',
    ]);
    expect(asked).toEqual(['192.0.2.80:80']);
    expect(denied).toContain('tcp 192.0.2.80:81');
    expect(denied).toContain('tcp 198.51.100.1:80');
    expect(denied.some((d) => d.startsWith('dns other.test'))).toBe(true);
    await kernel.dispose();
  });

  it('captures what passes, and publishes from the start', async () => {
    const blocks: Uint8Array[] = [];
    const kernel = await makeKernel({
      network: { nat: true, capture: (block) => blocks.push(block), publish: [{ guest: 4002 }] },
    });
    await kernel.run('/usr/bin/python3', [
      '-c',
      "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b'x', ('10.0.2.2', 9))",
    ]);
    // Section and interface, then at least ARP and the datagram.
    expect(blocks.length).toBeGreaterThan(3);
    expect(Buffer.from(blocks[0]).readUInt32LE(0)).toBe(0x0a0d0d0a);
    await kernel.dispose();
  });

  it('leaves the network unloaded for those who never ask', async () => {
    const kernel = await makeKernel();
    expect((await kernel.run('/bin/cat', ['/proc/net/dev'])).stdout).toContain('lo:');
    expect(kernel.core.net.current).toBeNull();
    await kernel.dispose();
  });
});
