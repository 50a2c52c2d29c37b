/**
 * TCP over the loopback of one stack, calls only: what the stack itself costs. `npx tsx
 * packages/net/bench/tcp-loopback.ts`
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { EAGAIN } from '@sandbox/abi';
import {
  BytesSink,
  BytesSource,
  type Endpoint,
  IpAddress,
  NetStack,
  RealHost,
  ReceiveRequest,
  SendRequest,
  SocketAddress,
  TcpEndpoint,
} from '../src/index.js';

const host = new RealHost();
const stack = new NetStack(host);
stack.addAddress(stack.loopback, { address: IpAddress.LOOPBACK4, prefixLength: 8 });
stack.setInterface(stack.loopback, { up: true });
const where = new SocketAddress(IpAddress.LOOPBACK4, 5000);

const sendRequest = new SendRequest();
const receiveRequest = new ReceiveRequest();
const source = new BytesSource(new Uint8Array(0));
const sink = new BytesSink(new Uint8Array(0));
const buffer = new Uint8Array(1 << 20);

/** Processor time, us: other programs of the machine do not count. */
function cpu(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

function send(endpoint: Endpoint, length: number): number {
  return endpoint.send(sendRequest.reset(source.reset(buffer, 0, length)));
}

function receive(endpoint: Endpoint, length: number): number {
  return endpoint.receive(receiveRequest.reset(sink.reset(buffer, 0, length)));
}

function connect(listener: TcpEndpoint): [TcpEndpoint, TcpEndpoint] {
  const client = stack.tcp.open();
  client.connect(where);
  const server = listener.accept();
  if (!(server instanceof TcpEndpoint)) throw new Error(`accept: ${server}`);
  return [client, server];
}

function pingPong(client: Endpoint, server: Endpoint, rounds: number): number {
  const start = cpu();
  for (let i = 0; i < rounds; i++) {
    send(client, 1);
    if (receive(server, 1) !== 1) throw new Error('lost');
    send(server, 1);
    if (receive(client, 1) !== 1) throw new Error('lost');
  }
  return (cpu() - start) / rounds;
}

async function bulk(client: Endpoint, server: Endpoint, chunk: number, total: number): Promise<number> {
  const start = cpu();
  let sentAll = 0;
  let moved = 0;
  while (moved < total) {
    const sent = send(client, chunk);
    if (sent > 0) sentAll += sent;
    else if (sent !== -EAGAIN) throw new Error(`send: ${sent}`);
    for (;;) {
      const n = receive(server, chunk);
      if (n < 0) break;
      moved += n;
    }
  }
  const rate = total / (cpu() - start);
  // Nagle's algorithm and delayed acknowledgements want time for the rest.
  while (moved < sentAll) {
    const n = receive(server, chunk);
    if (n > 0) moved += n;
    else await sleep(10);
  }
  return rate;
}

function connectClose(listener: TcpEndpoint, rounds: number): number {
  const start = cpu();
  for (let i = 0; i < rounds; i++) {
    const [client, server] = connect(listener);
    client.close();
    server.close();
  }
  return (cpu() - start) / rounds;
}

const listener = stack.tcp.open();
listener.bind(where);
listener.listen(128);
const [client, server] = connect(listener);
client.tcp.noDelay = true;
client.optionsChanged();

const phases: Record<string, () => Promise<string> | string> = {
  'ping-pong': () => `${pingPong(client, server, 200_000).toFixed(2)} us`,
  '64 KiB': async () => `${(await bulk(client, server, 65536, 1 << 30)).toFixed(0)} MB/s`,
  '1 KiB': async () => `${(await bulk(client, server, 1024, 1 << 26)).toFixed(0)} MB/s`,
  'connect+close': () => `${connectClose(listener, 5000).toFixed(1)} us`,
};

const wanted = process.argv.slice(2);
for (let round = 0; round < 3; round++) {
  for (const [name, phase] of Object.entries(phases)) {
    if (wanted.length === 0 || wanted.includes(name)) console.log(`${name}: ${await phase()}`);
  }
}
process.exit(0);
