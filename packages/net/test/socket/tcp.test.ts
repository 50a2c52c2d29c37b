import {
  AF_INET,
  AF_INET6,
  EADDRINUSE,
  EAGAIN,
  EALREADY,
  ECONNREFUSED,
  EINPROGRESS,
  EISCONN,
  ENOTCONN,
  POLLIN,
  POLLOUT,
  TCP_CLOSE,
  TCP_CLOSE_WAIT,
  TCP_ESTABLISHED,
} from '@sandbox/abi';
import { describe, expect, test } from 'vitest';
import { SocketAddress, type TcpEndpoint } from '../../src/index.js';
import { at, loopbackStack, receiveText, sendText } from '../support/net.js';

describe('TCP over loopback', () => {
  test('connect, talk, close', () => {
    const { stack, host } = loopbackStack();
    const listener = stack.tcp.open(AF_INET);
    expect(listener.bind(at('127.0.0.1', 80))).toBe(0);
    expect(listener.listen(5)).toBe(0);
    expect(listener.accept()).toBe(-EAGAIN);
    const client = stack.tcp.open(AF_INET);
    expect(client.connect(at('127.0.0.1', 80))).toBe(-EINPROGRESS);
    expect(client.connect(at('127.0.0.1', 80))).toBe(0);
    expect(client.connect(at('127.0.0.1', 80))).toBe(-EISCONN);
    expect(listener.poll()).toBe(POLLIN | 0x40);
    const server = listener.accept() as TcpEndpoint;
    expect(server.state).toBe(TCP_ESTABLISHED);
    const peer = new SocketAddress();
    server.peerName(peer);
    expect(peer.port).toBe(client.local.port);
    expect(sendText(client, 'GET /')).toBe(5);
    expect(server.poll() & (POLLIN | POLLOUT)).toBe(POLLIN | POLLOUT);
    expect(receiveText(server)).toBe('GET /');
    expect(sendText(server, 'ok')).toBe(2);
    expect(receiveText(client)).toBe('ok');
    client.close();
    expect(receiveText(server)).toBe('');
    expect(server.state).toBe(TCP_CLOSE_WAIT);
    server.close();
    host.advance(1);
    expect(stack.tcp.timeWaitCount).toBe(1);
    expect(stack.tcp.flows.count).toBe(1);
    // The port stays busy until TIME_WAIT is over.
    listener.close();
    host.advance(61_000);
    expect(stack.tcp.flows.count).toBe(0);
    expect([...stack.tcp.ports.all()]).toHaveLength(0);
    expect(stack.timers.size).toBe(0);
  });

  test('nobody listens', () => {
    const { stack } = loopbackStack();
    const client = stack.tcp.open(AF_INET);
    expect(client.connect(at('127.0.0.1', 81))).toBe(-EINPROGRESS);
    expect(client.connect(at('127.0.0.1', 81))).toBe(-ECONNREFUSED);
    expect(client.state).toBe(TCP_CLOSE);
    expect(client.peerName(new SocketAddress())).toBe(-ENOTCONN);
    // And it may try again.
    const listener = stack.tcp.open(AF_INET);
    listener.bind(at('0.0.0.0', 81));
    listener.listen(1);
    expect(client.connect(at('127.0.0.1', 81))).toBe(-EINPROGRESS);
    expect(client.connect(at('127.0.0.1', 81))).toBe(0);
  });

  test('a full backlog keeps connections waiting', () => {
    const { stack, host } = loopbackStack();
    const listener = stack.tcp.open(AF_INET);
    listener.bind(at('127.0.0.1', 80));
    listener.listen(0);
    const clients = [1, 2, 3].map(() => {
      const client = stack.tcp.open(AF_INET);
      client.connect(at('127.0.0.1', 80));
      return client;
    });
    expect(clients.map((client) => client.connect(at('127.0.0.1', 80)))).toEqual([0, -EALREADY, -EALREADY]);
    expect(listener.accept()).not.toBe(-EAGAIN);
    host.advance(1100);
    expect(clients[1].connect(at('127.0.0.1', 80))).toBe(0);
  });

  test('binding: reuse rules', () => {
    const { stack } = loopbackStack();
    const listener = stack.tcp.open(AF_INET6);
    expect(listener.bind(at('::', 80))).toBe(0);
    expect(listener.listen(5)).toBe(0);
    const other = stack.tcp.open(AF_INET);
    other.changeOptions().reuseAddress = true;
    expect(other.bind(at('127.0.0.1', 80))).toBe(-EADDRINUSE);
    const client = stack.tcp.open(AF_INET);
    client.connect(at('127.0.0.1', 80));
    const server = listener.accept() as TcpEndpoint;
    const name = new SocketAddress();
    server.name(name);
    expect(name.address.toString()).toBe('::ffff:127.0.0.1');
    listener.close();
    // The connection holds the port, unless both reuse it.
    expect(other.bind(at('127.0.0.1', 80))).toBe(-EADDRINUSE);
    server.changeOptions().reuseAddress = true;
    expect(other.bind(at('127.0.0.1', 80))).toBe(0);
  });

  test('megabytes arrive as they were sent', () => {
    const { stack } = loopbackStack();
    const listener = stack.tcp.open(AF_INET);
    listener.bind(at('127.0.0.1', 80));
    listener.listen(5);
    const client = stack.tcp.open(AF_INET);
    client.connect(at('127.0.0.1', 80));
    const server = listener.accept() as TcpEndpoint;
    const text = Array.from({ length: 65536 }, (_, i) => String.fromCharCode(i % 251)).join('');
    let sent = 0;
    let got = '';
    while (got.length < text.length * 40) {
      if (sent < text.length * 40) {
        const n = sendText(client, text.slice(sent % text.length));
        if (n > 0) sent += n;
        else expect(n).toBe(-EAGAIN);
      }
      const more = receiveText(server);
      if (typeof more === 'string') got += more;
    }
    expect(got === text.repeat(40)).toBe(true);
  });

  test('SYN cookies when the backlog overflows', () => {
    const { stack } = loopbackStack();
    stack.settings.synCookies = 2;
    const listener = stack.tcp.open(AF_INET);
    listener.bind(at('127.0.0.1', 80));
    listener.listen(5);
    const client = stack.tcp.open(AF_INET);
    expect(client.connect(at('127.0.0.1', 80))).toBe(-EINPROGRESS);
    expect(client.connect(at('127.0.0.1', 80))).toBe(0);
    const server = listener.accept() as TcpEndpoint;
    expect(server.state).toBe(TCP_ESTABLISHED);
    expect(stack.counters.tcpExt.SyncookiesRecv).toBe(1);
    // What the SYN said came back in the timestamp.
    expect(server.machine).toMatchObject({ timestampOk: true, sackOk: true, wscaleOk: true, peerMss: 1460 });
    sendText(client, 'hi');
    expect(receiveText(server)).toBe('hi');
  });
});
