import {
  BytesSink,
  BytesSource,
  type Endpoint,
  IpAddress,
  NetStack,
  ReceiveRequest,
  SendRequest,
  SocketAddress,
  VirtualHost,
} from '../../src/index.js';

/** A stack in virtual time with loopback up. */
export function loopbackStack(seed = 1): { host: VirtualHost; stack: NetStack } {
  const host = new VirtualHost(seed);
  const stack = new NetStack(host);
  stack.addAddress(stack.loopback, { address: IpAddress.LOOPBACK4, prefixLength: 8 });
  stack.setInterface(stack.loopback, { up: true });
  return { host, stack };
}

export function address(text: string): IpAddress {
  const parsed = IpAddress.parse(text);
  if (parsed === null) throw new Error(`not an address: ${text}`);
  return parsed;
}

export function at(text: string, port: number, scopeId = 0): SocketAddress {
  return new SocketAddress(address(text), port, scopeId);
}

export function sendText(
  endpoint: Endpoint,
  text: string,
  to: SocketAddress | null = null,
  flags = 0,
): number {
  return endpoint.send(new SendRequest().reset(new BytesSource(Buffer.from(text, 'latin1')), flags, to));
}

/** The next message as text, or -errno. */
export function receiveText(
  endpoint: Endpoint,
  request = new ReceiveRequest(),
  size = 65536,
  flags = 0,
): string | number {
  const buffer = new Uint8Array(size);
  const n = endpoint.receive(request.reset(new BytesSink(buffer), flags));
  return n < 0 ? n : Buffer.from(buffer.subarray(0, Math.min(n, size))).toString('latin1');
}
