/** Descriptors over Unix sockets (unix(7), SCM_RIGHTS), which Node's sockets neither send nor take. */
import {
  EAGAIN,
  EINTR,
  F_DUPFD_CLOEXEC,
  MSG_CMSG_CLOEXEC,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  SCM_RIGHTS,
  SOL_SOCKET,
  SYS_dup2,
  SYS_fcntl,
  SYS_recvmsg,
  SYS_sendmsg,
} from '@sandbox/abi';
import { allocatePages, hostSyscall3, viewOf } from './ffi.host.js';

/** SCM_MAX_FD. */
const MAX_FDS = 253;
const CMSG_HEADER = 16;
const CONTROL_ROOM = CMSG_HEADER + 4 * MAX_FDS + 4;
const DATA_ROOM = 65536;

// struct msghdr, struct iovec, control buffer, data.
const HEADER = 0;
const IOVEC = 56;
const CONTROL = 128;
const DATA = 4096;

let base = 0;
let bytes: Uint8Array;
let view: DataView;

function prepare(): void {
  if (base !== 0) return;
  base = allocatePages(DATA + DATA_ROOM);
  const buffer = viewOf(base, DATA + DATA_ROOM);
  bytes = new Uint8Array(buffer);
  view = new DataView(buffer);
}

function setPointer(at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / 4294967296), true);
}

function setMessage(length: number, control: number): void {
  bytes.fill(0, HEADER, CONTROL);
  setPointer(HEADER + 16, base + IOVEC);
  setPointer(HEADER + 24, 1);
  setPointer(HEADER + 32, control === 0 ? 0 : base + CONTROL);
  setPointer(HEADER + 40, control);
  setPointer(IOVEC, base + DATA);
  setPointer(IOVEC + 8, length);
}

/** Another descriptor, close-on-exec, of what `fd` is open on; or -errno. */
export function hostDuplicate(fd: number): number {
  return hostSyscall3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 3);
}

/** `to` is from now on what `fd` is (dup2(2)). `to`, or -errno. */
export function hostReplaceDescriptor(fd: number, to: number): number {
  return hostSyscall3(SYS_dup2, fd, to, 0);
}

/** Send `data` (1 to 65536 bytes) and, with its first byte, `fds` (at most 253). Bytes sent, or -errno. */
export function hostSendDescriptors(socket: number, data: Uint8Array, fds: readonly number[]): number {
  prepare();
  const length = Math.min(data.length, DATA_ROOM);
  bytes.set(data.subarray(0, length), DATA);
  const used = CMSG_HEADER + 4 * fds.length;
  setMessage(length, fds.length === 0 ? 0 : (used + 7) & ~7);
  if (fds.length > 0) {
    setPointer(CONTROL, used);
    view.setInt32(CONTROL + 8, SOL_SOCKET, true);
    view.setInt32(CONTROL + 12, SCM_RIGHTS, true);
    fds.forEach((fd, i) => {
      view.setInt32(CONTROL + CMSG_HEADER + 4 * i, fd, true);
    });
  }
  let r: number;
  do r = hostSyscall3(SYS_sendmsg, socket, base + HEADER, MSG_NOSIGNAL);
  while (r === -EINTR);
  return r;
}

/**
 * Take what is there: bytes and descriptors (close-on-exec), which are the caller's to close. No bytes: the
 * other side has closed. Null: nothing is there yet; a negative number: -errno.
 */
export function hostReceiveDescriptors(socket: number): { data: Uint8Array; fds: number[] } | null | number {
  prepare();
  setMessage(DATA_ROOM, CONTROL_ROOM);
  let r: number;
  do r = hostSyscall3(SYS_recvmsg, socket, base + HEADER, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  while (r === -EINTR);
  if (r === -EAGAIN) return null;
  if (r < 0) return r;
  const fds: number[] = [];
  const end = view.getUint32(HEADER + 40, true);
  for (let at = 0; at + CMSG_HEADER <= end; ) {
    const length = view.getUint32(CONTROL + at, true);
    if (length < CMSG_HEADER) break;
    if (
      view.getInt32(CONTROL + at + 8, true) === SOL_SOCKET &&
      view.getInt32(CONTROL + at + 12, true) === SCM_RIGHTS
    ) {
      for (let fd = CMSG_HEADER; fd + 4 <= length; fd += 4) fds.push(view.getInt32(CONTROL + at + fd, true));
    }
    at += (length + 7) & ~7;
  }
  return { data: bytes.slice(DATA, DATA + r), fds };
}
