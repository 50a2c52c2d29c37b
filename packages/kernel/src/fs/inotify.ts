import {
  EAGAIN,
  EEXIST,
  EFAULT,
  EINVAL,
  EMFILE,
  ENOSPC,
  ENOTTY,
  FIONREAD,
  IN_ALL_EVENTS,
  IN_DELETE_SELF,
  IN_EXCL_UNLINK,
  IN_IGNORED,
  IN_ISDIR,
  IN_MASK_ADD,
  IN_MASK_CREATE,
  IN_ONESHOT,
  IN_Q_OVERFLOW,
  IN_UNMOUNT,
  INOTIFY_EVENT,
  O_NONBLOCK,
  O_RDONLY,
  POLLIN,
  POLLRDNORM,
} from '@sandbox/abi';
import {
  type Dentry,
  type FileSystem,
  type FsObserver,
  type Inode,
  type IoBuf,
  type IoctlCaller,
  type Path,
  type Vfs,
  WaitQueue,
} from '@sandbox/vfs';
import { AnonFile } from './anon-file.js';

/** Limits of /proc/sys/fs/inotify. */
export const MAX_QUEUED_EVENTS = 16384;
export const MAX_USER_INSTANCES = 128;
export const MAX_USER_WATCHES = 65536;

/** Bits of a watch that are behaviour rather than events. */
const KEPT = IN_ALL_EVENTS | IN_EXCL_UNLINK | IN_ONESHOT;
/** Told whether asked for or not. */
const ALWAYS = IN_UNMOUNT | IN_IGNORED | IN_Q_OVERFLOW;

const record = new Uint8Array(INOTIFY_EVENT.SIZE + 256);
const view = new DataView(record.buffer);

/** One inode watched by one instance. */
class Watch {
  constructor(
    readonly instance: InotifyFile,
    readonly wd: number,
    readonly inode: Inode,
    /** Kept: as long as it is watched, the inode keeps its identity in the dentry cache. */
    readonly dentry: Dentry,
    public mask: number,
  ) {}
}

/** The watches on an inode, as its `marks`. */
class Marks {
  readonly watches: Watch[] = [];
}

interface Event {
  readonly wd: number;
  readonly mask: number;
  readonly cookie: number;
  readonly name: string;
}

/** Brings what happens in the tree to the instances that watch it. One a kernel. */
export class InotifyHub implements FsObserver {
  watches = 0;
  /** Instances that are open. */
  readonly live = new Set<InotifyFile>();
  private readonly instances = new Map<number, number>();
  private readonly userWatches = new Map<number, number>();

  /** The hub of `vfs`, made on first use. */
  static of(vfs: Vfs): InotifyHub {
    if (vfs.observer instanceof InotifyHub) return vfs.observer;
    const hub = new InotifyHub();
    vfs.observer = hub;
    return hub;
  }

  get active(): boolean {
    return this.watches > 0;
  }

  event(
    inode: Inode | null,
    parent: Inode | null,
    name: string,
    mask: number,
    cookie: number,
    unlinked: boolean,
  ): void {
    if (parent !== null && parent.marks instanceof Marks)
      this.tell(parent.marks, mask, cookie, name, unlinked);
    if (inode === null || !(inode.marks instanceof Marks)) return;
    const marks = inode.marks;
    this.tell(marks, mask, cookie, '', false);
    if ((mask & IN_DELETE_SELF) !== 0) this.dropAll(marks);
  }

  private tell(marks: Marks, mask: number, cookie: number, name: string, unlinked: boolean): void {
    const kind = mask & ~IN_ISDIR;
    const list = marks.watches;
    for (let i = list.length - 1; i >= 0; i--) {
      const w = list[i];
      if ((w.mask & kind) === 0 && (kind & ALWAYS) === 0) continue;
      if (unlinked && (w.mask & IN_EXCL_UNLINK) !== 0) continue;
      w.instance.push(w.wd, mask, cookie, name);
      if ((w.mask & IN_ONESHOT) !== 0) w.instance.drop(w);
    }
  }

  private dropAll(marks: Marks): void {
    for (const w of [...marks.watches]) w.instance.drop(w);
  }

  unmounted(fs: FileSystem): void {
    for (const instance of [...this.live]) instance.unmounted(fs);
  }

  /** A new instance of `uid`: false at the limit. */
  chargeInstance(uid: number): boolean {
    return charge(this.instances, uid, MAX_USER_INSTANCES);
  }
  chargeWatch(uid: number): boolean {
    if (!charge(this.userWatches, uid, MAX_USER_WATCHES)) return false;
    this.watches++;
    return true;
  }
  unchargeInstance(uid: number): void {
    uncharge(this.instances, uid);
  }
  unchargeWatch(uid: number): void {
    uncharge(this.userWatches, uid);
    this.watches--;
  }
}

function charge(table: Map<number, number>, uid: number, limit: number): boolean {
  const n = table.get(uid) ?? 0;
  if (n >= limit) return false;
  table.set(uid, n + 1);
  return true;
}

function uncharge(table: Map<number, number>, uid: number): void {
  const n = table.get(uid)! - 1;
  if (n === 0) table.delete(uid);
  else table.set(uid, n);
}

/** An inotify instance (inotify(7)). */
export class InotifyFile extends AnonFile {
  protected readonly kind = 'inotify';
  readonly queue = new WaitQueue();
  private readonly byWd = new Map<number, Watch>();
  private events: Event[] = [];
  private head = 0;
  private lastWd = 0;

  private constructor(
    inode: Inode,
    private readonly hub: InotifyHub,
    private readonly uid: number,
    flags: number,
  ) {
    super(inode, O_RDONLY | (flags & O_NONBLOCK));
  }

  /** inotify_init1(2): -EMFILE when `uid` has too many. */
  static create(vfs: Vfs, inode: Inode, uid: number, flags: number): InotifyFile | number {
    const hub = InotifyHub.of(vfs);
    if (!hub.chargeInstance(uid)) return -EMFILE;
    const file = new InotifyFile(inode, hub, uid, flags);
    hub.live.add(file);
    return file;
  }

  // Watches ----------------------------------------------------------------------------------------------------------

  /** inotify_add_watch(2): the watch descriptor, -EEXIST (IN_MASK_CREATE), -ENOSPC (too many). */
  add(path: Path, mask: number): number {
    const inode = path.inode;
    if (!(inode.marks instanceof Marks)) inode.marks = new Marks();
    const marks = inode.marks as Marks;
    const old = marks.watches.find((w) => w.instance === this);
    if (old !== undefined) {
      if ((mask & IN_MASK_CREATE) !== 0) return -EEXIST;
      old.mask = (mask & KEPT) | ((mask & IN_MASK_ADD) !== 0 ? old.mask : 0);
      return old.wd;
    }
    if (!this.hub.chargeWatch(this.uid)) {
      if (marks.watches.length === 0) inode.marks = null;
      return -ENOSPC;
    }
    // Descriptors are never used again, until they run out (inotify(7), BUGS).
    this.lastWd = this.lastWd === 0x7fffffff ? 1 : this.lastWd + 1;
    const w = new Watch(this, this.lastWd, inode, path.dentry, mask & KEPT);
    path.dentry.watches++;
    marks.watches.push(w);
    this.byWd.set(w.wd, w);
    return w.wd;
  }

  /** inotify_rm_watch(2) */
  remove(wd: number): number {
    const w = this.byWd.get(wd);
    if (w === undefined) return -EINVAL;
    this.drop(w);
    return 0;
  }

  /** End a watch; its reader hears IN_IGNORED. */
  drop(w: Watch): void {
    this.unlink(w);
    this.push(w.wd, IN_IGNORED, 0, '');
  }

  private unlink(w: Watch): void {
    if (!this.byWd.delete(w.wd)) return;
    const marks = w.inode.marks as Marks;
    marks.watches.splice(marks.watches.indexOf(w), 1);
    if (marks.watches.length === 0) w.inode.marks = null;
    w.dentry.watches--;
    this.hub.unchargeWatch(this.uid);
  }

  /** Watches on a file system that went away. */
  unmounted(fs: FileSystem): void {
    for (const w of [...this.byWd.values()]) {
      if (w.inode.fs !== fs) continue;
      this.push(w.wd, IN_UNMOUNT, 0, '');
      this.drop(w);
    }
  }

  // Events -----------------------------------------------------------------------------------------------------------

  private get count(): number {
    return this.events.length - this.head;
  }

  /** Queue an event, unless it repeats the last one; a full queue takes one IN_Q_OVERFLOW. */
  push(wd: number, mask: number, cookie: number, name: string): void {
    const n = this.count;
    const last = n > 0 ? this.events[this.events.length - 1] : null;
    if (last !== null && last.wd === wd && last.mask === mask && last.cookie === cookie && last.name === name)
      return;
    if (n >= MAX_QUEUED_EVENTS) {
      if (last!.mask !== IN_Q_OVERFLOW)
        this.events.push({ wd: -1, mask: IN_Q_OVERFLOW, cookie: 0, name: '' });
    } else this.events.push({ wd, mask, cookie, name });
    this.queue.wake(POLLIN | POLLRDNORM);
  }

  override get waitQueue(): WaitQueue {
    return this.queue;
  }
  override poll(): number {
    return this.count > 0 ? POLLIN | POLLRDNORM : 0;
  }

  /** As many whole events as fit; -EINVAL when not even the first does. */
  override read(io: IoBuf): number {
    let done = 0;
    while (this.count > 0) {
      const e = this.events[this.head];
      const size = sizeOf(e);
      if (size > io.remaining) return done > 0 ? done : -EINVAL;
      encode(e);
      if (io.put(record, 0, size) < size) return done > 0 ? done : -EFAULT;
      done += size;
      this.head++;
    }
    this.events = [];
    this.head = 0;
    return done > 0 ? done : -EAGAIN;
  }

  override ioctl(cmd: number, arg: number, caller: IoctlCaller): number {
    if (cmd !== FIONREAD) return -ENOTTY;
    let bytes = 0;
    for (let i = this.head; i < this.events.length; i++) bytes += sizeOf(this.events[i]);
    view.setInt32(0, bytes, true);
    return caller.memory.copyOut(arg, record, 0, 4);
  }

  override release(): void {
    for (const w of [...this.byWd.values()]) this.unlink(w);
    this.hub.live.delete(this);
    this.hub.unchargeInstance(this.uid);
  }

  override get label(): string {
    return 'anon_inode:inotify';
  }

  override get fdinfo(): string {
    let s = '';
    for (const w of this.byWd.values()) {
      const sdev = w.inode.dev.toString(16);
      s += `inotify wd:${w.wd.toString(16)} ino:${w.inode.ino.toString(16)} sdev:${sdev} mask:${w.mask.toString(16)} ignored_mask:0 \n`;
    }
    return s;
  }
}

/** The name is padded with NULs, at least one, to a multiple of the header's size. */
function nameRoom(name: string): number {
  return name === '' ? 0 : Math.ceil((name.length + 1) / INOTIFY_EVENT.SIZE) * INOTIFY_EVENT.SIZE;
}

function sizeOf(e: Event): number {
  return INOTIFY_EVENT.SIZE + nameRoom(e.name);
}

function encode(e: Event): void {
  const room = nameRoom(e.name);
  view.setInt32(INOTIFY_EVENT.wd, e.wd, true);
  view.setUint32(INOTIFY_EVENT.mask, e.mask >>> 0, true);
  view.setUint32(INOTIFY_EVENT.cookie, e.cookie, true);
  view.setUint32(INOTIFY_EVENT.len, room, true);
  record.fill(0, INOTIFY_EVENT.SIZE, INOTIFY_EVENT.SIZE + room);
  for (let i = 0; i < e.name.length; i++) record[INOTIFY_EVENT.name + i] = e.name.charCodeAt(i);
}
