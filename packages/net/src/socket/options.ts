import { IP_PMTUDISC_WANT } from '@sandbox/abi';
import { IpAddress } from '../core/address.js';

/**
 * The options of an endpoint under SOL_SOCKET, SOL_IP and SOL_IPV6, as values: who sets them has checked the
 * caller's rights and the shape of the value. A socket of AF_INET6 has both the IPv4 and the IPv6 ones.
 */
export class EndpointOptions {
  // SOL_SOCKET
  reuseAddress = false;
  reusePort = false;
  broadcast = false;
  dontRoute = false;
  noCheck = false;
  priority = 0;
  mark = 0;
  /** SO_BINDTODEVICE, SO_BINDTOIFINDEX; 0: any. */
  boundInterface = 0;
  /** Bytes, as getsockopt shows them. */
  sendBuffer = 212992;
  receiveBuffer = 212992;
  /** SO_RXQ_OVFL: messages tell how many were dropped. */
  receiveOverflow = false;

  // SOL_IP
  /** -1: the default of the stack. */
  ttl = -1;
  tos = 0;
  mtuDiscover = IP_PMTUDISC_WANT;
  receiveErrors = false;
  headerIncluded = false;
  freeBind = false;
  transparent = false;
  minTtl = 0;
  bindAddressNoPort = false;
  /** IP_LOCAL_PORT_RANGE; 0: the stack's. */
  portLow = 0;
  portHigh = 0;
  /** IP_OPTIONS: bytes put into each packet; empty: none. */
  ipOptions: Uint8Array = NO_BYTES;
  multicastTtl = 1;
  multicastLoop = true;
  multicastAll = true;
  /** Interface of multicast without a route; 0: by route. */
  multicastInterface = 0;
  multicastSource: IpAddress = IpAddress.ANY4;
  unicastInterface = 0;

  // SOL_IPV6
  v6Only = false;
  hopLimit = -1;
  trafficClass = 0;
  flowInfoSend = false;
  autoFlowLabel = false;
  multicastHops = 1;
  multicastLoop6 = true;
  multicastAll6 = true;
  multicastInterface6 = 0;
  unicastInterface6 = 0;
  mtuDiscover6 = IP_PMTUDISC_WANT;
  receiveErrors6 = false;
  dontFragment = false;
  /** IPV6_PKTINFO: the interface to send by where nothing else names one; 0: by route. */
  stickyInterface6 = 0;
  /**
   * IPV6_HOPOPTS, IPV6_DSTOPTS: extension headers of every message that brings none of its own (RFC 3542
   * section 4); empty: none.
   */
  hopOptions: Uint8Array = NO_BYTES;
  destinationOptions: Uint8Array = NO_BYTES;
  /** IPV6_RTHDRDSTOPTS: only sent in front of a routing header. */
  routingDestinationOptions: Uint8Array = NO_BYTES;
  /** IPV6_MTU: -1 not set. */
  mtu6 = -1;
  minHopCount = 0;
  /** IPV6_CHECKSUM of a raw socket: offset, -1: none. */
  checksumOffset = -1;
}

const NO_BYTES = new Uint8Array(0);
