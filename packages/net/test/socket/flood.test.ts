/**
 * What hostile peers do: floods of SYNs, handshakes left halfway, connections that trickle. Others still get
 * through, and all of it ends.
 */
import { AF_INET, ETH_P_IP, TCP_ESTABLISHED } from '@sandbox/abi';
import { describe, expect, test } from 'vitest';
import { packetFrom, type TcpEndpoint } from '../../src/index.js';
import { writeIpv4 } from '../../src/wire/ipv4.js';
import { writeChecksums } from '../../src/wire/offload.js';
import { lan } from '../support/lan.js';
import { at, receiveText, sendText } from '../support/net.js';

/** A SYN from a forged address to 10.0.0.2:80, as a frame for `mac`. */
function syn(mac: Uint8Array, source: number, port: number): Uint8Array {
  const frame = new Uint8Array(14 + 40);
  frame.set(mac);
  frame[6] = 2;
  frame[12] = ETH_P_IP >> 8;
  writeIpv4(frame, 14, 40, 0, 1, 0, 64, 6, source, 0x0a000002, new Uint8Array(0), false);
  const view = new DataView(frame.buffer);
  view.setUint16(34, port);
  view.setUint16(36, 80);
  view.setUint32(38, port * 7919);
  frame[46] = 0x50;
  frame[47] = 2;
  view.setUint16(48, 65535);
  writeChecksums(frame, ETH_P_IP, 14, frame.length);
  return frame;
}

function listening(backlog: number) {
  const net = lan();
  const listener = net.b.tcp.open(AF_INET);
  listener.bind(at('10.0.0.2', 80));
  listener.listen(backlog);
  return { ...net, listener };
}

describe('a listener under attack', () => {
  test('a flood of SYNs from everywhere: cookies keep the door open', () => {
    const { a, b, host, listener, ifaceB } = listening(128);
    for (let i = 0; i < 20_000; i++) {
      ifaceB.receive(packetFrom(syn(ifaceB.mac!, 0x0a00000a + (i % 200), 1024 + (i % 60_000))));
    }
    expect(listener.backlog!.embryonic).toBeLessThanOrEqual(128);
    expect(b.counters.tcpExt.SyncookiesSent).toBeGreaterThan(19_000);
    const client = a.tcp.open(AF_INET);
    client.connect(at('10.0.0.2', 80));
    expect(client.connect(at('10.0.0.2', 80))).toBe(0);
    const server = listener.accept() as TcpEndpoint;
    sendText(client, 'still here');
    expect(receiveText(server)).toBe('still here');
    // What was begun is given up in time.
    host.advance(120_000);
    expect(listener.backlog!.embryonic).toBe(0);
    expect(b.tcp.flows.count).toBe(1);
  });

  test('thousands of connections that say nothing cost the others nothing', () => {
    const { a, host, listener } = listening(4096);
    const idle = Array.from({ length: 2000 }, () => {
      const client = a.tcp.open(AF_INET);
      client.connect(at('10.0.0.2', 80));
      return client;
    });
    expect(idle.every((client) => client.state === TCP_ESTABLISHED)).toBe(true);
    host.advance(60_000);
    const client = a.tcp.open(AF_INET);
    client.connect(at('10.0.0.2', 80));
    expect(client.connect(at('10.0.0.2', 80))).toBe(0);
    for (const one of idle) one.close();
    client.close();
    listener.close();
    host.advance(200_000);
    expect(a.tcp.flows.count).toBe(0);
    expect([...a.tcp.ports.all()]).toHaveLength(0);
  });

  test('an ACK that answers no cookie is refused', () => {
    const { b, listener, ifaceB } = listening(5);
    const frame = syn(ifaceB.mac!, 0x0a000001, 5000);
    frame[47] = 0x10;
    writeChecksums(frame, ETH_P_IP, 14, frame.length);
    for (let i = 0; i < 1000; i++) {
      frame[45] = i;
      frame[44] = i >> 8;
      writeChecksums(frame, ETH_P_IP, 14, frame.length);
      ifaceB.receive(packetFrom(frame));
    }
    expect(b.counters.tcpExt.SyncookiesFailed).toBe(1000);
    expect(listener.backlog!.embryonic + listener.backlog!.ready).toBe(0);
  });
});
