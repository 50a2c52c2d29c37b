import { BytesIo, type File, type IoBuf, releaseFile } from '@sandbox/vfs';
import type { Task } from '../../process/task/task.js';
import { SocketAddress } from './address.js';
import type { ControlWriter } from './control-out.js';

/** Who sent something, or sits at the other end (struct ucred). Immutable. */
export interface Ucred {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** What nobody in particular sent: overflow ids. */
export const NOBODY: Ucred = { pid: 0, uid: 65534, gid: 65534 };

export function sameUcred(a: Ucred, b: Ucred): boolean {
  return a === b || (a.pid === b.pid && a.uid === b.uid && a.gid === b.gid);
}

export function releaseFiles(files: readonly File[]): void {
  for (const file of files) releaseFile(file);
}

const NO_IO = new BytesIo();

/** Writes the ancillary data of a message that was received. */
export interface ControlSource {
  putControl(caller: Task, writer: ControlWriter, message: ReceiveMessage): void;
}

/** One message to send, as send, sendto, sendmsg and write put it. Reused by its owner. */
export class SendMessage {
  io: IoBuf = NO_IO;
  /** MSG_*. */
  flags = 0;
  /** Destination; `length` 0: the connected one. */
  readonly address = new SocketAddress();
  /** SCM_RIGHTS: references are owned by the message until the socket takes it (and sets this to null). */
  rights: File[] | null = null;
  /** SCM_CREDENTIALS, checked. */
  credentials: Ucred | null = null;

  reset(io: IoBuf, flags: number): this {
    this.io = io;
    this.flags = flags;
    this.address.clear();
    this.rights = null;
    this.credentials = null;
    return this;
  }

  /** Done with it: what was not sent is let go. */
  clear(): void {
    this.io = NO_IO;
    if (this.rights !== null) releaseFiles(this.rights);
    this.rights = null;
    this.credentials = null;
  }
}

/** One message to receive, and what is known of it then. Reused by its owner. */
export class ReceiveMessage {
  io: IoBuf = NO_IO;
  /** MSG_* asked for. */
  flags = 0;
  /** MSG_* reported: MSG_TRUNC, MSG_CTRUNC, MSG_EOR. */
  outFlags = 0;
  /** Sender; `length` 0: none. */
  readonly address = new SocketAddress();
  /** SCM_RIGHTS: references owned by the message. */
  rights: File[] | null = null;
  /** Who knows of further ancillary data: asked once the message is stored. */
  control: ControlSource | null = null;
  /**
   * Sender's credentials. Set beforehand: only bytes of the same sender are wanted (the call goes on after a
   * sleep).
   */
  credentials: Ucred | null = null;
  /** The next bytes must not be added to these: end of stream, another sender, files came along. */
  stop = false;

  reset(io: IoBuf, flags: number): this {
    this.io = io;
    this.flags = flags;
    this.outFlags = 0;
    this.address.clear();
    this.rights = null;
    this.control = null;
    this.credentials = null;
    this.stop = false;
    return this;
  }

  clear(): void {
    this.io = NO_IO;
    if (this.rights !== null) releaseFiles(this.rights);
    this.rights = null;
    this.control = null;
    this.credentials = null;
  }
}
