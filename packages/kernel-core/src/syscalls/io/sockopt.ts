import {
  BPF_MAXINSNS,
  EDOM,
  EFAULT,
  EINVAL,
  ENOENT,
  EOPNOTSUPP,
  EPERM,
  IFNAMSIZ,
  SO_ATTACH_FILTER,
  SO_ATTACH_REUSEPORT_CBPF,
  SO_BINDTODEVICE,
  SO_BPF_EXTENSIONS,
  SO_COOKIE,
  SO_DETACH_FILTER,
  SO_DETACH_REUSEPORT_BPF,
  SO_GET_FILTER,
  SO_LINGER,
  SO_LOCK_FILTER,
  SO_MAX_PACING_RATE,
  SO_MEMINFO,
  SO_NETNS_COOKIE,
  SO_PEEK_OFF,
  SO_RCVTIMEO_NEW,
  SO_RCVTIMEO_OLD,
  SO_RESERVE_MEM,
  SO_SNDLOWAT,
  SO_SNDTIMEO_NEW,
  SO_SNDTIMEO_OLD,
  SO_TIMESTAMPING_NEW,
  SO_TIMESTAMPING_OLD,
  SO_TXTIME,
  SOCK_FILTER,
  SOCK_FPROG,
  SOF_TIMESTAMPING_BIND_PHC,
  SOF_TIMESTAMPING_MASK,
  SOF_TIMESTAMPING_OPT_ID,
  SOF_TIMESTAMPING_OPT_ID_TCP,
  SOF_TIMESTAMPING_OPT_STATS,
  SOF_TIMESTAMPING_OPT_TSONLY,
  SOF_TIMESTAMPING_TX_ACK,
  SOF_TIMESTAMPING_TX_SCHED,
  SOF_TIMESTAMPING_TX_SOFTWARE,
  SOL_SOCKET,
  SYS_getsockopt,
  SYS_setsockopt,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { PacketFilter } from '../../files/socket/packet-filter.js';
import type { SocketFile } from '../../files/socket/socket-file.js';
import type { Task } from '../../process/task/task.js';
import { socketOf } from './sockaddr.js';

/** Longest option value that is looked at, and shown. */
const MAX_VALUE = 1024;
const TIMEVAL_SIZE = 16;
const LINGER_SIZE = 8;
const SENT_STAMPS = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_TX_ACK;

const value = new Uint8Array(MAX_VALUE);
const view = new DataView(value.buffer);

// setsockopt ------------------------------------------------------------------------------------------------

/** setsockopt(2) */
function sysSetsockopt(t: Task, a: SyscallArgs): number {
  const socket = socketOf(t, a.i32(0));
  if (typeof socket === 'number') return socket;
  return setSocketOption(t, socket, a.i32(1), a.i32(2), a.u64(3), a.i32(4));
}

/** setsockopt(2) of a value at `addr`. */
export function setSocketOption(
  t: Task,
  socket: SocketFile,
  level: number,
  name: number,
  addr: number,
  length: number,
): number {
  if (length < 0) return -EINVAL;
  if (level !== SOL_SOCKET) {
    if (!socket.hasLevels) return -EOPNOTSUPP;
    const own = socket.setLargeOption(t, level, name, addr, length);
    if (own !== null) return own;
    const n = Math.min(length, MAX_VALUE);
    const readable = addr !== 0 && (n === 0 || t.mm.copyIn(addr, value, 0, n) === 0);
    return socket.setFamilyOption(t, level, name, readable ? value : null, length);
  }
  if (name === SO_BINDTODEVICE) return bindToDevice(t, socket, addr, length);
  if (length < 4) return -EINVAL;
  if (t.mm.copyIn(addr, value, 0, Math.min(length, TIMEVAL_SIZE)) < 0) return -EFAULT;
  return setOption(t, socket, name, length);
}

function bindToDevice(t: Task, socket: SocketFile, addr: number, length: number): number {
  const n = Math.min(length, IFNAMSIZ - 1);
  if (n > 0 && t.mm.copyIn(addr, value, 0, n) < 0) return -EFAULT;
  let device = '';
  for (let i = 0; i < n && value[i] !== 0; i++) device += String.fromCharCode(value[i]!);
  return socket.bindToDevice(t, device);
}

function setOption(t: Task, socket: SocketFile, name: number, length: number): number {
  const number = view.getInt32(0, true);
  const { options } = socket;
  switch (name) {
    case SO_LINGER:
      if (length < LINGER_SIZE) return -EINVAL;
      options.lingerOn = number !== 0;
      if (options.lingerOn) options.lingerSeconds = view.getInt32(4, true);
      return 0;
    case SO_RCVTIMEO_OLD:
    case SO_RCVTIMEO_NEW: {
      const ns = readTimeout(length);
      if (ns < 0) return ns;
      options.receiveTimeout = ns;
      return 0;
    }
    case SO_SNDTIMEO_OLD:
    case SO_SNDTIMEO_NEW: {
      const ns = readTimeout(length);
      if (ns < 0) return ns;
      options.sendTimeout = ns;
      return 0;
    }
    case SO_TIMESTAMPING_OLD:
    case SO_TIMESTAMPING_NEW:
      return setStamping(t, socket, name === SO_TIMESTAMPING_NEW, number);
    case SO_PEEK_OFF:
      return socket.setPeekOffset(number);
    case SO_DETACH_FILTER:
      if (options.get(SO_LOCK_FILTER) === 1) return -EPERM;
      if (socket.filter === null) return -ENOENT;
      socket.setFilter(null);
      return 0;
    case SO_ATTACH_FILTER: {
      const filter = loadFilter(t, socket, length);
      if (typeof filter === 'number') return filter;
      socket.setFilter(filter);
      return 0;
    }
    case SO_ATTACH_REUSEPORT_CBPF: {
      const filter = loadFilter(t, socket, length);
      return typeof filter === 'number' ? filter : socket.setSelector(filter);
    }
    case SO_DETACH_REUSEPORT_BPF:
      return socket.setSelector(null);
    default:
      return options.set(name, number, t.cred);
  }
}

/**
 * SO_TIMESTAMPING (Documentation/networking/timestamping.rst). There is no clock in any device here, which
 * asking for is no error.
 */
function setStamping(t: Task, socket: SocketFile, fresh: boolean, flags: number): number {
  if ((flags & ~SOF_TIMESTAMPING_MASK) !== 0) return -EINVAL;
  const has = (bit: number): boolean => (flags & bit) !== 0;
  if (has(SOF_TIMESTAMPING_OPT_ID_TCP) && !has(SOF_TIMESTAMPING_OPT_ID)) return -EINVAL;
  if (has(SOF_TIMESTAMPING_OPT_STATS) && !has(SOF_TIMESTAMPING_OPT_TSONLY)) return -EINVAL;
  if (has(SENT_STAMPS) || (flags !== 0 && socket.isStream)) {
    t.kernel.reporter.unimplemented(t, 'setsockopt', 'SO_TIMESTAMPING of what is sent, or of streams');
    return -EINVAL;
  }
  if (has(SOF_TIMESTAMPING_BIND_PHC)) return -EOPNOTSUPP;
  socket.options.stamping = flags;
  socket.options.stampingIsNew = fresh;
  return 0;
}

/**
 * The program of a struct sock_fprog in `value`: how many instructions, and where they are. -EINVAL, -EPERM,
 * -EFAULT.
 */
function loadFilter(t: Task, socket: SocketFile, length: number): PacketFilter | number {
  if (length !== SOCK_FPROG.SIZE) return -EINVAL;
  if (socket.options.get(SO_LOCK_FILTER) === 1) return -EPERM;
  const count = view.getUint16(SOCK_FPROG.len, true);
  if (count === 0 || count > BPF_MAXINSNS) return -EINVAL;
  const addr =
    view.getUint32(SOCK_FPROG.filter, true) + view.getUint32(SOCK_FPROG.filter + 4, true) * 4294967296;
  if (addr === 0) return -EINVAL;
  const instructions = new Uint8Array(count * SOCK_FILTER.SIZE);
  if (t.mm.copyIn(addr, instructions, 0, instructions.length) < 0) return -EFAULT;
  const filter = PacketFilter.parse(instructions, t.kernel.random);
  return filter ?? -EINVAL;
}

/**
 * A timeval in `value` as nanoseconds: zero means none (Infinity), a negative one no waiting at all. -EINVAL,
 * -EDOM.
 */
function readTimeout(length: number): number {
  if (length < TIMEVAL_SIZE) return -EINVAL;
  const sec = view.getUint32(0, true) + view.getInt32(4, true) * 4294967296;
  const usec = view.getUint32(8, true) + view.getInt32(12, true) * 4294967296;
  if (usec < 0 || usec >= 1e6) return -EDOM;
  if (sec < 0) return 0;
  if (sec === 0 && usec === 0) return Number.POSITIVE_INFINITY;
  return sec >= 9_223_372_036 ? Number.POSITIVE_INFINITY : sec * 1e9 + usec * 1000;
}

// getsockopt ------------------------------------------------------------------------------------------------

/** getsockopt(2) */
function sysGetsockopt(t: Task, a: SyscallArgs): number {
  const socket = socketOf(t, a.i32(0));
  if (typeof socket === 'number') return socket;
  const level = a.i32(1);
  const name = a.i32(2);
  if (level !== SOL_SOCKET && !socket.hasLevels) return -EOPNOTSUPP;
  const lengthAddr = a.u64(4);
  const own = level === SOL_SOCKET ? null : socket.getLargeOption(t, level, name, a.u64(3), lengthAddr);
  if (own !== null) return own;
  const room = t.mm.load32(lengthAddr);
  if (room < 0) return -EFAULT;
  if ((room | 0) < 0) return -EINVAL;
  if (level === SOL_SOCKET && name === SO_GET_FILTER) return getFilter(t, socket, a.u64(3), lengthAddr, room);
  const n = getSocketOption(t, socket, level, name, a.u64(3), room);
  if (n < 0) return n;
  return t.mm.store32(lengthAddr, n) < 0 ? -EFAULT : 0;
}

/** getsockopt(2) into `room` bytes at `addr`: the length of the value, cut to that, or -errno. */
export function getSocketOption(
  t: Task,
  socket: SocketFile,
  level: number,
  name: number,
  addr: number,
  room: number,
): number {
  value.fill(0);
  const size =
    level === SOL_SOCKET
      ? getOption(socket, name, room)
      : socket.getFamilyOption(t, level, name, value, room);
  if (size < 0) return size;
  const n = Math.min(size, room);
  return n > 0 && t.mm.copyOut(addr, value, 0, n) < 0 ? -EFAULT : n;
}

/**
 * SO_GET_FILTER: its instructions. Room is counted in them, and none only asks how many there are
 * (sk_get_filter).
 */
function getFilter(t: Task, socket: SocketFile, addr: number, lengthAddr: number, room: number): number {
  const count = socket.filter?.program.length ?? 0;
  if (count > 0 && room > 0) {
    if (room < count) return -EINVAL;
    const bytes = socket.filter!.program.toBytes();
    if (t.mm.copyOut(addr, bytes, 0, bytes.length) < 0) return -EFAULT;
  }
  return t.mm.store32(lengthAddr, count) < 0 ? -EFAULT : 0;
}

/** Fill `value`: its size, or -ENOPROTOOPT. */
function getOption(socket: SocketFile, name: number, room: number): number {
  const { options } = socket;
  switch (name) {
    case SO_LINGER:
      view.setInt32(0, options.lingerOn ? 1 : 0, true);
      view.setInt32(4, options.lingerSeconds, true);
      return LINGER_SIZE;
    case SO_RCVTIMEO_OLD:
    case SO_RCVTIMEO_NEW:
      return writeTimeout(options.receiveTimeout);
    case SO_SNDTIMEO_OLD:
    case SO_SNDTIMEO_NEW:
      return writeTimeout(options.sendTimeout);
    case SO_SNDLOWAT:
      return number(1);
    case SO_PEEK_OFF:
      return number(socket.peekOff);
    case SO_BPF_EXTENSIONS:
      return number(64);
    case SO_BINDTODEVICE:
      return device(socket.boundDevice, room);
    case SO_TIMESTAMPING_OLD:
    case SO_TIMESTAMPING_NEW:
      if (name === SO_TIMESTAMPING_OLD || options.stampingIsNew) view.setInt32(0, options.stamping, true);
      return 8;
    case SO_TXTIME:
      return 8;
    case SO_RESERVE_MEM:
      return number(0);
    case SO_MAX_PACING_RATE:
      value.fill(255, 0, 8);
      return 8;
    case SO_NETNS_COOKIE:
      return number(1) * 2;
    case SO_COOKIE:
      return number(socket.inode.ino) * 2;
    case SO_MEMINFO:
      view.setUint32(4, options.rcvbuf, true);
      view.setUint32(12, options.sndbuf, true);
      return 36;
  }
  const n = socket.getNumber(name);
  return n === undefined ? socket.getStruct(name, value) : number(n);
}

function device(name: string, room: number): number {
  if (name === '') return 0;
  if (room < IFNAMSIZ) return -EINVAL;
  for (let i = 0; i < name.length; i++) value[i] = name.charCodeAt(i);
  return name.length + 1;
}

function number(n: number): number {
  view.setInt32(0, n, true);
  return 4;
}

function writeTimeout(ns: number): number {
  if (ns !== Number.POSITIVE_INFINITY) {
    const sec = Math.floor(ns / 1e9);
    view.setUint32(0, sec >>> 0, true);
    view.setUint32(4, Math.floor(sec / 4294967296), true);
    view.setUint32(8, Math.floor((ns - sec * 1e9) / 1000), true);
  }
  return TIMEVAL_SIZE;
}

export const rows = [
  row(SYS_setsockopt, 'setsockopt', sysSetsockopt, ['fd', 'int', 'int', 'buf', 'size'], {
    support: 'partial',
    note: "No eBPF, SO_TIMESTAMPING of datagrams that are received only; other levels are their families'",
  }),
  row(SYS_getsockopt, 'getsockopt', sysGetsockopt, ['fd', 'int', 'int', 'ptr', 'ptr'], {
    support: 'partial',
    note: "No eBPF, SO_TIMESTAMPING of datagrams that are received only; other levels are their families'",
  }),
];
