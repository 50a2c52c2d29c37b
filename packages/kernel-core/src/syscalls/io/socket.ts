import {
  EAFNOSUPPORT,
  EAGAIN,
  EALREADY,
  EBADF,
  ECONNABORTED,
  EFAULT,
  EINPROGRESS,
  EINVAL,
  EMFILE,
  ENOTSOCK,
  EOPNOTSUPP,
  ERESTARTNOINTR,
  LANDLOCK_ACCESS_NET_BIND_TCP,
  LANDLOCK_ACCESS_NET_CONNECT_TCP,
  O_NONBLOCK,
  RLIMIT_NOFILE,
  SHUT_RDWR,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SYS_accept,
  SYS_accept4,
  SYS_bind,
  SYS_connect,
  SYS_getpeername,
  SYS_getsockname,
  SYS_listen,
  SYS_shutdown,
  SYS_socket,
  SYS_socketpair,
} from '@sandbox/abi';
import { releaseFile } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { type ArgShape, row } from '../../call/row.js';
import { blockOn, fileOf } from '../../files/io/files.js';
import { ioOf } from '../../files/io-state.js';
import { SocketAddress } from '../../files/socket/address.js';
import { checkSocket } from '../../files/socket/landlock.js';
import { SocketFile } from '../../files/socket/socket-file.js';
import { READ_EVENTS, WRITE_EVENTS } from '../../process/files/events.js';
import { installFile, installPair } from '../../process/files/install.js';
import { NETWORK_READY } from '../../process/ns/network-loader.js';
import type { NetSocket } from '../../process/ns/socket-family.js';
import type { Task } from '../../process/task/task.js';
import { loadAddress, socketOf, storeAddress } from './sockaddr.js';

const SOCK_TYPE_MASK = 0xf;
/** One behind the last socket type. */
const SOCK_MAX = 11;
const TYPE_FLAGS: ArgShape = { flags: { SOCK_CLOEXEC, SOCK_NONBLOCK } };

const address = new SocketAddress();

/** A new socket from the arguments of socket and socketpair, or -errno. */
function create(t: Task, domain: number, typeAndFlags: number, protocol: number): NetSocket | number {
  const type = typeAndFlags & SOCK_TYPE_MASK;
  if (type >= SOCK_MAX) return -EINVAL;
  const { net } = t.nsSet;
  const family = net.network.family(domain) ?? ioOf(t.kernel).families.get(domain);
  if (family === null || domain < 0) return -EAFNOSUPPORT;
  const socket = family.create(t.cred, type, protocol, statusFlags(typeAndFlags));
  if (typeof socket !== 'number') socket.joinNet(net);
  return socket;
}

function statusFlags(typeAndFlags: number): number {
  return (typeAndFlags & SOCK_NONBLOCK) !== 0 ? O_NONBLOCK : 0;
}

function badFlags(typeAndFlags: number): boolean {
  return (typeAndFlags & ~(SOCK_TYPE_MASK | SOCK_CLOEXEC | SOCK_NONBLOCK)) !== 0;
}

/**
 * 0, or BLOCKED while the network is being loaded, which the first socket of an internet family has to wait
 * for.
 */
function networkPending(t: Task, domain: number, type: number): number {
  if ((type & SOCK_TYPE_MASK) >= SOCK_MAX) return 0;
  const queue = t.nsSet.net.network.pendingFor(domain);
  return queue === null ? 0 : t.sleep(queue, NETWORK_READY, -ERESTARTNOINTR);
}

/** socket(2) */
function sysSocket(t: Task, a: SyscallArgs): number {
  const type = a.i32(1);
  if (badFlags(type)) return -EINVAL;
  const pending = networkPending(t, a.i32(0), type);
  if (pending !== 0) return pending;
  const socket = create(t, a.i32(0), type, a.i32(2));
  return typeof socket === 'number' ? socket : installFile(t, socket, (type & SOCK_CLOEXEC) !== 0);
}

/** socketpair(2) */
function sysSocketpair(t: Task, a: SyscallArgs): number {
  const domain = a.i32(0);
  const type = a.i32(1);
  if (badFlags(type)) return -EINVAL;
  const pending = networkPending(t, domain, type);
  if (pending !== 0) return pending;
  // Linux stores descriptors before it makes sockets for them.
  if (t.mm.store64(a.u64(3), 0) < 0) return -EFAULT;
  const first = create(t, domain, type, a.i32(2));
  if (typeof first === 'number') return first;
  const second = create(t, domain, type, a.i32(2));
  if (typeof second === 'number') {
    releaseFile(first);
    return second;
  }
  const r = ioOf(t.kernel).families.get(domain)?.pair?.(first, second) ?? -EOPNOTSUPP;
  if (r < 0) {
    releaseFile(first);
    releaseFile(second);
    return r;
  }
  return installPair(t, first, second, a.u64(3), (type & SOCK_CLOEXEC) !== 0);
}

/** bind(2) */
function sysBind(t: Task, a: SyscallArgs): number {
  const socket = socketOf(t, a.i32(0));
  if (typeof socket === 'number') return socket;
  const r = loadAddress(t, a.u64(1), a.i32(2), address);
  if (r < 0) return r;
  const denied = checkSocket(t.cred.guard, socket, address, LANDLOCK_ACCESS_NET_BIND_TCP);
  return denied < 0 ? denied : socket.bind(t, address);
}

/** listen(2) */
function sysListen(t: Task, a: SyscallArgs): number {
  const socket = socketOf(t, a.i32(0));
  return typeof socket === 'number' ? socket : socket.listen(t, a.i32(1));
}

/** connect(2). Sleeps while it cannot be decided, at most SO_SNDTIMEO. */
function sysConnect(t: Task, a: SyscallArgs): number {
  const file = fileOf(t, a.i32(0));
  if (file === null) return -EBADF;
  // Linux looks at the address before the kind of file, here only.
  const r = loadAddress(t, a.u64(1), a.i32(2), address);
  if (r < 0) return r;
  if (!(file instanceof SocketFile)) return -ENOTSOCK;
  const denied = checkSocket(t.cred.guard, file, address, LANDLOCK_ACCESS_NET_CONNECT_TCP);
  if (denied < 0) return denied;
  const n = file.connect(t, address);
  const goesOn = n === -EAGAIN || n === -EINPROGRESS || n === -EALREADY;
  if (!goesOn || (file.flags & O_NONBLOCK) !== 0) return n;
  // SO_SNDTIMEO is over: a connection of the internet goes on being made.
  if (t.wait.timedOut && n === -EALREADY) return -EINPROGRESS;
  return blockOn(t, file, WRITE_EVENTS, file.writeTimeout);
}

/** accept(2) */
function sysAccept(t: Task, a: SyscallArgs): number {
  return accept(t, a, 0);
}

/** accept4: accept(2) with flags. */
function sysAccept4(t: Task, a: SyscallArgs): number {
  return accept(t, a, a.i32(3));
}

function accept(t: Task, a: SyscallArgs, flags: number): number {
  const socket = fileOf(t, a.i32(0));
  if (socket === null) return -EBADF;
  if ((flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) !== 0) return -EINVAL;
  // A connection is not taken when there is no descriptor for it.
  if (!t.files.hasRoom(t.group.limits.soft[RLIMIT_NOFILE])) return -EMFILE;
  if (!(socket instanceof SocketFile)) return -ENOTSOCK;
  const connection = socket.accept();
  if (typeof connection === 'number') {
    if (connection !== -EAGAIN || (socket.flags & O_NONBLOCK) !== 0) return connection;
    return blockOn(t, socket, READ_EVENTS, socket.readTimeout);
  }
  connection.joinNet(socket.netns);
  connection.flags |= statusFlags(flags);
  const addr = a.u64(1);
  if (addr !== 0) {
    const r = connection.acceptedName(address) < 0 ? -ECONNABORTED : storeAddress(t, address, addr, a.u64(2));
    if (r < 0) {
      releaseFile(connection);
      return r;
    }
  }
  return installFile(t, connection, (flags & SOCK_CLOEXEC) !== 0);
}

/** getsockname(2) */
function sysGetsockname(t: Task, a: SyscallArgs): number {
  const socket = socketOf(t, a.i32(0));
  if (typeof socket === 'number') return socket;
  const r = socket.name(address);
  return r < 0 ? r : storeAddress(t, address, a.u64(1), a.u64(2));
}

/** getpeername(2) */
function sysGetpeername(t: Task, a: SyscallArgs): number {
  const socket = socketOf(t, a.i32(0));
  if (typeof socket === 'number') return socket;
  const r = socket.peerName(address);
  return r < 0 ? r : storeAddress(t, address, a.u64(1), a.u64(2));
}

/** shutdown(2) */
function sysShutdown(t: Task, a: SyscallArgs): number {
  const socket = socketOf(t, a.i32(0));
  if (typeof socket === 'number') return socket;
  const how = a.u32(1);
  return how > SHUT_RDWR ? -EINVAL : socket.shutdown(how);
}

export const rows = [
  row(SYS_socket, 'socket', sysSocket, ['int', 'int', 'int'], {
    support: 'partial',
    note: 'AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET; other families EAFNOSUPPORT',
  }),
  row(SYS_socketpair, 'socketpair', sysSocketpair, ['int', 'int', 'int', 'pipefds']),
  row(SYS_bind, 'bind', sysBind, ['fd', 'sockaddr', 'size']),
  row(SYS_listen, 'listen', sysListen, ['fd', 'int']),
  row(SYS_connect, 'connect', sysConnect, ['fd', 'sockaddr', 'size']),
  row(SYS_accept, 'accept', sysAccept, ['fd', 'ptr', 'ptr']),
  row(SYS_accept4, 'accept4', sysAccept4, ['fd', 'ptr', 'ptr', TYPE_FLAGS]),
  row(SYS_getsockname, 'getsockname', sysGetsockname, ['fd', 'ptr', 'ptr']),
  row(SYS_getpeername, 'getpeername', sysGetpeername, ['fd', 'ptr', 'ptr']),
  row(SYS_shutdown, 'shutdown', sysShutdown, ['fd', 'int']),
];
