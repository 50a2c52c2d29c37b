import {
  IpAddress,
  type Link,
  type NetInterface,
  NetStack,
  parseCidr,
  VirtualHost,
  VirtualSwitch,
} from '../../src/index.js';

/** Give `stack` an interface with addresses (`10.0.0.1/24`), up. */
export function addInterface(
  stack: NetStack,
  name: string,
  link: Link,
  ...addresses: string[]
): NetInterface {
  const iface = stack.addInterface(name, link) as NetInterface;
  stack.setInterface(iface, { up: true });
  for (const text of addresses) {
    const { address, prefixLength } = parseCidr(text)!;
    stack.addAddress(iface, {
      address,
      prefixLength,
      broadcast: address.isV4 ? address.broadcastOf(prefixLength) : null,
    });
  }
  return iface;
}

/** A stack with loopback up, sharing `host`'s clock. */
export function newStack(host: VirtualHost, seed: number): NetStack {
  const stack = new NetStack(host.fork(seed));
  stack.addAddress(stack.loopback, { address: IpAddress.LOOPBACK4, prefixLength: 8 });
  stack.setInterface(stack.loopback, { up: true });
  return stack;
}

/** Two hosts on one switch: 10.0.0.1 and 10.0.0.2, fd00::1 and fd00::2. */
export function lan(wrap: (link: Link, host: VirtualHost) => Link = (link) => link) {
  const host = new VirtualHost(7);
  const net = new VirtualSwitch();
  const a = newStack(host, 1);
  const b = newStack(host, 2);
  const ifaceA = addInterface(a, 'eth0', wrap(net.port(), host.fork(11)), '10.0.0.1/24', 'fd00::1/64');
  const ifaceB = addInterface(b, 'eth0', wrap(net.port(), host.fork(12)), '10.0.0.2/24', 'fd00::2/64');
  return { host, net, a, b, ifaceA, ifaceB };
}
