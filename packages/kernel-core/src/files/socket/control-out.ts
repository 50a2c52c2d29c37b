import {
  CMSGHDR,
  MSG_CMSG_CLOEXEC,
  MSG_CTRUNC,
  RLIMIT_NOFILE,
  SCM_CREDENTIALS,
  SCM_RIGHTS,
  SOL_SOCKET,
} from '@sandbox/abi';
import type { Task } from '../../process/task/task.js';
import type { ReceiveMessage, Ucred } from './message.js';

const HEADER = CMSGHDR.SIZE;
const UCRED_SIZE = 12;
/** Header and up to SCM_MAX_FD descriptors. */
const buffer = new Uint8Array(HEADER + 4 * 256);
const view = new DataView(buffer.buffer);
const word = new Uint8Array(4);

function align(length: number): number {
  return (length + 7) & ~7;
}

/**
 * Writes ancillary data into the room the caller of recvmsg(2) gave (Linux: put_cmsg). Reused by its owner.
 */
export class ControlWriter {
  private addr = 0;
  private room = 0;
  /** Bytes used, with padding: msg_controllen. */
  used = 0;

  start(addr: number, room: number): this {
    this.addr = addr;
    this.room = room;
    this.used = 0;
    return this;
  }

  /** Everything that came with `message`; what finds no room is dropped and MSG_CTRUNC set. */
  put(t: Task, message: ReceiveMessage): void {
    if (message.credentials !== null) this.putCredentials(t, message.credentials, message);
    if (message.rights !== null) this.putFiles(t, message);
    if (message.control !== null) message.control.putControl(t, this, message);
  }

  /** One message of `length` bytes; cut to the room there is (MSG_CTRUNC), as put_cmsg does. */
  putBytes(
    t: Task,
    message: ReceiveMessage,
    level: number,
    type: number,
    bytes: Uint8Array,
    length: number = bytes.length,
  ): void {
    if (this.room < HEADER) {
      message.outFlags |= MSG_CTRUNC;
      return;
    }
    let whole = HEADER + length;
    if (this.room < whole) {
      message.outFlags |= MSG_CTRUNC;
      whole = this.room;
    }
    for (let i = 0; i < whole - HEADER; i++) buffer[HEADER + i] = bytes[i]!;
    this.emit(t, type, whole, HEADER + length, level);
  }

  putU32(t: Task, message: ReceiveMessage, level: number, type: number, value: number): void {
    word[0] = value;
    word[1] = value >>> 8;
    word[2] = value >>> 16;
    word[3] = value >>> 24;
    this.putBytes(t, message, level, type, word);
  }

  private putCredentials(t: Task, cred: Ucred, message: ReceiveMessage): void {
    if (this.room < HEADER) {
      message.outFlags |= MSG_CTRUNC;
      return;
    }
    view.setInt32(HEADER, t.pids.seen(t.kernel.pids, cred.pid), true);
    view.setUint32(HEADER + 4, t.cred.userNs.uids.show(cred.uid), true);
    view.setUint32(HEADER + 8, t.cred.userNs.gids.show(cred.gid), true);
    let length = HEADER + UCRED_SIZE;
    if (this.room < length) {
      message.outFlags |= MSG_CTRUNC;
      length = this.room;
    }
    this.emit(t, SCM_CREDENTIALS, length, HEADER + UCRED_SIZE);
  }

  /** Give the files descriptors, as many as there is room for (Linux: scm_detach_fds). */
  private putFiles(t: Task, message: ReceiveMessage): void {
    const files = message.rights!;
    const fit = Math.min(this.room <= HEADER ? 0 : Math.floor((this.room - HEADER) / 4), files.length);
    const limit = t.group.limits.soft[RLIMIT_NOFILE];
    const cloexec = (message.flags & MSG_CMSG_CLOEXEC) !== 0;
    let n = 0;
    while (n < fit) {
      const fd = t.files.install(files[n], cloexec, limit);
      if (fd < 0) break;
      files[n].refs++;
      view.setInt32(HEADER + n * 4, fd, true);
      n++;
    }
    if (n > 0 && !this.emit(t, SCM_RIGHTS, HEADER + n * 4, HEADER + n * 4)) {
      for (let i = 0; i < n; i++) t.files.close(view.getInt32(HEADER + i * 4, true));
    }
    if (n < files.length) message.outFlags |= MSG_CTRUNC;
  }

  private emit(t: Task, type: number, length: number, whole: number, level: number = SOL_SOCKET): boolean {
    view.setUint32(CMSGHDR.cmsg_len, length, true);
    view.setUint32(CMSGHDR.cmsg_len + 4, 0, true);
    view.setInt32(CMSGHDR.cmsg_level, level, true);
    view.setInt32(CMSGHDR.cmsg_type, type, true);
    if (t.mm.copyOut(this.addr, buffer, 0, length) < 0) return false;
    const space = Math.min(align(whole), this.room);
    this.addr += space;
    this.room -= space;
    this.used += space;
    return true;
  }
}
