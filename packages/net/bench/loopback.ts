/**
 * What the stack itself costs, without a kernel or guests: `npx tsx packages/net/bench/loopback.ts`. A native
 * figure for the same is in bench/, where programs run in a sandbox.
 */
import {
  BytesSink,
  BytesSource,
  IpAddress,
  NetStack,
  RealHost,
  ReceiveRequest,
  SendRequest,
  SocketAddress,
  type TcpEndpoint,
} from '../src/index.js';

const stack = new NetStack(new RealHost());
stack.addAddress(stack.loopback, { address: IpAddress.LOOPBACK4, prefixLength: 8 });
stack.setInterface(stack.loopback, { up: true });

const source = new BytesSource(new Uint8Array(0));
const sink = new BytesSink(new Uint8Array(0));
const outgoing = new SendRequest();
const incoming = new ReceiveRequest();

function measure(
  name: string,
  unit: string,
  count: number,
  run: () => void,
  scale: (ms: number) => number,
): void {
  run();
  const begin = performance.now();
  run();
  const took = performance.now() - begin;
  console.log(`${name.padEnd(24)} ${scale(took / count).toFixed(2)} ${unit}`);
}

function pair(port: number): [TcpEndpoint, TcpEndpoint] {
  const listener = stack.tcp.open();
  listener.bind(new SocketAddress(IpAddress.LOOPBACK4, port));
  listener.listen(5);
  const client = stack.tcp.open();
  client.tcp.noDelay = true;
  client.connect(new SocketAddress(IpAddress.LOOPBACK4, port));
  client.connect(new SocketAddress(IpAddress.LOOPBACK4, port));
  const server = listener.accept() as TcpEndpoint;
  server.tcp.noDelay = true;
  return [client, server];
}

const one = new Uint8Array(1);
const room = new Uint8Array(65536);

const [a, b] = pair(1000);
const PINGS = 100_000;
measure(
  'TCP 1 byte there and back',
  'us',
  PINGS,
  () => {
    for (let i = 0; i < PINGS; i++) {
      a.send(outgoing.reset(source.reset(one)));
      b.receive(incoming.reset(sink.reset(room)));
      b.send(outgoing.reset(source.reset(one)));
      a.receive(incoming.reset(sink.reset(room)));
    }
  },
  (ms) => ms * 1000,
);

const [c, d] = pair(1001);
const BLOCKS = 20_000;
measure(
  'TCP in 64 KiB blocks',
  'GB/s',
  BLOCKS,
  () => {
    let left = BLOCKS * 65536;
    let sent = 0;
    while (left > 0) {
      const n = c.send(outgoing.reset(source.reset(room, sent)));
      if (n > 0) sent = (sent + n) % 65536;
      for (;;) {
        const m = d.receive(incoming.reset(sink.reset(room)));
        if (m <= 0) break;
        left -= m;
      }
    }
  },
  (ms) => 65536 / ms / 1e6,
);

const receiver = stack.udp.open();
receiver.bind(new SocketAddress(IpAddress.LOOPBACK4, 2000));
const sender = stack.udp.open();
const to = new SocketAddress(IpAddress.LOOPBACK4, 2000);
const DATAGRAMS = 100_000;
measure(
  'UDP 1 byte one way',
  'us',
  DATAGRAMS,
  () => {
    for (let i = 0; i < DATAGRAMS; i++) {
      sender.send(outgoing.reset(source.reset(one), 0, to));
      receiver.receive(incoming.reset(sink.reset(room)));
    }
  },
  (ms) => ms * 1000,
);

const listener = stack.tcp.open();
listener.bind(new SocketAddress(IpAddress.LOOPBACK4, 1002));
listener.listen(5);
const CONNECTIONS = 5000;
const target = new SocketAddress(IpAddress.LOOPBACK4, 1002);
measure(
  'TCP connect and close',
  'us',
  CONNECTIONS,
  () => {
    for (let i = 0; i < CONNECTIONS; i++) {
      const client = stack.tcp.open();
      client.connect(target);
      const server = listener.accept() as TcpEndpoint;
      server.close();
      client.close();
    }
  },
  (ms) => ms * 1000,
);
stack.close();
