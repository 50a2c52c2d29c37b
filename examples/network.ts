/**
 * The network stack alone, without a kernel: two hosts on a switch, one of them behind a bad line, a web
 * server that only they can reach, and a capture that Wireshark opens. Everything runs in virtual time, so a
 * minute of waiting takes none.
 */
import { createServer, get, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import {
  CaptureLink,
  connect,
  ImpairedLink,
  IpAddress,
  type Link,
  type NetInterface,
  NetStack,
  PcapngWriter,
  SocketAddress,
  StackServer,
  VirtualHost,
  VirtualSwitch,
} from '@sandbox/net';

const time = new VirtualHost();
const net = new VirtualSwitch();
const blocks: Uint8Array[] = [];
const capture = new PcapngWriter((block) => blocks.push(block));

function newHost(seed: number, address: string, link: Link): NetStack {
  const stack = new NetStack(time.fork(seed));
  const eth0 = stack.addInterface('eth0', link) as NetInterface;
  stack.setInterface(eth0, { up: true });
  stack.addAddress(eth0, { address: IpAddress.parse(address)!, prefixLength: 24 });
  return stack;
}

const line = new ImpairedLink(net.port(), time.fork(10), { latency: 100, loss: 0.1 });
const client = newHost(1, '10.0.0.1', line);
const server = newHost(2, '10.0.0.2', new CaptureLink(net.port(), capture, () => time.now()));

const web = createServer((request, response) => response.end(`${request.url} `.repeat(20_000)));
const door = new StackServer(server, new SocketAddress(IpAddress.parse('10.0.0.2')!, 80)).handOver(web);

const began = time.now();
const body = await new Promise<string>((resolve, reject) => {
  const socket = connect(client, new SocketAddress(IpAddress.parse('10.0.0.2')!, 80));
  const request = get(
    { path: '/hello', createConnection: () => socket as unknown as Socket },
    (answer: IncomingMessage) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (part: string) => {
        text += part;
      });
      answer.on('end', () => {
        clearInterval(clock);
        resolve(text);
      });
    },
  );
  request.on('error', reject);
  // Somebody has to let the time pass.
  const clock = setInterval(() => time.advance(50), 0);
});

console.log(`${body.length} bytes, the first: ${body.slice(0, 7)}`);
console.log(`${line.counts.lost} packets were lost`);
console.log(`it took ${Math.round((time.now() - began) / 100) / 10} s of virtual time`);
console.log(
  `${blocks.length - 2} packets were captured, ${blocks.reduce((n, block) => n + block.length, 0)} bytes`,
);
door.close(true);
