import { AF_UNIX, EADDRINUSE, EINVAL, ENOSPC } from '@sandbox/abi';
import type { File, Inode } from '@sandbox/vfs';
import type { KernelCore } from '../../process/kernel/kernel-core.js';
import { Slot } from '../../process/kernel/slot.js';
import type { NetNamespace } from '../../process/ns/namespaces.js';
import type { Task } from '../../process/task/task.js';
import { signalUrgent } from '../locks/fasync.js';
import { NOBODY, type Ucred } from '../socket/message.js';
import { SocketFile } from '../socket/socket-file.js';
import { collectGarbage } from './garbage.js';
import type { UnixSocket } from './socket.js';

/** Bytes (with overhead) in all socket buffers of a kernel: what a sandbox can take from its embedder. */
const MAX_MEMORY = 256 * 1024 * 1024;
/** Files in flight at which a sender first looks for cycles (Linux: UNIX_INFLIGHT_SANE_USER). */
const INFLIGHT_SANE = 16000;
/**
 * Files in flight a kernel puts up with, whoever sent them: what a privileged sender could take from the
 * embedder.
 */
const INFLIGHT_MAX = 1_000_000;
/** Names autobind can make: five hexadecimal digits. */
const AUTOBIND_NAMES = 0x100000;

/** Files of one message, in flight: it owns a reference to each. Counted against the user who sent them. */
export interface Parcel {
  readonly files: File[];
  readonly uid: number;
}

/** Abstract names in a network namespace, each with its leading NUL (unix(7)). */
const abstractNames = new Slot((_ns: NetNamespace) => new Map<string, UnixSocket>());

/** The Unix domain sockets of a kernel (unix(7)): names, and what travels in messages. */
export class UnixDomain {
  private readonly byInode = new WeakMap<Inode, UnixSocket>();
  private nextAuto = 0;
  /** Bytes with overhead in receive queues. */
  memory = 0;
  /**
   * How often each socket is in flight: sent over a socket and not received yet. Only sockets can form
   * cycles.
   */
  readonly inflight = new Map<UnixSocket, number>();
  /** Receivers with files in their queue, and in how many messages. */
  readonly holders = new Map<UnixSocket, number>();
  /** Files of any kind in flight, by user, and in all. */
  private readonly inflightByUser = new Map<number, number>();
  private inflightFiles = 0;
  private collecting = false;

  constructor(
    private readonly kernel: KernelCore,
    /** An inode for a socket of this owner. */
    readonly makeInode: (uid: number, gid: number) => Inode,
  ) {}

  /** Urgent data came for `file`: SIGURG for its owner. */
  urgentData(file: File): void {
    signalUrgent(this.kernel, file);
  }

  /** Credentials the current caller acts with in messages: pid and real ids. */
  senderCredentials(): Ucred {
    const t = this.kernel.current;
    return t === null ? NOBODY : { pid: t.group.pid, uid: t.cred.uid, gid: t.cred.gid };
  }

  /** Credentials in the pids and ids of the current caller. */
  shown(c: Ucred): Ucred {
    const t = this.kernel.current;
    if (t === null) return c;
    const { uids, gids } = t.cred.userNs;
    return { pid: t.pids.seen(t.kernel.pids, c.pid), uid: uids.show(c.uid), gid: gids.show(c.gid) };
  }

  /** Credentials for SO_PEERCRED: pid and effective ids. */
  peerCredentials(): Ucred {
    const t = this.kernel.current;
    return t === null ? NOBODY : { pid: t.group.pid, uid: t.cred.euid, gid: t.cred.egid };
  }

  /** The task whose call is being served. */
  get caller(): Task | null {
    return this.kernel.current;
  }

  // Names ---------------------------------------------------------------------------------------------------

  /**
   * The socket bound to abstract name `name` (with its leading NUL) in the network namespace of `from`, if
   * any.
   */
  findAbstract(name: string, from: UnixSocket): UnixSocket | null {
    return from.netns ? (abstractNames.of(from.netns).get(name) ?? null) : null;
  }

  /** 0 or -EADDRINUSE. */
  bindAbstract(name: string, socket: UnixSocket): number {
    if (!socket.netns) return -EINVAL;
    const names = abstractNames.of(socket.netns);
    if (names.has(name)) return -EADDRINUSE;
    names.set(name, socket);
    return 0;
  }

  /** A free abstract name for `socket`: the name, or -ENOSPC. */
  autobind(socket: UnixSocket): string | number {
    for (let tries = 0; tries < AUTOBIND_NAMES; tries++) {
      this.nextAuto = (this.nextAuto + 1) % AUTOBIND_NAMES;
      const name = `\0${this.nextAuto.toString(16).padStart(5, '0')}`;
      if (this.bindAbstract(name, socket) === 0) return name;
    }
    return -ENOSPC;
  }

  unbindAbstract(name: string, socket: UnixSocket): void {
    if (socket.netns) abstractNames.of(socket.netns).delete(name);
  }

  findInode(inode: Inode): UnixSocket | null {
    return this.byInode.get(inode) ?? null;
  }
  bindInode(inode: Inode, socket: UnixSocket): void {
    this.byInode.set(inode, socket);
  }
  unbindInode(inode: Inode): void {
    this.byInode.delete(inode);
  }

  // Memory --------------------------------------------------------------------------------------------------

  get full(): boolean {
    return this.memory >= MAX_MEMORY;
  }

  // Files in flight -----------------------------------------------------------------------------------------

  get inflightFull(): boolean {
    return this.inflightFiles > INFLIGHT_MAX;
  }

  /** `uid` may have no more files in flight (sendmsg ETOOMANYREFS). */
  tooManyInFlight(uid: number, limit: number): boolean {
    return (this.inflightByUser.get(uid) ?? 0) > limit;
  }

  /** `parcel` is put into the queue of `receiver`. */
  depart(parcel: Parcel, receiver: UnixSocket): void {
    const { files, uid } = parcel;
    this.inflightFiles += files.length;
    count(this.inflightByUser, uid, files.length);
    count(this.holders, receiver, 1);
    for (const file of files) if (isUnixSocket(file)) count(this.inflight, file, 1);
    if (this.inflightFiles > INFLIGHT_SANE) this.collect();
  }

  /** It has left the queue of `receiver`: received, or lost. */
  arrive(parcel: Parcel, receiver: UnixSocket): void {
    const { files, uid } = parcel;
    this.inflightFiles -= files.length;
    count(this.inflightByUser, uid, -files.length);
    count(this.holders, receiver, -1);
    for (const file of files) if (isUnixSocket(file)) count(this.inflight, file, -1);
  }

  /**
   * Free sockets that only messages in each other's queues refer to. Called when a socket goes and others are
   * in flight.
   */
  collect(): void {
    if (this.inflight.size === 0 || this.collecting) return;
    this.collecting = true;
    collectGarbage(this);
    this.collecting = false;
  }
}

function isUnixSocket(file: File): file is UnixSocket {
  return file instanceof SocketFile && file.domain === AF_UNIX;
}

/** Add to a counter that is not kept while it is zero. */
function count<K>(counters: Map<K, number>, key: K, by: number): void {
  const n = (counters.get(key) ?? 0) + by;
  if (n > 0) counters.set(key, n);
  else counters.delete(key);
}
