/**
 * The stack against the host's own TCP/IP, over a TAP device in a network namespace. Needs root; skipped
 * without.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { AF_INET, AF_INET6 } from '@sandbox/abi';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, NetStack, RealHost, StackServer, TapLink } from '../../src/index.js';
import { addInterface } from '../support/lan.js';
import { at, receiveText, sendText } from '../support/net.js';
import { CLIENT, ECHO, ip, needPing, output, python, until } from '../support/netns.js';

const NS = `nettap${process.pid}`;
const DEVICE = `tap${process.pid % 100000}`;

function whyNot(): string | null {
  try {
    needPing();
    ip('netns', 'add', NS);
    new TapLink({ name: DEVICE }).close();
    return null;
  } catch (error) {
    try {
      ip('netns', 'del', NS);
    } catch {
      // There was none.
    }
    return String(error);
  }
}

const reason = whyNot();
describe.skipIf(reason !== null)(
  `the host's kernel as the other end${reason === null ? '' : `: ${reason}`}`,
  () => {
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
      expect(await output(python(NS, CLIENT))).toBe('10.9.0.2 True\nfd09::2 True\n');
      for (const server of servers) server.close(true);
    });

    test('its server, our clients', { timeout: 30_000 }, async () => {
      const child = python(NS, ECHO);
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
  },
);
