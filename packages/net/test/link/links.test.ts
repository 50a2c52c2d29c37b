import { AF_INET, EAGAIN } from '@sandbox/abi';
import { describe, expect, test } from 'vitest';
import {
  CaptureLink,
  ImpairedLink,
  type Impairment,
  PcapngWriter,
  type TcpEndpoint,
} from '../../src/index.js';
import { lan } from '../support/lan.js';
import { at, receiveText, sendText } from '../support/net.js';

function impaired(how: Impairment) {
  const links: ImpairedLink[] = [];
  const net = lan((link, host) => {
    links.push(new ImpairedLink(link, host, how));
    return links[links.length - 1];
  });
  const server = net.b.udp.open(AF_INET);
  server.bind(at('10.0.0.2', 7));
  const client = net.a.udp.open(AF_INET);
  const to = at('10.0.0.2', 7);
  const received = () => {
    const all: string[] = [];
    for (let text = receiveText(server); typeof text === 'string'; text = receiveText(server)) all.push(text);
    return all;
  };
  return { ...net, links, server, client, to, received };
}

describe('a bad link', () => {
  test('latency, in virtual time', () => {
    const { client, server, to, host, received } = impaired({ latency: 50 });
    sendText(client, 'x', to);
    // The address must be asked for and answered first.
    host.advance(149);
    expect(receiveText(server)).toBe(-EAGAIN);
    host.advance(2);
    expect(received()).toEqual(['x']);
  });

  test('loss and duplication come out as often as asked for', () => {
    const { client, to, host, links, received } = impaired({});
    sendText(client, 'first', to);
    links[0].outward = { loss: 0.3, duplicate: 0.1 };
    let got = 0;
    for (let i = 0; i < 1000; i++) {
      sendText(client, String(i), to);
      host.advance(1);
      got += received().length;
    }
    expect(links[0].counts.lost).toBeGreaterThan(250);
    expect(links[0].counts.lost).toBeLessThan(350);
    expect(got).toBe(1001 - links[0].counts.lost + links[0].counts.duplicated);
  });

  test('bandwidth makes packets wait, a short queue drops them', () => {
    const { client, to, host, links, received } = impaired({});
    sendText(client, 'first', to);
    received();
    links[0].outward = { bandwidth: 100_000, queue: 10_000 };
    for (let i = 0; i < 20; i++) sendText(client, 'x'.repeat(958), to);
    expect(links[0].counts.overflowed).toBeGreaterThan(8);
    host.advance(50);
    expect(received()).toHaveLength(5);
    host.advance(1000);
    expect(received()).toHaveLength(15 - links[0].counts.overflowed);
  });

  test('reordered and corrupted packets; a partition heals', () => {
    const { client, to, host, links, received } = impaired({});
    sendText(client, 'first', to);
    received();
    links[0].outward = { latency: 10, reorder: 0.2 };
    for (let i = 0; i < 50; i++) sendText(client, String(i), to);
    host.advance(20);
    const order = received();
    expect(order).toHaveLength(50);
    expect(order).not.toEqual([...order].sort((x, y) => Number(x) - Number(y)));
    links[0].outward = { corrupt: 1 };
    for (let i = 0; i < 50; i++) sendText(client, 'the same', to);
    host.advance(20);
    // Only a bit of the Ethernet addresses or of nothing checked can get through whole.
    expect(received().every((text) => text === 'the same')).toBe(true);
    links[0].outward = { partition: true };
    sendText(client, 'lost', to);
    links[0].outward = {};
    sendText(client, 'found', to);
    host.advance(1);
    expect(received()).toEqual(['found']);
  });

  test('TCP gets through 5 % loss, 100 ms and reordering whole', { timeout: 20_000 }, () => {
    const { a, b, host, links } = impaired({
      latency: 50,
      jitter: 5,
      loss: 0.05,
      reorder: 0.02,
      duplicate: 0.01,
    });
    const listener = b.tcp.open(AF_INET);
    listener.bind(at('10.0.0.2', 80));
    listener.listen(1);
    const client = a.tcp.open(AF_INET);
    client.connect(at('10.0.0.2', 80));
    host.advance(20_000);
    const server = listener.accept() as TcpEndpoint;
    const text = Array.from({ length: 500_000 }, (_, i) => String.fromCharCode(i % 251)).join('');
    let sent = 0;
    let got = '';
    for (let i = 0; i < 100_000 && got.length < text.length; i++) {
      const n = sent < text.length ? sendText(client, text.slice(sent, sent + 65536)) : 0;
      if (n > 0) sent += n;
      host.advance(10);
      const more = receiveText(server);
      if (typeof more === 'string') got += more;
    }
    expect(got === text).toBe(true);
    expect(links[0].counts.lost + links[1].counts.lost).toBeGreaterThan(10);
  });
});

describe('pcapng', () => {
  test('blocks as the format has them, checksums written', () => {
    const blocks: Buffer[] = [];
    const writer = new PcapngWriter((block) => blocks.push(Buffer.from(block)));
    let n = 0;
    const { a, b } = lan((link) =>
      n++ === 0 ? new CaptureLink(link, writer, () => 1_700_000_000_123.5, 'eth0') : link,
    );
    const server = b.udp.open(AF_INET);
    server.bind(at('10.0.0.2', 7));
    sendText(a.udp.open(AF_INET), 'captured', at('10.0.0.2', 7));
    for (const block of blocks) {
      expect(block.length % 4).toBe(0);
      expect(block.readUInt32LE(4)).toBe(block.length);
      expect(block.readUInt32LE(block.length - 4)).toBe(block.length);
    }
    expect(blocks[0].readUInt32LE(0)).toBe(0x0a0d0d0a);
    expect(blocks[1].readUInt32LE(0)).toBe(1);
    const last = blocks[blocks.length - 1];
    expect(last.readUInt32LE(0)).toBe(6);
    const time = last.readUInt32LE(12) * 2 ** 32 + last.readUInt32LE(16);
    expect(time).toBe(1_700_000_000_123_500);
    const frame = last.subarray(28, 28 + last.readUInt32LE(20));
    expect(frame.subarray(42).toString()).toBe('captured');
    expect(frame.readUInt16BE(24)).not.toBe(0);
    expect(frame.readUInt16BE(40)).not.toBe(0);
  });
});
