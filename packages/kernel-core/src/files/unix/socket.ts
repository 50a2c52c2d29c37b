import {
  AF_UNIX,
  EADDRINUSE,
  EAGAIN,
  ECONNREFUSED,
  ECONNRESET,
  EEXIST,
  EINVAL,
  EISCONN,
  ENFILE,
  ENOENT,
  ENOTCONN,
  EPERM,
  EPROTOTYPE,
  LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDHUP,
  POLLRDNORM,
  POLLWRBAND,
  POLLWRNORM,
  S_IFSOCK,
  SHUT_RD,
  SHUT_WR,
  SO_PEERCRED,
  SO_PEERGROUPS,
  SOMAXCONN,
  UNIX_PATH_MAX,
} from '@sandbox/abi';
import { type File, type Inode, MAY_WRITE, permission, releaseFile } from '@sandbox/vfs';
import type { LandlockDomain } from '../../process/landlock/domain.js';
import { isScoped } from '../../process/landlock/scope.js';
import type { Task } from '../../process/task/task.js';
import type { SocketAddress } from '../socket/address.js';
import type { SendMessage, Ucred } from '../socket/message.js';
import { SocketFile } from '../socket/socket-file.js';
import { parseScm } from './control.js';
import type { Parcel, UnixDomain } from './domain.js';

/** Connection states, as far as Unix sockets have them (enum of TCP states in Linux). */
export const STATE_CLOSE = 0;
export const STATE_LISTEN = 1;
export const STATE_ESTABLISHED = 2;

/** Bits of `shutdownMask`. */
export const RCV_SHUTDOWN = 1;
export const SEND_SHUTDOWN = 2;
const BOTH = RCV_SHUTDOWN | SEND_SHUTDOWN;

export const READ_READY = POLLIN | POLLRDNORM;
export const WRITE_READY = POLLOUT | POLLWRNORM | POLLWRBAND;
/** State changed: everyone looks again. */
export const STATE_CHANGED = READ_READY | WRITE_READY | POLLRDHUP | POLLHUP;

/** sun_path begins behind the family. */
const PATH_OFFSET = 2;
const SUN_SIZE = PATH_OFFSET + UNIX_PATH_MAX;

/** What goes along with bytes: who sent them, which files. Null members: nothing known, none. */
export interface Ancillary {
  credentials: Ucred | null;
  parcel: Parcel | null;
}

/**
 * A Unix domain socket (unix(7)): names and connections. How bytes travel is the subclasses' business:
 * streams, and messages.
 */
export abstract class UnixSocket extends SocketFile {
  state = STATE_CLOSE;
  peer: UnixSocket | null = null;
  shutdownMask = 0;
  /** Closed: no descriptor refers to it. */
  dead = false;
  /** SO_PEERCRED. */
  peerCredentials: Ucred = { pid: 0, uid: 0xffffffff, gid: 0xffffffff };
  /** Bytes with overhead this socket has sent that are not received yet (Linux: sk_wmem_alloc). */
  sent = 0;
  /** A connection that waits to be accepted: by whom. */
  listener: UnixSocket | null = null;
  /** sun_path as getsockname(2) reports it; null: no name. */
  private address: string | null = null;
  /** What its maker is under. */
  private readonly guard: LandlockDomain | null;
  private boundInode: Inode | null = null;
  /** Where its name stands in the tree: a connection's is that of the socket that listened. */
  private namedInode: Inode | null = null;
  /** Connections to accept, oldest first. */
  private backlog: UnixSocket[] = [];
  private backlogMax = 0;
  /** Sockets that wait for room in this one's queue; the one this socket waits for. */
  private readonly waiting = new Set<UnixSocket>();
  private waitsFor: UnixSocket | null = null;

  constructor(
    readonly unix: UnixDomain,
    inode: Inode,
    type: number,
    flags: number,
  ) {
    super(inode, AF_UNIX, type, 0, flags);
    this.guard = unix.caller?.cred.guard ?? null;
  }

  /**
   * May the caller reach `other`, where that has an abstract name (landlock(7),
   * LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET)?
   */
  protected mayReach(other: UnixSocket): boolean {
    const domain = this.unix.caller?.cred.guard ?? null;
    if (domain === null || other.address?.charCodeAt(0) !== 0) return true;
    return !isScoped(domain, other.guard, LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET);
  }

  /** sun_path, for /proc/net/unix. */
  get boundName(): string | null {
    return this.address;
  }

  /** Where the name it is bound to stands in the tree; null: it has none, or an abstract one. */
  get boundAt(): Inode | null {
    return this.namedInode;
  }
  /** Connections that wait to be accepted, and how many may. */
  get arrivals(): readonly UnixSocket[] {
    return this.backlog;
  }
  get arrivalsLimit(): number {
    return this.backlogMax;
  }
  /** Bytes to be received; of datagrams, those of the first. */
  abstract get toReceive(): number;

  /** A fresh socket of the same kind, for a connection. */
  protected abstract another(inode: Inode): UnixSocket;
  /** Is there something to receive? */
  protected abstract get hasData(): boolean;
  /** Throw away what was not received. */
  protected abstract dropData(): void;
  /** Files in messages of the queue; for the garbage collector. */
  protected abstract eachOwnFile(visit: (file: File) => void): void;
  protected abstract takeOwnFiles(into: File[]): void;

  // Names ---------------------------------------------------------------------------------------------------

  override bind(caller: Task, address: SocketAddress): number {
    if (address.length === PATH_OFFSET && address.family === AF_UNIX) return this.autobind();
    const r = checkAddress(address);
    if (r < 0) return r;
    const rest = address.rest;
    if (rest.charCodeAt(0) !== 0) return this.bindPath(caller, pathOf(rest));
    if (this.address !== null) return -EINVAL;
    const e = this.unix.bindAbstract(rest, this);
    if (e === 0) this.address = rest;
    return e;
  }

  /** Give it an abstract name of its own, unless it has one. */
  autobind(): number {
    if (this.address !== null) return 0;
    const name = this.unix.autobind(this);
    if (typeof name === 'number') return name;
    this.address = name;
    return 0;
  }

  private bindPath(caller: Task, path: string): number {
    const { vfs } = caller.kernel;
    if (this.address !== null) {
      const there = vfs.resolve(caller.fs, caller.cred, null, path, 0);
      return typeof there !== 'number' ? -EADDRINUSE : there === -ENOENT ? -EINVAL : there;
    }
    const r = vfs.mknod(caller.fs, caller.cred, null, path, S_IFSOCK | (this.inode.mode & 0o7777), 0);
    if (r < 0) return r === -EEXIST ? -EADDRINUSE : r;
    const at = vfs.resolve(caller.fs, caller.cred, null, path, 0);
    if (typeof at === 'number') return at;
    const inode = at.dentry.inode!;
    this.unix.bindInode(inode, this);
    this.boundInode = this.namedInode = inode;
    this.address = `${path}\0`;
    return 0;
  }

  override name(out: SocketAddress): number {
    if (this.address === null) out.setFamily(AF_UNIX);
    else out.set(AF_UNIX, this.address);
    return 0;
  }

  override peerName(out: SocketAddress): number {
    return this.peer === null ? -ENOTCONN : this.peer.name(out);
  }

  get bound(): boolean {
    return this.address !== null;
  }

  /**
   * The socket a checked address names: -ECONNREFUSED, -EPROTOTYPE, -EACCES and what the path walk answers.
   */
  protected find(caller: Task | null, address: SocketAddress): UnixSocket | number {
    const rest = address.rest;
    let found: UnixSocket | null;
    if (rest.charCodeAt(0) === 0) found = this.unix.findAbstract(rest, this);
    else {
      if (caller === null) return -ECONNREFUSED;
      const at = caller.kernel.vfs.resolve(caller.fs, caller.cred, null, pathOf(rest));
      if (typeof at === 'number') return at;
      const inode = at.dentry.inode!;
      const r = permission(inode, MAY_WRITE, at.mount.credentials(caller.cred));
      if (r < 0) return r;
      found = inode.type === S_IFSOCK ? this.unix.findInode(inode) : null;
    }
    if (found === null || found.dead) return -ECONNREFUSED;
    return found.type === this.type ? found : -EPROTOTYPE;
  }

  // Connections (streams and sequenced packets) -------------------------------------------------------------

  override listen(_caller: Task, backlog: number): number {
    if (this.address === null) return -EINVAL;
    if (this.state !== STATE_CLOSE && this.state !== STATE_LISTEN) return -EINVAL;
    const max = Math.min(backlog >>> 0, SOMAXCONN);
    if (max > this.backlogMax) this.wakeWaiting();
    this.backlogMax = max;
    this.state = STATE_LISTEN;
    this.peerCredentials = this.unix.peerCredentials();
    return 0;
  }

  override get listening(): boolean {
    return this.state === STATE_LISTEN;
  }

  override connect(caller: Task, address: SocketAddress): number {
    const r = checkAddress(address);
    if (r < 0) return r;
    if (this.options.passCredentials) {
      const e = this.autobind();
      if (e < 0) return e;
    }
    const other = this.find(caller, address);
    if (typeof other === 'number') return other;
    if (other.state !== STATE_LISTEN || (other.shutdownMask & RCV_SHUTDOWN) !== 0) return -ECONNREFUSED;
    if (other.backlog.length > other.backlogMax) {
      this.waitForRoom(other);
      return -EAGAIN;
    }
    if (this.state === STATE_ESTABLISHED) return -EISCONN;
    if (this.state !== STATE_CLOSE) return -EINVAL;
    if (!this.mayReach(other)) return -EPERM;
    const { vfs, limits } = caller.kernel;
    if (vfs.openFiles >= limits.openFiles) return -ENFILE;
    const end = other.take(this);
    // Nobody has it open yet, but it takes as much memory.
    end.openCounter = vfs;
    vfs.openFiles++;
    return 0;
  }

  /** A connection from `client`: it can be used at once, accepted or not. The new end. */
  private take(client: UnixSocket): UnixSocket {
    const end = this.another(this.unix.makeInode(this.inode.uid, this.inode.gid));
    end.address = this.address;
    end.namedInode = this.namedInode;
    end.listener = this;
    end.peerCredentials = this.unix.peerCredentials();
    end.state = STATE_ESTABLISHED;
    end.peer = client;
    client.peer = end;
    client.state = STATE_ESTABLISHED;
    client.peerCredentials = this.peerCredentials;
    this.backlog.push(end);
    this.queue.wake(READ_READY);
    client.queue.wake(STATE_CHANGED);
    return end;
  }

  override accept(): SocketFile | number {
    if (this.state !== STATE_LISTEN) return -EINVAL;
    const end = this.backlog.shift();
    if (end === undefined) return (this.shutdownMask & RCV_SHUTDOWN) !== 0 ? -EINVAL : -EAGAIN;
    end.listener = null;
    end.options.inherit(this.options);
    this.wakeWaiting();
    return end;
  }

  /** socketpair(2). */
  pairWith(other: UnixSocket): void {
    this.peer = other;
    other.peer = this;
    this.state = other.state = STATE_ESTABLISHED;
    this.peerCredentials = other.peerCredentials = this.unix.peerCredentials();
  }

  /** Connections to accept are something to read. */
  protected get hasConnections(): boolean {
    return this.backlog.length > 0;
  }

  override shutdown(how: number): number {
    const mask = how === SHUT_RD ? RCV_SHUTDOWN : how === SHUT_WR ? SEND_SHUTDOWN : BOTH;
    this.shutdownMask |= mask;
    const other = this.peer;
    if (other !== null && this.connectionOriented) {
      other.shutdownMask |=
        ((mask & RCV_SHUTDOWN) !== 0 ? SEND_SHUTDOWN : 0) | ((mask & SEND_SHUTDOWN) !== 0 ? RCV_SHUTDOWN : 0);
      other.queue.wake(STATE_CHANGED);
    }
    this.queue.wake(STATE_CHANGED);
    return 0;
  }

  protected get connectionOriented(): boolean {
    return true;
  }

  // Waiting for another socket's queue ----------------------------------------------------------------------

  /** Be woken (POLLOUT) when `other` makes room. */
  protected waitForRoom(other: UnixSocket): void {
    if (this.waitsFor === other) return;
    this.waitsFor?.waiting.delete(this);
    this.waitsFor = other;
    other.waiting.add(this);
  }

  /** There is room, or never will be. */
  protected wakeWaiting(): void {
    if (this.waiting.size === 0) return;
    const all = [...this.waiting];
    this.waiting.clear();
    for (const s of all) s.waitsFor = null;
    for (const s of all) s.queue.wake(WRITE_READY);
  }

  // Sending -------------------------------------------------------------------------------------------------

  /** Room below SO_SNDBUF. */
  protected get maySend(): boolean {
    return this.sent < this.options.sndbuf;
  }
  /** Reported writable: a quarter of it used at most (unix_writable). */
  protected get writable4(): boolean {
    return this.state !== STATE_LISTEN && this.sent * 4 <= this.options.sndbuf;
  }

  /** `charge` of what this socket sent has been received, or lost. */
  unsend(charge: number): void {
    this.sent -= charge;
    this.unix.memory -= charge;
    if (this.writable4 && !this.dead) this.queue.wake(WRITE_READY);
  }

  /** What goes along with a message to `other`; takes the files over. Null: nothing. */
  protected ancillaryOf(message: SendMessage, other: UnixSocket): Ancillary | null {
    let credentials = message.credentials;
    if (credentials === null && (this.options.passCredentials || other.options.passCredentials)) {
      credentials = this.unix.senderCredentials();
    }
    if (credentials === null && message.rights === null) return null;
    const parcel =
      message.rights === null ? null : { files: message.rights, uid: this.unix.senderCredentials().uid };
    message.rights = null;
    return { credentials, parcel };
  }

  override parseControl(caller: Task, bytes: Uint8Array, length: number, message: SendMessage): number {
    return parseScm(this.unix, caller, bytes, length, message);
  }

  // Garbage collection --------------------------------------------------------------------------------------

  eachQueuedFile(visit: (file: File) => void): void {
    this.eachOwnFile(visit);
    for (const end of this.backlog) end.eachOwnFile(visit);
  }

  takeQueuedFiles(into: File[]): void {
    this.takeOwnFiles(into);
    for (const end of this.backlog) end.takeOwnFiles(into);
  }

  // Options and the end -------------------------------------------------------------------------------------

  override getStruct(name: number, out: Uint8Array): number {
    if (name === SO_PEERCRED) {
      const view = new DataView(out.buffer, out.byteOffset);
      const peer = this.unix.shown(this.peerCredentials);
      view.setInt32(0, peer.pid, true);
      view.setUint32(4, peer.uid, true);
      view.setUint32(8, peer.gid, true);
      return 12;
    }
    return name === SO_PEERGROUPS ? 0 : super.getStruct(name, out);
  }

  override release(): void {
    if (this.dead) return;
    this.dead = true;
    const unread = this.hasData || this.listener !== null;
    this.shutdownMask = BOTH;
    this.unname();
    this.disconnectPeer(unread);
    this.state = STATE_CLOSE;
    for (const end of this.backlog.splice(0)) releaseFile(end);
    this.dropData();
    this.waitsFor?.waiting.delete(this);
    this.waitsFor = null;
    this.wakeWaiting();
    this.queue.wake(STATE_CHANGED);
    this.unix.collect();
    super.release();
  }

  private unname(): void {
    if (this.boundInode !== null) this.unix.unbindInode(this.boundInode);
    // A connection shares the name of the socket that listens.
    else if (this.address !== null && this.unix.findAbstract(this.address, this) === this)
      this.unix.unbindAbstract(this.address, this);
    this.boundInode = this.namedInode = null;
  }

  private disconnectPeer(unread: boolean): void {
    const other = this.peer;
    if (other === null || !this.connectionOriented) return;
    other.shutdownMask = BOTH;
    // The peer's last bytes were never read: it hears of that.
    if (unread) other.error = ECONNRESET;
    other.queue.wake(STATE_CHANGED);
  }
}

/** A name must be there and fit struct sockaddr_un (unix_validate_addr). */
export function checkAddress(address: SocketAddress): number {
  if (address.length <= PATH_OFFSET || address.length > SUN_SIZE || address.family !== AF_UNIX)
    return -EINVAL;
  return 0;
}

/** A path ends at its first NUL, or at the end of sun_path. */
function pathOf(rest: string): string {
  const end = rest.indexOf('\0');
  return end < 0 ? rest : rest.slice(0, end);
}
