import type { SocketAddress } from '../core/address.js';
import type { InterfaceAddress, NetInterface } from './interface.js';
import type { Neighbour } from './neighbours.js';
import type { Route } from './route-table.js';

/**
 * Hears of changes to interfaces, addresses, routes, neighbours (rtnetlink notifications) and listening
 * sockets. All methods are optional.
 */
export interface StackMonitor {
  interfaceChanged?(iface: NetInterface, what: 'added' | 'removed' | 'changed'): void;
  addressChanged?(iface: NetInterface, address: InterfaceAddress, added: boolean): void;
  routeChanged?(route: Route, added: boolean): void;
  neighbourChanged?(neighbour: Neighbour, removed: boolean): void;
  /** A TCP socket listens. */
  listening?(socket: { readonly local: SocketAddress }): void;
  /** No TCP socket listens on `port` any more. */
  notListening?(port: number): void;
}
