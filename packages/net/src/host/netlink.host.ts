import {
  AF_NETLINK,
  EAGAIN,
  EINTR,
  MSG_DONTWAIT,
  NLMSGHDR,
  SOCK_CLOEXEC,
  SOCK_RAW,
  SOCKADDR_NL,
  SYS_bind,
  SYS_close,
  SYS_recvfrom,
  SYS_sendto,
  SYS_socket,
} from '@sandbox/abi';
import { hostSyscall, hostSyscall3, scratchAddress, scratchBytes, scratchView } from '@sandbox/native';
import { check } from '../link/check.host.js';
import { u16At, u32At } from '../wire/netlink.js';

const BUFFER = 65536;

/**
 * A netlink socket (netlink(7)) of the host's network namespace this thread was in when it was made. Errors
 * are thrown with the host's `code`.
 */
export class HostNetlink {
  readonly fd: number;

  /** `groups`: what it wants to be told of, as a mask. */
  constructor(protocol: number, groups = 0) {
    this.fd = check(
      hostSyscall3(SYS_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol),
      'netlink socket',
    );
    if (groups === 0) return;
    scratchBytes.fill(0, 0, SOCKADDR_NL.SIZE);
    scratchView.setUint16(SOCKADDR_NL.nl_family, AF_NETLINK, true);
    scratchView.setUint32(SOCKADDR_NL.nl_groups, groups, true);
    const bound = hostSyscall3(SYS_bind, this.fd, scratchAddress, SOCKADDR_NL.SIZE);
    if (bound < 0) this.close();
    check(bound, 'binding a netlink socket');
  }

  send(bytes: Uint8Array): void {
    scratchBytes.set(bytes);
    check(hostSyscall(SYS_sendto, this.fd, scratchAddress, bytes.length, 0, 0, 0), 'netlink request');
  }

  /** What comes next, as messages one behind the other; null: nothing has (never with `wait`). */
  receive(wait: boolean): Uint8Array | null {
    for (;;) {
      const flags = wait ? 0 : MSG_DONTWAIT;
      const length = hostSyscall(SYS_recvfrom, this.fd, scratchAddress, BUFFER, flags, 0, 0);
      if (length === -EINTR) continue;
      return length === -EAGAIN ? null : scratchBytes.slice(0, check(length, 'netlink answer'));
    }
  }

  close(): void {
    hostSyscall3(SYS_close, this.fd, 0, 0);
  }
}

/** A message: its type, whose answer it is, and what is behind its header. */
export interface NetlinkMessage {
  readonly type: number;
  readonly sequence: number;
  readonly payload: Uint8Array;
}

/** The messages in what was received. */
export function* messagesIn(bytes: Uint8Array): Iterable<NetlinkMessage> {
  for (let at = 0; at + NLMSGHDR.SIZE <= bytes.length; ) {
    const length = u32At(bytes, at);
    if (length < NLMSGHDR.SIZE || at + length > bytes.length) return;
    yield {
      type: u16At(bytes, at + NLMSGHDR.nlmsg_type),
      sequence: u32At(bytes, at + NLMSGHDR.nlmsg_seq),
      payload: bytes.subarray(at + NLMSGHDR.SIZE, at + length),
    };
    at += (length + 3) & ~3;
  }
}
