import {
  CAP_NET_ADMIN,
  EOPNOTSUPP,
  EPERM,
  NETLINK_ROUTE,
  RTM_DELADDR,
  RTM_DELLINK,
  RTM_DELNEIGH,
  RTM_DELROUTE,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTM_NEWNEIGH,
  RTM_NEWROUTE,
  RTNLGRP_IPV4_IFADDR,
  RTNLGRP_IPV4_ROUTE,
  RTNLGRP_IPV6_IFADDR,
  RTNLGRP_IPV6_ROUTE,
  RTNLGRP_LINK,
  RTNLGRP_NEIGH,
} from '@sandbox/abi';
import type { Task } from '@sandbox/kernel-core/process';
import { NetlinkWriter } from '@sandbox/net';
import type { Network } from '../network.js';
import { deleteAddress, dumpAddresses, newAddress, writeAddressMessage } from './address.js';
import type { NetlinkReply, NetlinkRequest, NetlinkService } from './domain.js';
import { changeLink, deleteLink, getLink, writeLink } from './link.js';
import { getNumber, newNumber } from './namespace.js';
import { deleteNeighbour, getNeighbours, newNeighbour, writeNeighbour } from './neighbour.js';
import { deleteRoute, getRoute, newRoute, writeRoute } from './route-message.js';
import { deleteRule, dumpRules, newRule } from './rule.js';
import { deleteDiscipline, dumpDisciplines, dumpNothing, newDiscipline } from './traffic.js';

/** First message type of rtnetlink, and one behind the last: RTM_BASE, RTM_MAX + 1. */
const RTM_BASE = 16;
const RTM_END = 128;
const KIND_GET = 2;

/** NETLINK_ROUTE (rtnetlink(7)): interfaces, addresses, routes, neighbours and rules. */
export class RouteService implements NetlinkService {
  private readonly writer = new NetlinkWriter();

  constructor(private readonly network: Network) {}

  serve(request: NetlinkRequest, reply: NetlinkReply, caller: Task): number {
    if (request.type < RTM_BASE || request.type >= RTM_END) return -EOPNOTSUPP;
    // Without a family there is nothing to do, and nothing to complain of.
    if (request.payload.length < 1) return 0;
    const action = (request.type - RTM_BASE) & 3;
    if (action !== KIND_GET && !this.network.may(caller.cred, CAP_NET_ADMIN)) return -EPERM;
    const handler = HANDLERS.get((request.type - RTM_BASE) >> 2)?.[action];
    if (handler === undefined) return -EOPNOTSUPP;
    return handler(this.network, request, reply, caller);
  }

  /** Announce what changes to the groups of rtnetlink(7). */
  listen(): void {
    const { network } = this;
    network.stack.monitors.add({
      interfaceChanged: (iface, what) =>
        this.announce(RTNLGRP_LINK, what === 'removed' ? RTM_DELLINK : RTM_NEWLINK, (w) =>
          writeLink(w, network, iface),
        ),
      addressChanged: (iface, address, added) => {
        const group = address.address.isV4 ? RTNLGRP_IPV4_IFADDR : RTNLGRP_IPV6_IFADDR;
        this.announce(group, added ? RTM_NEWADDR : RTM_DELADDR, (w) =>
          writeAddressMessage(w, iface, address, network.stack.host.now()),
        );
      },
      routeChanged: (route, added) => {
        const group = route.destination.isV4 ? RTNLGRP_IPV4_ROUTE : RTNLGRP_IPV6_ROUTE;
        this.announce(group, added ? RTM_NEWROUTE : RTM_DELROUTE, (w) => writeRoute(w, route));
      },
      neighbourChanged: (entry, removed) =>
        this.announce(RTNLGRP_NEIGH, removed ? RTM_DELNEIGH : RTM_NEWNEIGH, (w) =>
          writeNeighbour(w, entry, network.stack.host.now()),
        ),
    });
  }

  private announce(group: number, type: number, write: (writer: NetlinkWriter) => void): void {
    const { netlink } = this.network;
    if (!netlink.heard(NETLINK_ROUTE, group)) return;
    const w = this.writer.reset();
    w.begin(type, 0, 0, 0);
    write(w);
    w.finish();
    const bytes = w.take();
    for (const socket of netlink.members(NETLINK_ROUTE, group)) socket.announce(bytes, group);
  }
}

type Handler = (network: Network, request: NetlinkRequest, reply: NetlinkReply, caller: Task) => number;

/**
 * By kind of object (link, address, route, neighbour, rule, queueing discipline, class, filter, namespace):
 * new, delete, get, set.
 */
const HANDLERS: ReadonlyMap<number, readonly (Handler | undefined)[]> = new Map([
  [0, [changeLink, deleteLink, getLink, changeLink]],
  [1, [newAddress, deleteAddress, dumpAddresses]],
  [2, [newRoute, deleteRoute, getRoute]],
  [3, [newNeighbour, deleteNeighbour, getNeighbours]],
  [4, [newRule, deleteRule, dumpRules]],
  [5, [newDiscipline, deleteDiscipline, dumpDisciplines]],
  [6, [undefined, undefined, dumpNothing]],
  [7, [undefined, undefined, dumpNothing]],
  [18, [newNumber, undefined, getNumber]],
]);
