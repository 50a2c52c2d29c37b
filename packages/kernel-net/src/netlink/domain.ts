import {
  EADDRINUSE,
  ENOBUFS,
  EPROTONOSUPPORT,
  ESOCKTNOSUPPORT,
  NETLINK_CAP_ACK,
  NETLINK_CONNECTOR,
  NETLINK_EXT_ACK,
  NETLINK_GENERIC,
  NETLINK_KOBJECT_UEVENT,
  NETLINK_NETFILTER,
  NETLINK_ROUTE,
  NETLINK_SOCK_DIAG,
  NETLINK_USERSOCK,
  NLM_F_ACK,
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLM_F_MULTI,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_MIN_TYPE,
  NLMSGERR_ATTR_MSG,
  NLMSGERR_ATTR_OFFS,
  NLMSGHDR,
  SOCK_DGRAM,
  SOCK_RAW,
} from '@sandbox/abi';
import type { SocketFile } from '@sandbox/kernel-core/files';
import { ioOf } from '@sandbox/kernel-core/files';
import type { KernelCore, SocketFamily, Task } from '@sandbox/kernel-core/process';
import { NetlinkWriter, u16At, u32At } from '@sandbox/net';
import type { Credentials } from '@sandbox/vfs';
import type { Network } from '../network.js';
import { NetlinkSocket } from './socket.js';

/** Bytes of a dump one recvmsg gets at most; readers offer 32 KiB. */
const DUMP_CHUNK = 16384;

/** A request as it came in. */
export interface NetlinkRequest {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** Port of whoever asks. */
  readonly port: number;
  /** Behind the header. */
  readonly payload: Uint8Array;
  /** Header and payload, for the acknowledgement. */
  readonly whole: Uint8Array;
}

/**
 * Tells whoever asked what became of a request: 0 or -errno, words, and where in the request it is wrong (0:
 * not known).
 */
export type Acknowledge = (
  request: NetlinkRequest,
  result: number,
  message?: string,
  offset?: number,
) => void;

/** What serves the requests of one netlink protocol. */
export interface NetlinkService {
  /** Does a message of this type begin a batch, which is served as a whole? */
  isBatch?(type: number): boolean;
  /**
   * Serve all that came in one send. Who sees to it that only what failed, or wanted to know, is told is
   * `acknowledge`.
   */
  serveBatch?(
    requests: readonly NetlinkRequest[],
    reply: NetlinkReply,
    caller: Task,
    acknowledge: Acknowledge,
  ): void;
  /** Serve one request. 0 or -errno, told in an acknowledgement; `reply` has what else goes back. */
  serve(request: NetlinkRequest, reply: NetlinkReply, caller: Task, socket: NetlinkSocket): number;
  /** Take what came in one send as it is: nothing of it is acknowledged. */
  receive?(socket: NetlinkSocket, bytes: Uint8Array, caller: Task): void;
  /** A socket is gone. */
  released?(socket: NetlinkSocket): void;
}

/** Where a service writes its answer. */
export class NetlinkReply {
  readonly writer = new NetlinkWriter();
  private chunks: Uint8Array[] = [];
  private multi = false;
  /** Text of an extended acknowledgement. */
  message = '';
  /** Where in the request the attribute is that it fails for; 0: not known. */
  offset = 0;
  request!: NetlinkRequest;

  start(request: NetlinkRequest): this {
    this.request = request;
    this.writer.reset();
    this.chunks = [];
    this.multi = false;
    this.message = '';
    this.offset = 0;
    return this;
  }

  /** Begin one message of the answer. In a dump every one carries NLM_F_MULTI. */
  begin(type: number, flags = 0): NetlinkWriter {
    this.writer.begin(type, flags | (this.multi ? NLM_F_MULTI : 0), this.request.sequence, this.request.port);
    return this.writer;
  }

  end(): void {
    this.writer.finish();
    if (this.writer.end > DUMP_CHUNK) this.chunks.push(this.writer.take());
  }

  /** What follows is a dump: a list that ends with NLMSG_DONE. */
  dump(): void {
    this.multi = true;
  }

  get dumping(): boolean {
    return this.multi;
  }

  /** Everything written, as the messages a reader gets. */
  finish(): Uint8Array[] {
    if (this.multi) {
      this.begin(NLMSG_DONE).header(4);
      this.writer.finish();
    }
    if (this.writer.end > 0) this.chunks.push(this.writer.take());
    return this.chunks;
  }

  /** Refuse with words (extended acknowledgement). */
  refuse(errno: number, message: string): number {
    this.message = message;
    return -errno;
  }
}

/** The netlink sockets of a kernel: ports, groups, and what answers requests. */
export class NetlinkDomain implements SocketFamily {
  private readonly ports = new Map<number, Map<number, NetlinkSocket>>();
  private readonly reply = new NetlinkReply();
  private readonly acknowledgement = new NetlinkWriter();

  constructor(
    readonly kernel: KernelCore,
    readonly network: Network,
    private readonly services: ReadonlyMap<number, NetlinkService>,
  ) {}

  create(cred: Credentials, type: number, protocol: number, flags: number): SocketFile | number {
    if (type !== SOCK_RAW && type !== SOCK_DGRAM) return -ESOCKTNOSUPPORT;
    if (!PROTOCOLS.has(protocol)) return -EPROTONOSUPPORT;
    return new NetlinkSocket(
      this,
      ioOf(this.kernel).socketInode(cred.fsuid, cred.fsgid),
      type,
      protocol,
      flags,
    );
  }

  // Ports and groups ----------------------------------------------------------------------------------------

  private of(protocol: number): Map<number, NetlinkSocket> {
    let ports = this.ports.get(protocol);
    if (ports === undefined) this.ports.set(protocol, (ports = new Map()));
    return ports;
  }

  at(protocol: number, port: number): NetlinkSocket | null {
    return this.ports.get(protocol)?.get(port) ?? null;
  }

  /** 0 or -EADDRINUSE. */
  bind(socket: NetlinkSocket, port: number): number {
    const ports = this.of(socket.protocol);
    if (ports.has(port)) return -EADDRINUSE;
    ports.set(port, socket);
    socket.port = port;
    return 0;
  }

  /** The process id, or when that is taken a number far away from any. */
  autobind(socket: NetlinkSocket, pid: number): number {
    const ports = this.of(socket.protocol);
    let port = pid;
    for (let tries = 0; ports.has(port); tries++) {
      if (tries > 1000) return -ENOBUFS;
      port = (0x80000000 + (this.kernel.random.uint32() & 0x7fffefff)) >>> 0;
    }
    return this.bind(socket, port);
  }

  unbind(socket: NetlinkSocket): void {
    const ports = this.ports.get(socket.protocol);
    if (ports?.get(socket.port) === socket) ports.delete(socket.port);
    this.services.get(socket.protocol)?.released?.(socket);
  }

  *members(protocol: number, group: number): Generator<NetlinkSocket> {
    for (const socket of this.ports.get(protocol)?.values() ?? []) if (socket.inGroup(group)) yield socket;
  }

  /** Every bound socket, for /proc/net/netlink. */
  *all(): Generator<NetlinkSocket> {
    for (const ports of this.ports.values()) yield* ports.values();
  }

  /** Does the kernel itself listen to a protocol? */
  serves(protocol: number): boolean {
    return this.services.has(protocol);
  }

  /** Does anybody listen to `group`? */
  heard(protocol: number, group: number): boolean {
    for (const _ of this.members(protocol, group)) return true;
    return false;
  }

  // Requests ------------------------------------------------------------------------------------------------

  /** Serve what `bytes` ask for (netlink_rcv_skb). False: nothing in the kernel listens to this protocol. */
  request(socket: NetlinkSocket, bytes: Uint8Array, caller: Task): boolean {
    const service = this.services.get(socket.protocol);
    if (service === undefined) return false;
    if (service.receive !== undefined) {
      service.receive(socket, bytes, caller);
      return true;
    }
    const requests: NetlinkRequest[] = [];
    let at = 0;
    while (at + NLMSGHDR.SIZE <= bytes.length) {
      const length = u32At(bytes, at);
      if (length < NLMSGHDR.SIZE || at + length > bytes.length) break;
      const whole = bytes.subarray(at, at + length);
      const request: NetlinkRequest = {
        type: u16At(whole, NLMSGHDR.nlmsg_type),
        flags: u16At(whole, NLMSGHDR.nlmsg_flags),
        sequence: u32At(whole, NLMSGHDR.nlmsg_seq),
        port: socket.port,
        payload: whole.subarray(NLMSGHDR.SIZE),
        whole,
      };
      requests.push(request);
      at += (length + 3) & ~3;
    }
    const [first] = requests;
    if (first !== undefined && service.isBatch?.(first.type)) {
      service.serveBatch?.(requests, this.reply, caller, (request, result, message = '', offset = 0) => {
        if (result < 0 || (request.flags & NLM_F_ACK) !== 0)
          socket.answer(this.acknowledge(socket, request, result, message, offset));
      });
    } else for (const request of requests) this.serveOne(socket, service, request, caller);
    return true;
  }

  private serveOne(
    socket: NetlinkSocket,
    service: NetlinkService,
    request: NetlinkRequest,
    caller: Task,
  ): void {
    let result = 0;
    let message = '';
    let offset = 0;
    if ((request.flags & NLM_F_REQUEST) !== 0 && request.type >= NLMSG_MIN_TYPE) {
      const reply = this.reply.start(request);
      result = service.serve(request, reply, caller, socket);
      ({ message, offset } = reply);
      if (result === 0) {
        for (const chunk of reply.finish()) socket.answer(chunk);
        // A dump ends with NLMSG_DONE, which is its acknowledgement.
        if (reply.dumping) return;
      }
    }
    if (result < 0 || (request.flags & NLM_F_ACK) !== 0)
      socket.answer(this.acknowledge(socket, request, result, message, offset));
  }

  private acknowledge(
    socket: NetlinkSocket,
    request: NetlinkRequest,
    result: number,
    message: string,
    offset: number,
  ): Uint8Array {
    const w = this.acknowledgement.reset();
    let flags = 0;
    const quoted =
      result < 0 && !socket.has(NETLINK_CAP_ACK) ? request.whole : request.whole.subarray(0, NLMSGHDR.SIZE);
    if (result === 0 || socket.has(NETLINK_CAP_ACK)) flags |= NLM_F_CAPPED;
    const explain = (message !== '' || offset !== 0) && socket.has(NETLINK_EXT_ACK);
    if (explain) flags |= NLM_F_ACK_TLVS;
    w.begin(NLMSG_ERROR, flags, request.sequence, request.port);
    const at = w.header(4 + quoted.length);
    w.set32(at, result);
    w.bytes.set(quoted, at + 4);
    if (explain && message !== '') w.string(NLMSGERR_ATTR_MSG, message);
    if (explain && offset !== 0) w.u32(NLMSGERR_ATTR_OFFS, offset);
    w.finish();
    return w.take();
  }
}

const PROTOCOLS: ReadonlySet<number> = new Set([
  NETLINK_ROUTE,
  NETLINK_USERSOCK,
  NETLINK_SOCK_DIAG,
  NETLINK_KOBJECT_UEVENT,
  NETLINK_NETFILTER,
  NETLINK_GENERIC,
  NETLINK_CONNECTOR,
]);
