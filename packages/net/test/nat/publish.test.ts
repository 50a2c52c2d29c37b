import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect as hostConnect } from 'node:net';
import { describe, expect, test } from 'vitest';
import {
  BytesSink,
  BytesSource,
  IpAddress,
  NetStack,
  publish,
  RealHost,
  ReceiveRequest,
  SendRequest,
  StackServer,
} from '../../src/index.js';
import { at } from '../support/net.js';

function stackInRealTime(): NetStack {
  const stack = new NetStack(new RealHost());
  stack.addAddress(stack.loopback, { address: IpAddress.LOOPBACK4, prefixLength: 8 });
  stack.setInterface(stack.loopback, { up: true });
  return stack;
}

describe('published ports', () => {
  test.each(['127.0.0.1', '::1'])('TCP on %s', async (hostAddress) => {
    const stack = stackInRealTime();
    using server = new StackServer(stack, at('127.0.0.1', 80));
    server.on('connection', (socket) => socket.pipe(socket));
    await using port = await publish(stack, {
      protocol: 'tcp',
      hostAddress,
      hostPort: 0,
      guest: at('127.0.0.1', 80),
    });
    const client = hostConnect(port.port, hostAddress);
    const data = Buffer.alloc(3_000_000, 'abcdefg');
    client.end(data);
    const parts: Buffer[] = [];
    for await (const part of client) parts.push(part as Buffer);
    expect(Buffer.concat(parts).equals(data)).toBe(true);
    stack.close();
  });

  test('TCP to nobody ends', async () => {
    const stack = stackInRealTime();
    await using port = await publish(stack, { protocol: 'tcp', hostPort: 0, guest: at('127.0.0.1', 81) });
    const client = hostConnect(port.port, '127.0.0.1');
    client.on('error', () => {});
    await once(client, 'close');
    stack.close();
  });

  test('UDP', async () => {
    const stack = stackInRealTime();
    const server = stack.udp.open();
    server.bind(at('127.0.0.1', 53));
    server.observer = {
      onEvents: () =>
        queueMicrotask(() => {
          const buffer = new Uint8Array(1500);
          const request = new ReceiveRequest();
          const n = server.receive(request.reset(new BytesSink(buffer)));
          if (n > 0) server.send(new SendRequest().reset(new BytesSource(buffer, 0, n), 0, request.from));
        }),
    };
    await using port = await publish(stack, { protocol: 'udp', hostPort: 0, guest: at('127.0.0.1', 53) });
    const client = createSocket('udp4');
    client.send('hello', port.port, '127.0.0.1');
    const [answer] = await once(client, 'message');
    expect(String(answer)).toBe('hello');
    client.close();
    stack.close();
  });
});
