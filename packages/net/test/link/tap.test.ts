/** The stack against the host's own TCP/IP, over a TAP device in a network namespace. Needs root; skipped without. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { AF_INET, AF_INET6 } from '@sandbox/abi';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, NetStack, RealHost, StackServer, TapLink } from '../../src/index.js';
import { addInterface } from '../support/lan.js';
import { at, receiveText, sendText } from '../support/net.js';

const NS = `nettap${process.pid}`;
const DEVICE = `tap${process.pid % 100000}`;

function ip(...args: string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function allowed(): boolean {
  try {
    ip('netns', 'add', NS);
    new TapLink({ name: DEVICE }).close();
    return true;
  } catch {
    try {
      ip('netns', 'del', NS);
    } catch {
      // There was none.
    }
    return false;
  }
}

const inNamespace = (script: string): ChildProcess =>
  spawn('ip', ['netns', 'exec', NS, 'python3', '-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });

async function output(child: ChildProcess): Promise<string> {
  let text = '';
  child.stdout!.on('data', (part: Buffer) => {
    text += part.toString();
  });
  await once(child, 'close');
  return text;
}

async function until(condition: () => boolean, milliseconds = 5000): Promise<void> {
  const end = performance.now() + milliseconds;
  while (!condition() && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 5));
}

const ECHO = `
import socket
s = socket.create_server(('::', 8000), family=socket.AF_INET6, dualstack_ipv6=True)
print('ready', flush=True)
for i in range(2):
    c, _ = s.accept()
    while d := c.recv(65536): c.sendall(d)
    c.close()
`;
const CLIENT = `
import socket
for host in ('10.9.0.2', 'fd09::2'):
    s = socket.create_connection((host, 80), timeout=10)
    data = bytes(i % 253 for i in range(2000000))
    import threading
    threading.Thread(target=lambda: (s.sendall(data), s.shutdown(socket.SHUT_WR))).start()
    got = b''
    while d := s.recv(65536): got += d
    print(host, got == data)
`;

describe.skipIf(!allowed())("the host's kernel as the other end", () => {
  let stack: NetStack;

  beforeAll(() => {
    const link = new TapLink({ name: DEVICE });
    ip('link', 'set', DEVICE, 'netns', NS);
    ip('netns', 'exec', NS, 'ip', 'link', 'set', DEVICE, 'up');
    ip('netns', 'exec', NS, 'ip', 'addr', 'add', '10.9.0.1/24', 'dev', DEVICE);
    ip('netns', 'exec', NS, 'ip', 'addr', 'add', 'fd09::1/64', 'dev', DEVICE, 'nodad');
    stack = new NetStack(new RealHost());
    addInterface(stack, 'eth0', link, '10.9.0.2/24', 'fd09::2/64');
  });
  afterAll(() => {
    stack.close();
    ip('netns', 'del', NS);
  });

  test('it pings us, and we ping it', async () => {
    const child = spawn(
      'ip',
      ['netns', 'exec', NS, 'ping', '-c', '2', '-i', '0.2', '-s', '3000', '10.9.0.2'],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    expect(await output(child)).toContain('2 received');
    for (const [family, to, type] of [
      [AF_INET, '10.9.0.1', '\x08'],
      [AF_INET6, 'fd09::1', '\x80'],
    ] as const) {
      const socket = stack.ping.open(family);
      sendText(socket, `${type}\0\0\0\0\0\0\x01${'x'.repeat(2000)}`, at(to, 0));
      let answer: string | number = -1;
      await until(() => typeof (answer = receiveText(socket)) === 'string');
      expect(answer).toHaveLength(2008);
    }
  });

  test('its clients, our server', { timeout: 30_000 }, async () => {
    const servers = ['10.9.0.2', 'fd09::2'].map((address) => new StackServer(stack, at(address, 80)));
    for (const server of servers) server.on('connection', (socket) => socket.pipe(socket));
    expect(await output(inNamespace(CLIENT))).toBe('10.9.0.2 True\nfd09::2 True\n');
    for (const server of servers) server.close(true);
  });

  test('its server, our clients', { timeout: 30_000 }, async () => {
    const child = inNamespace(ECHO);
    const ended = once(child, 'close');
    await once(child.stdout!, 'data');
    const data = Buffer.alloc(2_000_000, 'the quick brown fox ');
    for (const address of ['10.9.0.1', 'fd09::1']) {
      const socket = connect(stack, at(address, 8000));
      socket.end(data);
      const parts: Buffer[] = [];
      for await (const part of socket) parts.push(part as Buffer);
      expect(Buffer.concat(parts).equals(data)).toBe(true);
    }
    await ended;
    const refused = connect(stack, at('10.9.0.1', 9));
    const error = await new Promise<{ code?: string }>((resolve) => refused.on('error', resolve));
    expect(error.code).toBe('ECONNREFUSED');
  });
});
