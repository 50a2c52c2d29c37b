import {
  AF_PACKET,
  ETH_P_ALL,
  PACKET_ADD_MEMBERSHIP,
  PACKET_IGNORE_OUTGOING,
  PACKET_MR_ALLMULTI,
  PACKET_VNET_HDR,
  SO_RCVBUFFORCE,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOCKADDR_LL,
  SOL_PACKET,
  SOL_SOCKET,
  SYS_bind,
  SYS_close,
  SYS_setsockopt,
  SYS_socket,
} from '@sandbox/abi';
import { hostSyscall, hostSyscall3, scratchAddress, scratchBytes, scratchView } from '@sandbox/native';
import { check } from './check.host.js';
import { FrameDeviceLink } from './frame-device.host.js';

/** Room for frames while this process is busy. */
const RECEIVE_BUFFER = 4 << 20;
const NETWORK_ORDER_ALL = ((ETH_P_ALL & 0xff) << 8) | (ETH_P_ALL >>> 8);

/** What a packet link has to know of the host's interface. */
export interface HostInterface {
  readonly index: number;
  readonly mtu: number;
  /** What frames for the stack are addressed to. */
  readonly mac: Uint8Array;
}

/**
 * An Ethernet interface of the host, through a packet socket (packet(7)): what comes in on it is the stack's,
 * and the stack sends in its name. The host's own network still hears the same frames: `joinHostNetwork`
 * makes it deaf. Keeps the process alive until `close`. The largest frames are those of the host's
 * segmentation offload (64 KiB), whatever the MTU.
 */
export class PacketLink extends FrameDeviceLink {
  /**
   * In the network namespace this thread is in. Throws an `Error` with the host's `code`: EPERM
   * (CAP_NET_RAW), ENODEV, ENETDOWN.
   */
  constructor(iface: HostInterface) {
    super({
      fd: open(iface.index),
      framing: 'ethernet',
      mtu: iface.mtu,
      mac: Uint8Array.from(iface.mac),
      virtioHeader: true,
    });
  }
}

function open(index: number): number {
  const type = SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC;
  // Protocol 0: it hears nothing before it is bound to its interface.
  const fd = check(hostSyscall3(SYS_socket, AF_PACKET, type, 0), 'packet socket');
  try {
    setWord(fd, SOL_PACKET, PACKET_VNET_HDR, 1);
    setWord(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
    // Needs rights of its own; without it the buffer is the usual one.
    scratchView.setUint32(0, RECEIVE_BUFFER, true);
    hostSyscall(SYS_setsockopt, fd, SOL_SOCKET, SO_RCVBUFFORCE, scratchAddress, 4);
    scratchBytes.fill(0, 0, SOCKADDR_LL.SIZE);
    scratchView.setUint16(SOCKADDR_LL.sll_family, AF_PACKET, true);
    scratchView.setUint16(SOCKADDR_LL.sll_protocol, NETWORK_ORDER_ALL, true);
    scratchView.setInt32(SOCKADDR_LL.sll_ifindex, index, true);
    check(hostSyscall3(SYS_bind, fd, scratchAddress, SOCKADDR_LL.SIZE), 'bind a packet socket');
    joinAllGroups(fd, index);
    return fd;
  } catch (error) {
    hostSyscall3(SYS_close, fd, 0, 0);
    throw error;
  }
}

function setWord(fd: number, level: number, option: number, value: number): void {
  scratchView.setUint32(0, value, true);
  check(hostSyscall(SYS_setsockopt, fd, level, option, scratchAddress, 4), 'setsockopt of a packet socket');
}

/**
 * Neighbour discovery is sent to groups the host's network does not know the stack is in (struct
 * packet_mreq).
 */
function joinAllGroups(fd: number, index: number): void {
  scratchBytes.fill(0, 0, 16);
  scratchView.setInt32(0, index, true);
  scratchView.setUint16(4, PACKET_MR_ALLMULTI, true);
  check(
    hostSyscall(SYS_setsockopt, fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, scratchAddress, 16),
    'PACKET_ADD_MEMBERSHIP',
  );
}
