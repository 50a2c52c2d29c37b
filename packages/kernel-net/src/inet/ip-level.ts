import {
  AF_INET,
  EADDRNOTAVAIL,
  EFAULT,
  EINVAL,
  ENOPROTOOPT,
  ENOTCONN,
  EOPNOTSUPP,
  IP_LOCAL_PORT_RANGE,
  IP_MTU,
  IP_MULTICAST_ALL,
  IP_MULTICAST_IF,
  IP_OPTIONS,
  IP_PKTOPTIONS,
  IP_PROTOCOL,
  SOCK_STREAM,
  SOL_IP,
} from '@sandbox/abi';
import type { Task } from '@sandbox/kernel-core/process';
import { IpAddress } from '@sandbox/net';
import { IP_NUMBERS } from './ip-options.js';
import { intAt, setMulticastOption } from './multicast-options.js';
import { getNumber, setNumber } from './option-table.js';
import type { InetSocket } from './socket.js';

/** Options of multicast routing daemons, which there is no support for (ip_mroute_opt). */
const MRT_FIRST = 200;
const MRT_LAST = 211;

/** setsockopt(2) at SOL_IP. Values may be one byte long, or missing, which is zero. */
export function setIpOption(
  socket: InetSocket,
  t: Task,
  name: number,
  value: Uint8Array | null,
  length: number,
): number {
  if (name >= MRT_FIRST && name <= MRT_LAST) return -EOPNOTSUPP;
  const option = IP_NUMBERS.get(name);
  if (option === undefined) return setStruct(socket, name, value, length);
  if (value === null && length > 0) return -EFAULT;
  let number = 0;
  if (value !== null && length >= 4) number = intAt(value, 0);
  else if (value !== null && length >= 1) number = value[0]!;
  if (length < 1 && option.needsValue === true) return -EINVAL;
  // An index is an int or nothing.
  if (name === 50 && length !== 4) return -EINVAL;
  return setNumber(IP_NUMBERS, socket.values, SOL_IP, name, number, socket, t.cred);
}

function setStruct(socket: InetSocket, name: number, value: Uint8Array | null, length: number): number {
  const group = setMulticastOption(socket, SOL_IP, name, value, length);
  if (group !== null) return group;
  switch (name) {
    case IP_OPTIONS:
      if (length > 40) return -EINVAL;
      if (value === null && length > 0) return -EFAULT;
      socket.changeStackOptions().ipOptions = value === null ? new Uint8Array(0) : value.slice(0, length);
      return 0;
    case IP_MULTICAST_IF:
      return setMulticastInterface(socket, value, length);
    case IP_LOCAL_PORT_RANGE: {
      if (length !== 4) return -EINVAL;
      if (value === null) return -EFAULT;
      const low = value[0]! | (value[1]! << 8);
      const high = value[2]! | (value[3]! << 8);
      if (low !== 0 && high !== 0 && low > high) return -EINVAL;
      const options = socket.changeStackOptions();
      options.portLow = low;
      options.portHigh = high;
      return 0;
    }
    default:
      return -ENOPROTOOPT;
  }
}

/** struct ip_mreqn, ip_mreq or in_addr: the interface they name, by index or by an address of it. */
function setMulticastInterface(socket: InetSocket, value: Uint8Array | null, length: number): number {
  if (socket.type === SOCK_STREAM) return -EINVAL;
  if (length < 4) return -EINVAL;
  if (value === null) return -EFAULT;
  const { stack } = socket.network;
  const options = socket.changeStackOptions();
  const index = length >= 12 ? intAt(value, 8) : 0;
  const address = IpAddress.fromBytes4(value, length >= 8 ? 4 : 0);
  if (index !== 0) {
    if (stack.interfaceByIndex(index) === undefined) return -EADDRNOTAVAIL;
    options.multicastInterface = index;
    options.multicastSource = address;
    return 0;
  }
  if (address.isAny) {
    options.multicastInterface = 0;
    options.multicastSource = IpAddress.ANY4;
    return 0;
  }
  const iface = stack.interfaces.find((i) => i.findAddress(address) !== undefined);
  if (iface === undefined) return -EADDRNOTAVAIL;
  options.multicastInterface = iface.index;
  options.multicastSource = address;
  return 0;
}

/**
 * getsockopt(2) at SOL_IP: bytes stored in `out`. A caller with room for one byte gets one, when the value
 * fits.
 */
export function getIpOption(
  socket: InetSocket,
  _t: Task,
  name: number,
  out: Uint8Array,
  room: number,
): number {
  const view = new DataView(out.buffer, out.byteOffset);
  const number = (value: number): number => {
    if (room > 0 && room < 4 && value >= 0 && value <= 255) {
      out[0] = value;
      return 1;
    }
    view.setInt32(0, value, true);
    return 4;
  };
  if (name === IP_MULTICAST_ALL)
    return number(socket.stackOptions.multicastAll && socket.domain === AF_INET ? 1 : 0);
  const value = getNumber(IP_NUMBERS, socket.values, SOL_IP, name, socket);
  if (value !== undefined) return number(value);
  switch (name) {
    case IP_OPTIONS:
      out.set(socket.stackOptions.ipOptions);
      return socket.stackOptions.ipOptions.length;
    case IP_PKTOPTIONS:
      return socket.type === SOCK_STREAM ? 0 : -ENOPROTOOPT;
    case IP_MTU: {
      const mtu = socket.pathMtu;
      return mtu === 0 ? -ENOTCONN : number(mtu);
    }
    case IP_MULTICAST_IF:
      socket.stackOptions.multicastSource.toBytes(out, 0);
      return 4;
    case IP_LOCAL_PORT_RANGE:
      view.setUint16(0, socket.stackOptions.portLow, true);
      view.setUint16(2, socket.stackOptions.portHigh, true);
      return 4;
    case IP_PROTOCOL:
      return number(0);
    default:
      return name >= MRT_FIRST && name <= MRT_LAST ? -EOPNOTSUPP : -ENOPROTOOPT;
  }
}
