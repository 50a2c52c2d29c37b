import {
  AF_NETLINK,
  EINTR,
  NETLINK_ROUTE,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSGHDR,
  SOCK_CLOEXEC,
  SOCK_RAW,
  SYS_close,
  SYS_recvfrom,
  SYS_sendto,
  SYS_socket,
} from '@sandbox/abi';
import { hostSyscall, hostSyscall3, scratchAddress, scratchBytes } from '@sandbox/native';
import { check } from '../link/check.host.js';
import { NetlinkWriter, u16At, u32At } from '../wire/netlink.js';

const BUFFER = 65536;

/** The routing socket (rtnetlink(7)) of the host's network namespace this thread was in when it was made. */
export class HostRouting {
  private readonly fd: number;
  private readonly writer = new NetlinkWriter();
  private sequence = 0;

  constructor() {
    this.fd = check(
      hostSyscall3(SYS_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE),
      'netlink socket',
    );
  }

  /** Everything of a kind (RTM_GETLINK, ...), as the messages' payloads. */
  dump(type: number, headerSize: number): Uint8Array[] {
    const found: Uint8Array[] = [];
    // Zeros: of any family, whatever its number.
    this.ask(type, NLM_F_DUMP, new Uint8Array(headerSize), (payload) => found.push(payload));
    return found;
  }

  /** Change something, as a message told of it says. 0, or the host's `-errno`. */
  change(type: number, flags: number, payload: Uint8Array): number {
    return this.ask(type, flags | NLM_F_ACK, payload, () => {});
  }

  private ask(
    type: number,
    flags: number,
    request: Uint8Array,
    onMessage: (payload: Uint8Array) => void,
  ): number {
    const w = this.writer.reset();
    w.begin(type, NLM_F_REQUEST | flags, ++this.sequence, 0);
    const at = w.header(request.length);
    w.bytes.set(request, at);
    w.finish();
    const bytes = w.take();
    scratchBytes.set(bytes);
    check(hostSyscall(SYS_sendto, this.fd, scratchAddress, bytes.length, 0, 0, 0), 'netlink request');
    for (;;) {
      const length = hostSyscall(SYS_recvfrom, this.fd, scratchAddress, BUFFER, 0, 0, 0);
      if (length === -EINTR) continue;
      const end = this.read(scratchBytes.slice(0, check(length, 'netlink answer')), onMessage);
      if (end !== null) return end;
    }
  }

  /** The result of a request whose answer ends in `bytes`; null: more is to come. */
  private read(bytes: Uint8Array, onMessage: (payload: Uint8Array) => void): number | null {
    for (let at = 0; at + NLMSGHDR.SIZE <= bytes.length; ) {
      const length = u32At(bytes, at);
      if (length < NLMSGHDR.SIZE || at + length > bytes.length) break;
      const type = u16At(bytes, at + NLMSGHDR.nlmsg_type);
      const payload = bytes.subarray(at + NLMSGHDR.SIZE, at + length);
      if (u32At(bytes, at + NLMSGHDR.nlmsg_seq) === this.sequence) {
        if (type === NLMSG_DONE) return 0;
        if (type === NLMSG_ERROR) return u32At(payload, 0) | 0;
        onMessage(payload);
      }
      at += (length + 3) & ~3;
    }
    return null;
  }

  close(): void {
    hostSyscall3(SYS_close, this.fd, 0, 0);
  }
}
