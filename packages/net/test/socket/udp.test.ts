import { AF_INET, AF_INET6, EADDRINUSE, EAGAIN, ECONNREFUSED, POLLERR, POLLIN } from '@sandbox/abi';
import { describe, expect, test } from 'vitest';
import { ReceiveRequest, SocketAddress } from '../../src/index.js';
import { at, loopbackStack, receiveText, sendText } from '../support/net.js';

describe('UDP over loopback', () => {
  test('a datagram arrives before send returns', () => {
    const { stack } = loopbackStack();
    const server = stack.udp.open(AF_INET);
    expect(server.bind(at('127.0.0.1', 5000))).toBe(0);
    const events: number[] = [];
    server.observer = { onEvents: (mask) => events.push(mask) };
    const client = stack.udp.open(AF_INET);
    expect(sendText(client, 'hello', at('127.0.0.1', 5000))).toBe(5);
    expect(events).toHaveLength(1);
    expect(server.poll() & POLLIN).toBe(POLLIN);
    const request = new ReceiveRequest();
    expect(receiveText(server, request)).toBe('hello');
    expect(request.from.toString()).toBe(`127.0.0.1:${client.local.port}`);
    expect(receiveText(server)).toBe(-EAGAIN);
  });

  test('a dual-stack socket sees IPv4 senders mapped', () => {
    const { stack } = loopbackStack();
    const server = stack.udp.open(AF_INET6);
    expect(server.bind(at('::', 5000))).toBe(0);
    const client = stack.udp.open(AF_INET);
    expect(sendText(client, 'a', at('127.0.0.1', 5000))).toBe(1);
    const request = new ReceiveRequest();
    expect(receiveText(server, request)).toBe('a');
    expect(request.from.address.toString()).toBe('::ffff:127.0.0.1');
    const six = stack.udp.open(AF_INET6);
    expect(sendText(six, 'b', at('::1', 5000))).toBe(1);
    expect(receiveText(server, request)).toBe('b');
    expect(request.from.address.toString()).toBe('::1');
  });

  test('nobody there: the connected sender is told', () => {
    const { stack } = loopbackStack();
    const client = stack.udp.open(AF_INET);
    expect(client.connect(at('127.0.0.1', 9))).toBe(0);
    expect(sendText(client, 'x')).toBe(1);
    expect(client.poll() & POLLERR).toBe(POLLERR);
    expect(receiveText(client)).toBe(-ECONNREFUSED);
    expect(receiveText(client)).toBe(-EAGAIN);
  });

  test('ports are taken', () => {
    const { stack } = loopbackStack();
    const a = stack.udp.open(AF_INET);
    expect(a.bind(at('0.0.0.0', 53))).toBe(0);
    const b = stack.udp.open(AF_INET);
    expect(b.bind(at('127.0.0.1', 53))).toBe(-EADDRINUSE);
    const c = stack.udp.open(AF_INET6);
    expect(c.bind(at('::', 53))).toBe(-EADDRINUSE);
    c.changeOptions().v6Only = true;
    expect(c.bind(at('::', 53))).toBe(0);
    a.close();
    expect(b.bind(at('127.0.0.1', 53))).toBe(0);
    const name = new SocketAddress();
    b.name(name);
    expect(name.toString()).toBe('127.0.0.1:53');
  });

  test('64 KiB go over loopback in one piece, more are too long', () => {
    const { stack } = loopbackStack();
    const server = stack.udp.open(AF_INET);
    server.bind(at('127.0.0.1', 5000));
    const client = stack.udp.open(AF_INET);
    expect(sendText(client, 'x'.repeat(65507), at('127.0.0.1', 5000))).toBe(65507);
    expect(receiveText(server)).toBe('x'.repeat(65507));
    expect(stack.counters.ip.FragCreates).toBe(0);
    expect(sendText(client, 'x'.repeat(65508), at('127.0.0.1', 5000))).toBe(-90);
  });
});
