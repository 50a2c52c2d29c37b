import { EAGAIN, ECONNREFUSED, EINPROGRESS, EISCONN, POLLIN, POLLOUT, TCP_ESTABLISHED } from '@sandbox/abi';
import { expect, it } from 'vitest';
import { TcpEndpoint } from '../../src/index.js';
import { at, loopbackStack, receiveText, sendText } from '../support/net.js';

function connected() {
  const { host, stack } = loopbackStack();
  const listener = stack.tcp.open();
  expect(listener.bind(at('127.0.0.1', 80))).toBe(0);
  expect(listener.listen(5)).toBe(0);
  expect(listener.accept()).toBe(-EAGAIN);
  const client = stack.tcp.open();
  expect(client.connect(at('127.0.0.1', 80))).toBe(-EINPROGRESS);
  expect(client.connect(at('127.0.0.1', 80))).toBe(0);
  expect(client.connect(at('127.0.0.1', 80))).toBe(-EISCONN);
  const server = listener.accept();
  if (!(server instanceof TcpEndpoint)) throw new Error('no connection');
  return { host, stack, listener, client, server };
}

it('connects over loopback within the call, and carries data both ways', () => {
  const { client, server } = connected();
  expect(client.state).toBe(TCP_ESTABLISHED);
  expect(client.poll()).toBe(POLLOUT | 0x100);
  expect(sendText(client, 'hello')).toBe(5);
  expect(server.poll() & POLLIN).toBe(POLLIN);
  expect(receiveText(server)).toBe('hello');
  expect(sendText(server, 'world')).toBe(5);
  expect(receiveText(client)).toBe('world');
  expect(receiveText(client)).toBe(-EAGAIN);
});

it('is refused where nobody listens', () => {
  const { stack } = loopbackStack();
  const client = stack.tcp.open();
  expect(client.connect(at('127.0.0.1', 81))).toBe(-EINPROGRESS);
  expect(client.connect(at('127.0.0.1', 81))).toBe(-ECONNREFUSED);
});

it('keeps window scale, SACK and timestamps through a SYN cookie', () => {
  const { stack } = loopbackStack();
  stack.settings.synCookies = 2;
  const listener = stack.tcp.open();
  listener.bind(at('127.0.0.1', 80));
  listener.listen(5);
  const client = stack.tcp.open();
  client.connect(at('127.0.0.1', 80));
  const server = listener.accept();
  if (!(server instanceof TcpEndpoint)) throw new Error('no connection');
  const info: Record<string, number> = {};
  server.info(info);
  expect(info.tcpi_options & 7).toBe(7);
  expect(info.tcpi_snd_wscale).toBe(7);
  sendText(client, 'cookie');
  expect(receiveText(server)).toBe('cookie');
});
