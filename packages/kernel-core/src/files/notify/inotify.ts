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
  IN_MOVE_SELF,
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
  type Inode,
  type IoBuf,
  type IoctlCaller,
  Mark,
  NotifyHub,
  type Path,
  type Vfs,
  WaitQueue,
} from '@sandbox/vfs';
import { AnonFile } from '../../process/files/anon-file.js';

/** Limits of /proc/sys/fs/inotify. */
export const MAX_QUEUED_EVENTS = 16384;

/** Bits of a watch that are behaviour rather than events. */
const KEPT = IN_ALL_EVENTS | IN_EXCL_UNLINK | IN_ONESHOT;

const SELF = IN_DELETE_SELF | IN_MOVE_SELF;

const record = new Uint8Array(INOTIFY_EVENT.SIZE + 256);
const view = new DataView(record.buffer);

/** One inode watched by one instance. */
class Watch extends Mark {
  constructor(
    readonly instance: InotifyFile,
    readonly wd: number,
    inode: Inode,
    dentry: Dentry,
    mask: number,
  ) {
    super(inode, dentry, mask);
  }

  override tell(mask: number, cookie: number, name: string): void {
    // What a file hears of itself does not say that it is a directory (inotify_handle_inode_event).
    const told = mask & (mask & SELF ? IN_ALL_EVENTS : IN_ALL_EVENTS | IN_ISDIR);
    this.instance.push(this.wd, told, cookie, name);
    if ((this.mask & IN_ONESHOT) !== 0) this.instance.drop(this);
  }

  override drop(): void {
    this.instance.drop(this);
  }
}

interface Event {
  readonly wd: number;
  readonly mask: number;
  readonly cookie: number;
  readonly name: string;
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
    private readonly hub: NotifyHub,
    private readonly uid: number,
    flags: number,
  ) {
    super(inode, O_RDONLY | (flags & O_NONBLOCK));
  }

  /** inotify_init1(2): -EMFILE when `uid` has too many. */
  static create(vfs: Vfs, inode: Inode, uid: number, flags: number): InotifyFile | number {
    const hub = NotifyHub.of(vfs);
    if (!hub.instances.charge(uid)) return -EMFILE;
    const file = new InotifyFile(inode, hub, uid, flags);
    hub.live.add(file);
    return file;
  }

  // Watches -------------------------------------------------------------------------------------------------

  /** inotify_add_watch(2): the watch descriptor, -EEXIST (IN_MASK_CREATE), -ENOSPC (too many). */
  add(path: Path, mask: number): number {
    const inode = path.inode;
    const old = this.hub.find(inode, (m) => m instanceof Watch && m.instance === this);
    if (old instanceof Watch) {
      if ((mask & IN_MASK_CREATE) !== 0) return -EEXIST;
      old.mask = (mask & KEPT) | ((mask & IN_MASK_ADD) !== 0 ? old.mask : 0);
      return old.wd;
    }
    if (!this.hub.userWatches.charge(this.uid)) return -ENOSPC;
    // Descriptors are never used again, until they run out (inotify(7), BUGS).
    this.lastWd = this.lastWd === 0x7fffffff ? 1 : this.lastWd + 1;
    const w = new Watch(this, this.lastWd, inode, path.dentry, mask & KEPT);
    this.hub.attach(w);
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
    this.hub.detach(w);
    this.hub.userWatches.uncharge(this.uid);
  }

  /** Watches on a file system that went away. */
  unmounted(fs: FileSystem): void {
    for (const w of [...this.byWd.values()]) {
      if (w.inode.fs !== fs) continue;
      this.push(w.wd, IN_UNMOUNT, 0, '');
      this.drop(w);
    }
  }

  // Events --------------------------------------------------------------------------------------------------

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
    this.hub.instances.uncharge(this.uid);
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
