import { EBADF, EFAULT, EINVAL, ENOTSOCK, SOCKADDR_STORAGE } from '@sandbox/abi';
import { fileOf } from '../../files/io/files.js';
import type { SocketAddress } from '../../files/socket/address.js';
import { SocketFile } from '../../files/socket/socket-file.js';
import type { Task } from '../../process/task/task.js';

/** The socket of `fd`: -EBADF, -ENOTSOCK. */
export function socketOf(t: Task, fd: number): SocketFile | number {
  const file = fileOf(t, fd);
  if (file === null) return -EBADF;
  return file instanceof SocketFile ? file : -ENOTSOCK;
}

/** Copy an address in (move_addr_to_kernel). 0, -EINVAL (length), -EFAULT. */
export function loadAddress(t: Task, addr: number, length: number, into: SocketAddress): number {
  if (length < 0 || length > SOCKADDR_STORAGE.SIZE) return -EINVAL;
  into.length = length;
  if (length === 0) return 0;
  return t.mm.copyIn(addr, into.bytes, 0, length) < 0 ? -EFAULT : 0;
}

/**
 * Copy an address out, cut to the length the caller has room for, and store its full length there
 * (move_addr_to_user). 0, -EINVAL, -EFAULT.
 */
export function storeAddress(t: Task, from: SocketAddress, addr: number, lengthAddr: number): number {
  const room = t.mm.load32(lengthAddr);
  if (room < 0) return -EFAULT;
  if ((room | 0) < 0) return -EINVAL;
  const n = Math.min(room, from.length);
  if (n > 0 && t.mm.copyOut(addr, from.bytes, 0, n) < 0) return -EFAULT;
  return t.mm.store32(lengthAddr, from.length) < 0 ? -EFAULT : 0;
}
