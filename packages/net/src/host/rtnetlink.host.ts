import {
  ENOBUFS,
  NETLINK_ROUTE,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  RTMGRP_IPV4_IFADDR,
  RTMGRP_IPV4_ROUTE,
  RTMGRP_IPV6_IFADDR,
  RTMGRP_IPV6_ROUTE,
  RTMGRP_LINK,
} from '@sandbox/abi';
import { check } from '../link/check.host.js';
import { readiness } from '../link/readiness.host.js';
import { NetlinkWriter, u32At } from '../wire/netlink.js';
import { HostNetlink, messagesIn } from './netlink.host.js';

/** The routing socket (rtnetlink(7)) of the host's network namespace this thread was in when it was made. */
export class HostRouting {
  private readonly socket = new HostNetlink(NETLINK_ROUTE);
  private readonly writer = new NetlinkWriter();
  private sequence = 0;

  /** Everything of a kind (RTM_GETLINK, ...), as the messages' payloads. */
  dump(type: number, headerSize: number): Uint8Array[] {
    const w = this.writer.reset();
    w.begin(type, NLM_F_REQUEST | NLM_F_DUMP, ++this.sequence, 0);
    // Zeros: of any family, whatever its number.
    w.header(headerSize);
    w.finish();
    this.socket.send(w.take());
    const found: Uint8Array[] = [];
    while (this.read(this.socket.receive(true)!, found));
    return found;
  }

  /** Is more to come? */
  private read(bytes: Uint8Array, found: Uint8Array[]): boolean {
    for (const { type, sequence, payload } of messagesIn(bytes)) {
      if (sequence !== this.sequence || type === NLMSG_DONE) return sequence !== this.sequence;
      if (type === NLMSG_ERROR) check(u32At(payload, 0) | 0, 'netlink dump');
      found.push(payload);
    }
    return true;
  }

  close(): void {
    this.socket.close();
  }
}

const GROUPS = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;

/**
 * Tells that interfaces, addresses or routes of the namespace this thread was in have changed; what became of
 * them is to be asked for.
 */
export class HostChanges {
  private readonly socket = new HostNetlink(NETLINK_ROUTE, GROUPS);

  /** Call `fn` after changes from now on; what has happened since this was made counts. */
  watch(fn: () => void): void {
    readiness.watch(this.socket.fd, () => {
      if (this.drain()) fn();
    });
  }

  private drain(): boolean {
    let any = false;
    try {
      while (this.socket.receive(false) !== null) any = true;
    } catch (error) {
      // Some were lost: all the more has changed.
      if ((error as { errno?: number }).errno !== ENOBUFS) throw error;
      any = true;
    }
    return any;
  }

  close(): void {
    readiness.unwatch(this.socket.fd);
    this.socket.close();
  }
}
