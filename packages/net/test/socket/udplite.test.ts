import { AF_INET, EAGAIN } from '@sandbox/abi';
import { expect, test } from 'vitest';
import { type Packet, WrappedLink } from '../../src/index.js';
import { lan } from '../support/lan.js';
import { at, receiveText, sendText } from '../support/net.js';

/** Turns over a bit of the last byte of what comes in. */
class DamagingLink extends WrappedLink {
  damage = false;
  override get trusted(): boolean {
    return false;
  }
  override receive(packet: Packet): void {
    packet.trusted = false;
    if (this.damage) packet.bytes[packet.end - 1] ^= 1;
    super.receive(packet);
  }
}

test('UDP-Lite: what the checksum does not cover may be damaged (RFC 3828)', () => {
  const links: DamagingLink[] = [];
  const { a, b } = lan((link) => {
    links.push(new DamagingLink(link));
    return links[links.length - 1];
  });
  const server = b.udpLite.open(AF_INET);
  server.bind(at('10.0.0.2', 7));
  const client = a.udpLite.open(AF_INET);
  const to = at('10.0.0.2', 7);
  sendText(client, 'whole', to);
  expect(receiveText(server)).toBe('whole');
  links[1].damage = true;
  sendText(client, 'whole', to);
  expect(receiveText(server)).toBe(-EAGAIN);
  client.sendCoverage = 10;
  sendText(client, 'damagec', to);
  expect(receiveText(server)).toBe('damageb');
  server.receiveCoverage = 0;
  sendText(client, 'damagec', to);
  expect(receiveText(server)).toBe(-EAGAIN);
  // UDP and UDP-Lite have ports of their own.
  const plain = b.udp.open(AF_INET);
  expect(plain.bind(at('10.0.0.2', 7))).toBe(0);
});
