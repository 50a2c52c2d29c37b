import { createServer, type Server, type Socket } from 'node:net';
import {
  AF_INET,
  SO_REUSEADDR,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOCKADDR_IN,
  SOL_SOCKET,
  SYS_bind,
  SYS_close,
  SYS_listen,
  SYS_setsockopt,
  SYS_socket,
} from '@sandbox/abi';
import { hostSyscall, hostSyscall3, scratchAddress, scratchBytes, scratchView } from '@sandbox/native';
import { IpAddress, SocketAddress } from '../core/address.js';
import type { StackMonitor } from '../ip/monitor.js';
import { check } from '../link/check.host.js';
import { PublishedConnection } from '../nat/published-connection.host.js';
import type { NetStack } from '../stack.js';
import { inHostNamespace } from './namespace.host.js';

const BACKLOG = 511;

/**
 * Has the loopback of the host's namespace `path` lead to the stack's, for TCP over IPv4: where somebody
 * inside listens on a port that loopback reaches, the host does on 127.0.0.1. Who enters the namespace of a
 * pod to connect to localhost there finds its servers so (port-forward of Kubernetes' CRI). Where the host's
 * port cannot be had, it stays as it is.
 */
export class LoopbackMirror implements StackMonitor {
  private readonly servers = new Map<number, Server>();
  private readonly open = new Set<Socket>();

  constructor(
    private readonly stack: NetStack,
    private readonly path: string,
  ) {
    stack.monitors.add(this);
    for (const endpoint of stack.tcp.allListeners()) this.listening(endpoint);
  }

  listening({ local }: { readonly local: SocketAddress }): void {
    const { address, port } = local;
    if (!address.isAny && !address.isLoopback) return;
    if (this.servers.has(port)) return;
    let fd: number;
    try {
      fd = inHostNamespace(this.path, () => listenAt(port));
    } catch {
      return;
    }
    const ended = (outside: Socket): void => void this.open.delete(outside);
    const guest = new SocketAddress(IpAddress.LOOPBACK4, port);
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (outside) => {
      this.open.add(outside);
      new PublishedConnection(this.stack, outside, guest, undefined, ended);
    });
    server.on('error', () => {});
    server.listen({ fd });
    server.unref();
    this.servers.set(port, server);
  }

  notListening(port: number): void {
    this.servers.get(port)?.close();
    this.servers.delete(port);
  }

  close(): void {
    this.stack.monitors.delete(this);
    for (const port of [...this.servers.keys()]) this.notListening(port);
    for (const socket of this.open) socket.destroy();
  }
}

/** A socket that listens on 127.0.0.1. Throws an `Error` with the host's `code`. */
function listenAt(port: number): number {
  const fd = check(
    hostSyscall3(SYS_socket, AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
    'a socket',
  );
  try {
    scratchView.setUint32(0, 1, true);
    hostSyscall(SYS_setsockopt, fd, SOL_SOCKET, SO_REUSEADDR, scratchAddress, 4);
    scratchBytes.fill(0, 0, SOCKADDR_IN.SIZE);
    scratchView.setUint16(SOCKADDR_IN.sin_family, AF_INET, true);
    scratchView.setUint16(SOCKADDR_IN.sin_port, port);
    scratchView.setUint32(SOCKADDR_IN.sin_addr, 0x7f000001);
    check(hostSyscall3(SYS_bind, fd, scratchAddress, SOCKADDR_IN.SIZE), 'bind');
    check(hostSyscall3(SYS_listen, fd, BACKLOG, 0), 'listen');
    return fd;
  } catch (error) {
    hostSyscall3(SYS_close, fd, 0, 0);
    throw error;
  }
}
