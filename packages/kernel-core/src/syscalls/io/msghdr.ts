import { EFAULT, EINVAL, EMSGSIZE, ENOBUFS, MSGHDR, SOCKADDR_STORAGE, UIO_MAXIOV } from '@sandbox/abi';
import type { Task } from '../../process/task/task.js';

/** Most bytes of ancillary data in one call (/proc/sys/net/core/optmem_max). */
const OPTMEM_MAX = 131072;

/** MSG_CMSG_COMPAT says that structures are those of 32-bit programs, which only the kernel may say. */
const MSG_CMSG_COMPAT = 0x80000000;

/** Flags no 64-bit program may give: EINVAL. */
export function isCompat(flags: number): boolean {
  return (flags & MSG_CMSG_COMPAT) !== 0;
}

const bytes = new Uint8Array(MSGHDR.SIZE);
const view = new DataView(bytes.buffer);

function long(at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 4294967296;
}

/** A struct msghdr, read once. Reused by its owner. */
export class MessageHeader {
  name = 0;
  nameLength = 0;
  /** As it stands there, although there may be no address. */
  namedLength = 0;
  iov = 0;
  iovCount = 0;
  control = 0;
  controlLength = 0;

  /** Copy in and check (Linux: copy_msghdr_from_user). 0, -EFAULT, -EINVAL. */
  load(t: Task, addr: number): number {
    if (t.mm.copyIn(addr, bytes, 0, MSGHDR.SIZE) < 0) return -EFAULT;
    this.name = long(MSGHDR.msg_name);
    this.namedLength = view.getInt32(MSGHDR.msg_namelen, true);
    this.nameLength = this.name === 0 ? 0 : this.namedLength;
    this.iov = long(MSGHDR.msg_iov);
    this.iovCount = long(MSGHDR.msg_iovlen);
    this.control = long(MSGHDR.msg_control);
    this.controlLength = long(MSGHDR.msg_controllen);
    if (this.nameLength < 0) return -EINVAL;
    this.nameLength = Math.min(this.nameLength, SOCKADDR_STORAGE.SIZE);
    return 0;
  }

  /** Looked at behind the address. 0 or -EMSGSIZE. */
  checkVector(): number {
    return this.iovCount > UIO_MAXIOV ? -EMSGSIZE : 0;
  }

  /** Is the ancillary data of a sendable size? 0 or -ENOBUFS. */
  checkControl(): number {
    return this.controlLength > OPTMEM_MAX ? -ENOBUFS : 0;
  }
}
