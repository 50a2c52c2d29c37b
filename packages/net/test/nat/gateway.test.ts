import { createServer } from 'node:http';
import { AF_INET, ECONNREFUSED, EHOSTUNREACH } from '@sandbox/abi';
import { decode, encode, type StringAnswer } from 'dns-packet';
import { afterEach, describe, expect, test } from 'vitest';
import {
  connect,
  type FlowEvent,
  makeRoute,
  NatGateway,
  type NetStack,
  type SocketAddress,
  VirtualHost,
} from '../../src/index.js';
import { addInterface, newStack } from '../support/lan.js';
import { address, at, receiveText, sendText } from '../support/net.js';
import { FakeOutside, turns } from '../support/outside.js';

const open: NatGateway[] = [];
afterEach(() => {
  for (const gateway of open.splice(0)) gateway.close();
});

function guestBehind(...allow: string[]) {
  const host = new VirtualHost(9);
  const outside = new FakeOutside();
  const gateway = new NatGateway({ host: host.fork(1), backend: outside, allow });
  open.push(gateway);
  const place = gateway.join();
  const guest = newStack(host, 2);
  const iface = addInterface(guest, 'eth0', place.link, `${place.address}/24`, `${place.address6}/64`);
  for (const [any, via] of [
    ['0.0.0.0', place.gateway],
    ['::', place.gateway6],
  ] as const) {
    const route = { destination: address(any), prefixLength: 0, gateway: via, ifindex: iface.index };
    guest.routesFor(via).add(makeRoute(route));
  }
  const events: FlowEvent[] = [];
  gateway.on('denied', (event) => events.push(event));
  return { host, outside, gateway, guest, events };
}

async function ask(guest: NetStack, name: string, type: 'A' | 'AAAA' | 'PTR' | 'CAA' = 'A') {
  const socket = guest.udp.open(AF_INET);
  const query = encode({ type: 'query', id: 77, flags: 0x100, questions: [{ type, name }] });
  sendText(socket, query.toString('latin1'), at('10.0.2.3', 53));
  await turns();
  const bytes = receiveText(socket);
  if (typeof bytes === 'number') return bytes;
  const answer = decode(Buffer.from(bytes, 'latin1')) as ReturnType<typeof decode> & { rcode: string };
  return answer.rcode === 'NOERROR'
    ? (answer.answers ?? []).map((entry) => (entry as StringAnswer).data)
    : answer.rcode;
}

async function exchange(guest: NetStack, to: SocketAddress, text: string): Promise<string> {
  const socket = connect(guest, to);
  socket.end(text);
  let answer = '';
  try {
    for await (const part of socket) answer += String(part);
  } catch (error) {
    return (error as { code?: string }).code ?? 'error';
  }
  return answer;
}

describe('a guest behind a gateway', () => {
  test('TCP goes out where it may, byte for byte, end for end', async () => {
    const { outside, guest, events } = guestBehind('93.184.216.34:80', '2001:db8::/32');
    const server = (socket: import('node:stream').Duplex) => {
      let got = '';
      socket.on('data', (part) => {
        got += part;
      });
      socket.on('end', () => socket.end(got.toUpperCase()));
    };
    outside.servers.set('93.184.216.34:80', server);
    outside.servers.set('2001:db8::7:443', server);
    expect(await exchange(guest, at('93.184.216.34', 80), 'abc'.repeat(100_000))).toBe('ABC'.repeat(100_000));
    expect(await exchange(guest, at('2001:db8::7', 443), 'six')).toBe('SIX');
    expect(await exchange(guest, at('2001:db8::7', 444), 'six')).toBe('ECONNREFUSED');
    expect(events).toEqual([]);
    expect(await exchange(guest, at('93.184.216.34', 443), 'x')).toBe('ECONNREFUSED');
    expect(await exchange(guest, at('10.1.2.3', 80), 'x')).toBe('ECONNREFUSED');
    expect(events.map(({ protocol, destination, port }) => `${protocol} ${destination}:${port}`)).toEqual([
      'tcp 93.184.216.34:443',
      'tcp 10.1.2.3:80',
    ]);
    expect(outside.asked).toEqual(['tcp 93.184.216.34:80', 'tcp 2001:db8::7:443', 'tcp 2001:db8::7:444']);
  });

  test('UDP flows answer, end after a while, and let no stranger in', async () => {
    const { outside, guest, host, events } = guestBehind('8.8.8.8/udp');
    const socket = guest.udp.open(AF_INET);
    sendText(socket, 'q', at('8.8.8.8', 5000));
    await turns();
    expect(receiveText(socket)).toBe('echo q');
    expect(receiveText(socket)).toBeLessThan(0);
    expect(outside.udpSockets).toBe(1);
    host.advance(121_000);
    expect(outside.udpSockets).toBe(0);
    socket.connect(at('9.9.9.9', 53));
    expect(sendText(socket, 'q')).toBe(1);
    expect(receiveText(socket)).toBe(-EHOSTUNREACH);
    expect(events).toHaveLength(1);
  });

  test('names: what was answered is what may be reached', async () => {
    const { outside, guest, events } = guestBehind('*.example.com:80');
    outside.names.set('A www.example.com', [
      { ttl: 5, data: '93.184.216.34' },
      { ttl: 5, data: '192.168.1.1' },
      { ttl: 5, data: '169.254.169.254' },
    ]);
    outside.servers.set('93.184.216.34:80', (socket) => socket.end('hello'));
    outside.servers.set('192.168.1.1:80', (socket) => socket.end('router'));
    // Before the name was asked for, the address is just an address.
    expect(await exchange(guest, at('93.184.216.34', 80), '')).toBe('ECONNREFUSED');
    expect(await ask(guest, 'www.example.com')).toEqual(['93.184.216.34']);
    expect(await exchange(guest, at('93.184.216.34', 80), '')).toBe('hello');
    expect(await exchange(guest, at('93.184.216.34', 81), '')).toBe('ECONNREFUSED');
    expect(await exchange(guest, at('192.168.1.1', 80), '')).toBe('ECONNREFUSED');
    expect(await ask(guest, 'evil.test')).toBe('REFUSED');
    expect(await ask(guest, 'example.com')).toBe('REFUSED');
    expect(await ask(guest, 'none.example.com')).toBe('NXDOMAIN');
    expect(await ask(guest, 'www.example.com', 'CAA')).toEqual([]);
    expect(outside.asked.filter((what) => what.includes('evil'))).toEqual([]);
    expect(
      events.filter((event) => event.protocol === 'dns').map(({ name, destination }) => [name, destination]),
    ).toEqual([
      ['www.example.com', '192.168.1.1'],
      ['www.example.com', '169.254.169.254'],
      ['evil.test', ''],
      ['example.com', ''],
    ]);
  });

  test('a name that is bound anew leads nowhere else', async () => {
    const { outside, guest, host, events } = guestBehind('www.example.com:80');
    const answer = (type: string, ...addresses: string[]) =>
      outside.names.set(
        `${type} www.example.com`,
        addresses.map((data) => ({ ttl: 0, data })),
      );
    outside.servers.set('93.184.216.34:80', (socket) => socket.end('the one that was meant'));
    const inside = ['127.0.0.1', '10.0.0.5', '169.254.169.254', '0.0.0.0', '100.64.0.1'];
    const inside6 = ['::1', 'fd00::1', 'fe80::1', '::ffff:127.0.0.1', '64:ff9b::7f00:1', '2002:7f00:1::'];
    for (const address of inside) outside.servers.set(`${address}:80`, (socket) => socket.end('secret'));
    for (const address of inside6) outside.servers.set(`${address}:80`, (socket) => socket.end('secret'));

    answer('A', '93.184.216.34');
    expect(await ask(guest, 'www.example.com')).toEqual(['93.184.216.34']);
    answer('A', ...inside);
    answer('AAAA', ...inside6);
    expect(await ask(guest, 'www.example.com')).toEqual([]);
    expect(await ask(guest, 'www.example.com', 'AAAA')).toEqual([]);
    expect(events.filter(({ protocol }) => protocol === 'dns')).toHaveLength(inside.length + inside6.length);
    // Those that leave the guest at all.
    for (const address of [
      ...inside.slice(1, 3),
      '100.64.0.1',
      'fd00::1',
      '64:ff9b::7f00:1',
      '2002:7f00:1::',
    ]) {
      expect(await exchange(guest, at(address, 80), '')).toBe('ECONNREFUSED');
    }
    // What was pinned stays as it was, by its address: no name is looked up when a connection is made.
    const before = outside.asked.length;
    expect(await exchange(guest, at('93.184.216.34', 80), '')).toBe('the one that was meant');
    expect(outside.asked.slice(before)).toEqual(['tcp 93.184.216.34:80']);
    // And it ends: an address is not its name's for ever.
    host.advance(3_600_001);
    expect(await exchange(guest, at('93.184.216.34', 80), '')).toBe('ECONNREFUSED');
  });

  test('services of the embedder have names', async () => {
    const { gateway, guest } = guestBehind();
    const http = createServer((_message, answer) => answer.end('from the embedder'));
    gateway.serve('api.internal', 80, http);
    gateway.names.add('db.internal', address('10.0.2.77'));
    expect(await ask(guest, 'api.internal')).toEqual(['10.0.2.100']);
    expect(await ask(guest, 'API.internal.', 'AAAA')).toEqual([]);
    expect(await ask(guest, '77.2.0.10.in-addr.arpa', 'PTR')).toEqual(['db.internal']);
    const answer = await exchange(
      guest,
      at('10.0.2.100', 80),
      'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    );
    expect(answer).toContain('from the embedder');
    expect(await exchange(guest, at('10.0.2.100', 81), '')).toBe('ECONNREFUSED');
  });

  test('ping: the gateway answers, others as far as they are allowed', () => {
    const { guest, events } = guestBehind('*');
    const ping = guest.ping.open(AF_INET);
    const echo = '\x08\0\0\0\0\0\0\x01data';
    const probe = (to: string) => {
      sendText(ping, echo, at(to, 0));
      return typeof receiveText(ping) === 'string';
    };
    expect(['10.0.2.2', '1.1.1.1', '192.168.0.1'].map(probe)).toEqual([true, true, false]);
    expect(events).toHaveLength(1);
    const refused = guest.tcp.open(AF_INET);
    refused.connect(at('10.0.2.2', 22));
    expect(refused.connect(at('10.0.2.2', 22))).toBe(-ECONNREFUSED);
  });
});
