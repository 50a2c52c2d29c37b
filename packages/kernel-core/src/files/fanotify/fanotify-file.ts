import {
  CAP_SYS_ADMIN,
  EAGAIN,
  EBADF,
  EFAULT,
  EINVAL,
  EMFILE,
  ENFILE,
  ENOENT,
  ENOTTY,
  EPERM,
  ESRCH,
  FAN_ALLOW,
  FAN_AUDIT,
  FAN_CLASS_CONTENT,
  FAN_CLASS_PRE_CONTENT,
  FAN_DENY,
  FAN_ENABLE_AUDIT,
  FAN_EPIDFD,
  FAN_EVENT_ON_CHILD,
  FAN_INFO,
  FAN_MODIFY,
  FAN_NOFD,
  FAN_NONBLOCK,
  FAN_ONDIR,
  FAN_Q_OVERFLOW,
  FAN_RENAME,
  FAN_REPORT_DIR_FID,
  FAN_REPORT_FD_ERROR,
  FAN_REPORT_FID,
  FAN_REPORT_NAME,
  FAN_REPORT_PIDFD,
  FAN_REPORT_TARGET_FID,
  FAN_REPORT_TID,
  FAN_RESPONSE_INFO_AUDIT_RULE,
  FAN_UNLIMITED_MARKS,
  FAN_UNLIMITED_QUEUE,
  FANOTIFY_RESPONSE,
  FANOTIFY_RESPONSE_AUDIT_RULE,
  FIONREAD,
  O_CLOEXEC,
  O_NONBLOCK,
  O_RDWR,
  POLLIN,
  POLLRDNORM,
  RLIMIT_NOFILE,
} from '@sandbox/abi';
import {
  type File,
  type FileSystem,
  FMODE_NONOTIFY,
  FsEvent,
  handleOf,
  type Inode,
  type IoBuf,
  type IoctlCaller,
  isElsewhere,
  Mount,
  type NotifyGroup,
  NotifyHub,
  openPlace,
  Path,
  releaseFile,
  UserCounts,
  WaitQueue,
} from '@sandbox/vfs';
import { AnonFile } from '../../process/files/anon-file.js';
import { pidfdFor } from '../../process/files/pidfd.js';
import type { KernelCore } from '../../process/kernel/kernel-core.js';
import type { Task } from '../../process/task/task.js';
import { FanEvent, FID_BITS, overflowEvent, type Place } from './event.js';
import { DIRENT_EVENTS, EVENT_FLAGS, FAN_EVENTS, type Interest, PERM_EVENTS } from './interest.js';
import { Marks } from './marks.js';
import { AskedListeners, PermissionEvent } from './permission.js';

/** Limits of /proc/sys/fs/fanotify. */
const MAX_QUEUED_EVENTS = 16384;
const MAX_USER_GROUPS = 128;
/** FAN_UNLIMITED_QUEUE: events are the embedder's memory, so there is an end to them. */
const UNLIMITED_EVENTS = 262144;
/** Events looked at for one to merge with (Linux: FANOTIFY_MAX_MERGE_EVENTS). */
const MAX_MERGE = 128;
/** Which of the marks that matched an event: where a rename is told from. */
const BY_FS = 1;
const BY_INODE = 2;
const BY_NEW_DIR = 4;

/** Groups of each user, over a kernel. */
const userGroups = new WeakMap<NotifyHub, UserCounts>();

const record = new Uint8Array(4096);
const view = new DataView(record.buffer);
const asking = new FsEvent();

/**
 * A fanotify group (fanotify(7)): marks on inodes, mounts and file systems, and the queue of what happened to
 * them.
 */
export class FanotifyFile extends AnonFile implements NotifyGroup {
  protected readonly kind = 'fanotify';
  readonly priority: number;
  readonly marks: Marks;
  /** FAN_REPORT_* that say what is told of files. */
  readonly fidMode: number;
  /** Where those sleep who wait for an answer. */
  readonly answers = new WaitQueue();
  private readonly queue = new WaitQueue();
  private events: FanEvent[] = [];
  private head = 0;
  private readonly mergeable = new Map<object, FanEvent[]>();
  /** Read, and not answered. */
  private readonly unanswered: PermissionEvent[] = [];
  private readonly maxEvents: number;
  /** Set by `wanted`: BY_*, and that the directory of the file is to be told. */
  private matched = 0;
  private tellsDir = false;

  private constructor(
    private readonly kernel: KernelCore,
    private readonly groups: UserCounts,
    private readonly uid: number,
    readonly init: number,
    private readonly eventFlags: number,
    /** Made without CAP_SYS_ADMIN: it is told only of files, and not who did something. */
    readonly unprivileged: boolean,
  ) {
    super(kernel.anonInode, O_RDWR | ((init & FAN_NONBLOCK) !== 0 ? O_NONBLOCK : 0));
    this.priority = (init & FAN_CLASS_PRE_CONTENT) !== 0 ? 2 : (init & FAN_CLASS_CONTENT) !== 0 ? 1 : 0;
    this.fidMode = init & FID_BITS;
    this.maxEvents = (init & FAN_UNLIMITED_QUEUE) !== 0 ? UNLIMITED_EVENTS : MAX_QUEUED_EVENTS;
    this.marks = new Marks(kernel.vfs, uid, (init & FAN_UNLIMITED_MARKS) !== 0);
  }

  /** fanotify_init(2), its arguments checked: -EMFILE when the caller has too many. */
  static create(t: Task, init: number, eventFlags: number): FanotifyFile | number {
    const hub = NotifyHub.of(t.kernel.vfs);
    let groups = userGroups.get(hub);
    if (groups === undefined) userGroups.set(hub, (groups = new UserCounts(MAX_USER_GROUPS)));
    const uid = t.cred.euid;
    if (!groups.charge(uid)) return -EMFILE;
    const unprivileged = !t.cred.capable(CAP_SYS_ADMIN);
    const file = new FanotifyFile(t.kernel, groups, uid, init, eventFlags, unprivileged);
    hub.addGroup(file);
    return file;
  }

  // What happens --------------------------------------------------------------------------------------------

  concerns(fs: FileSystem): boolean {
    return this.marks.concerns(fs);
  }

  event(e: FsEvent): void {
    const mask = this.wanted(e);
    if (mask !== 0) this.push(this.eventOf(e, mask));
  }

  /** What of `e` the marks ask for: its mask, with FAN_ONDIR where that is told; 0: nothing. */
  private wanted(e: FsEvent): number {
    const object = e.object!;
    const isDir = (e.mask & FAN_ONDIR) !== 0;
    const dirent = e.inode === null;
    const { marks } = this;
    const onFs = marks.get(object.fs);
    const onMount = e.mount === null ? null : marks.get(e.mount);
    const onInode = marks.get(dirent ? e.dir!.inode! : object);
    const onNewDir = e.newDir === null ? null : marks.get(e.newDir.inode!);
    let onParent = dirent || e.dir === null ? null : marks.get(e.dir.inode!);
    if (onParent !== null && (!onParent.watchesChildren(e.mask) || isElsewhere(e))) onParent = null;
    if (onFs === null && onMount === null && onInode === null && onNewDir === null && onParent === null)
      return 0;
    this.tellsDir = dirent || onParent !== null;
    if (!this.tellsDir && !isDir && e.dir !== null) {
      this.tellsDir = wantsDir(onFs, e.mask) || wantsDir(onMount, e.mask) || wantsDir(onInode, e.mask);
    }
    if (!this.canTell(e, isDir)) return 0;
    if ((e.mask & FAN_MODIFY) !== 0) {
      for (const m of [onFs, onMount, onInode, onParent]) if (m !== null && !m.survives) m.ignore = 0;
    }
    this.matched = 0;
    const asked =
      this.match(onFs, isDir, false, BY_FS) |
      this.match(onMount, isDir, false, 0) |
      this.match(onInode, isDir, false, BY_INODE) |
      this.match(onNewDir, isDir, false, BY_NEW_DIR) |
      this.match(onParent, isDir, true, 0);
    const ignored =
      ignoredBy(onFs, isDir, false) |
      ignoredBy(onMount, isDir, false) |
      ignoredBy(onInode, isDir, false) |
      ignoredBy(onNewDir, isDir, false) |
      ignoredBy(onParent, isDir, true);
    const mask = e.mask & asked & ~ignored;
    if ((mask & FAN_EVENTS) === 0) return 0;
    return this.fidMode === 0 ? mask & ~EVENT_FLAGS : mask & ~FAN_EVENT_ON_CHILD;
  }

  /** Can what there is to tell be told in the way this group is told things? */
  private canTell(e: FsEvent, isDir: boolean): boolean {
    if (this.fidMode === 0) return e.mount !== null && (e.object!.isRegular || isDir);
    return (this.fidMode & FAN_REPORT_FID) !== 0 || this.tellsDir || isDir;
  }

  private match(m: Interest | null, isDir: boolean, asParent: boolean, by: number): number {
    if (m === null || !m.applies(isDir, asParent)) return 0;
    this.matched |= by;
    return m.mask;
  }

  private eventOf(e: FsEvent, mask: number): FanEvent {
    const isThread = (this.init & FAN_REPORT_TID) !== 0;
    const made = new FanEvent(mask, this.kernel.current, isThread);
    if (this.fidMode === 0) {
      made.path = new Path(e.mount!, e.dentry!).pin();
      made.anchor = e.dentry;
    } else this.describe(e, made);
    return made;
  }

  /** FAN_REPORT_FID and kin: which files an event is told to be about (fanotify_alloc_event). */
  private describe(e: FsEvent, made: FanEvent): void {
    const mode = this.fidMode;
    const object = e.object!;
    const dirent = (made.mask & DIRENT_EVENTS) !== 0;
    made.dev = object.fs.dev;
    // A name tells the directory, a directory itself, any other file the directory it lies in.
    const selfDir = !dirent && object.isDirectory;
    const dir = selfDir ? object : this.tellsDir ? e.dir!.inode! : null;
    const byDir = (mode & FAN_REPORT_DIR_FID) !== 0 && dir !== null;
    const id = dirent && (mode & FAN_REPORT_TARGET_FID) === 0 ? e.dir!.inode! : object;
    const tellsChild = dirent
      ? (mode & FAN_REPORT_TARGET_FID) !== 0
      : (mode & FAN_REPORT_FID) !== 0 && (made.mask & FAN_ONDIR) === 0;
    this.noteNames(e);
    if (!byDir) {
      made.object = handleOf(id);
      made.anchor = id;
      return;
    }
    const child = tellsChild && id !== dir ? id : null;
    const named = (mode & FAN_REPORT_NAME) !== 0 && (dirent || (made.mask & FAN_ONDIR) === 0);
    if (!named && child === null) {
      made.object = handleOf(dir);
      made.anchor = dir;
      return;
    }
    made.anchor = dir;
    made.object = child === null ? null : handleOf(child);
    made.place = placeOf(dir, named ? e.name : '');
    if ((made.mask & FAN_RENAME) === 0) return;
    if ((this.matched & (BY_FS | BY_INODE)) === 0) made.place = null;
    if ((this.matched & (BY_FS | BY_NEW_DIR)) !== 0) made.newPlace = placeOf(e.newDir!.inode!, e.newName);
  }

  /** Whoever is told handles will want to open them. */
  private noteNames(e: FsEvent): void {
    const { handles } = e.object!.fs;
    if (handles === null) return;
    if (e.dentry !== null) handles.note(e.dentry);
    if (e.dir !== null) handles.note(e.dir);
    if (e.newDir !== null) handles.note(e.newDir);
  }

  private get count(): number {
    return this.events.length - this.head;
  }

  /**
   * Queue an event, unless there is one to merge it with. False: the queue is full, as its reader will hear.
   */
  private push(e: FanEvent): boolean {
    const full = this.count >= this.maxEvents;
    if (e.anchor !== null && this.merge(e, full)) {
      e.forget();
      return true;
    }
    if (full) {
      e.forget();
      const last = this.events[this.events.length - 1];
      if (!(e instanceof PermissionEvent) && last.mask !== FAN_Q_OVERFLOW) this.events.push(overflowEvent());
      return false;
    }
    this.events.push(e);
    this.queue.wake(POLLIN | POLLRDNORM);
    return true;
  }

  /**
   * Add `e` to an event not read yet that says the same; else remember it for later ones, unless the queue is
   * full.
   */
  private merge(e: FanEvent, full: boolean): boolean {
    const list = this.mergeable.get(e.anchor!);
    if (list !== undefined) {
      const end = Math.max(0, list.length - MAX_MERGE);
      for (let i = list.length - 1; i >= end; i--) {
        if (!list[i].like(e)) continue;
        list[i].mask |= e.mask;
        return true;
      }
    }
    if (full) return false;
    if (list !== undefined) list.push(e);
    else this.mergeable.set(e.anchor!, [e]);
    return false;
  }

  private shift(): void {
    const e = this.events[this.head++];
    if (this.head === this.events.length) {
      this.events = [];
      this.head = 0;
    } else if (this.head > 1024 && this.head * 2 > this.events.length) {
      this.events = this.events.slice(this.head);
      this.head = 0;
    }
    if (e.anchor === null) return;
    const list = this.mergeable.get(e.anchor)!;
    if (list.length === 1) this.mergeable.delete(e.anchor);
    else list.splice(list.indexOf(e), 1);
  }

  // Permission ----------------------------------------------------------------------------------------------

  /** See `NotifyGroup`; the answer is that to the call under way. */
  mayUse(file: File, how: number): number {
    const t = this.kernel.current;
    const { path } = file;
    if (t === null || path === null) return 0;
    const asked = AskedListeners.of(t);
    let e = asked.find(this, how, path);
    if (e === null) {
      const { inode, dentry, mount } = path;
      asking.set(inode.isDirectory ? how | FAN_ONDIR : how, inode, inode);
      asking.mount = mount;
      asking.dir = dentry.parent;
      const mask = this.wanted(asking) & PERM_EVENTS;
      asking.clear();
      if (mask === 0) return 0;
      e = new PermissionEvent(this, mask, t, (this.init & FAN_REPORT_TID) !== 0, path);
      if (!this.push(e)) return 0;
      asked.add(e);
    }
    if (e.allowed === null) return asked.awaits(e);
    return e.allowed ? 0 : -EPERM;
  }

  /** Nobody waits any more for the answer to `e`. */
  cancel(e: PermissionEvent): void {
    if (e.allowed !== null || e.fd >= 0) return;
    const i = this.events.indexOf(e, this.head);
    if (i < 0) return;
    this.events.splice(i, 1);
    e.forget();
  }

  /** Answers: `struct fanotify_response`, possibly with a rule for the audit log. */
  override write(io: IoBuf): number {
    const size = io.remaining;
    if (size < FANOTIFY_RESPONSE.SIZE) return -EINVAL;
    if (io.get(record, 0, FANOTIFY_RESPONSE.SIZE) < FANOTIFY_RESPONSE.SIZE) return -EFAULT;
    const fd = view.getInt32(FANOTIFY_RESPONSE.fd, true);
    const response = view.getUint32(FANOTIFY_RESPONSE.response, true);
    if ((response & ~(FAN_ALLOW | FAN_DENY | FAN_AUDIT | FAN_INFO)) !== 0) return -EINVAL;
    const verdict = response & (FAN_ALLOW | FAN_DENY);
    if (verdict !== FAN_ALLOW && verdict !== FAN_DENY) return -EINVAL;
    if ((response & FAN_AUDIT) !== 0 && (this.init & FAN_ENABLE_AUDIT) === 0) return -EINVAL;
    let taken: number = FANOTIFY_RESPONSE.SIZE;
    if ((response & FAN_INFO) !== 0) {
      const e = takeAuditRule(io, size - taken);
      if (e !== 0) return e;
      taken = size;
      if (fd === FAN_NOFD) return taken;
    }
    if (fd < 0) return -EINVAL;
    const i = this.unanswered.findIndex((e) => e.fd === fd);
    if (i < 0) return -ENOENT;
    this.unanswered.splice(i, 1)[0].answer(verdict === FAN_ALLOW);
    return taken;
  }

  // Reading -------------------------------------------------------------------------------------------------

  override get waitQueue(): WaitQueue {
    return this.queue;
  }
  override poll(): number {
    return this.count > 0 ? POLLIN | POLLRDNORM : 0;
  }

  /** As many whole events as fit; -EINVAL when not even the first does. */
  override read(io: IoBuf): number {
    const t = this.kernel.current;
    let done = 0;
    while (this.count > 0) {
      const e = this.events[this.head];
      if (e.size(this.init) > io.remaining) return done > 0 ? done : -EINVAL;
      this.shift();
      const n = this.deliver(t, e, io);
      e.forget();
      if (n < 0) return done > 0 && n !== -EFAULT ? done : n;
      done += n;
    }
    return done > 0 ? done : -EAGAIN;
  }

  /** Store one event, with descriptors made for it: its size, or -errno. */
  private deliver(t: Task | null, e: FanEvent, io: IoBuf): number {
    const reportsErrors = (this.init & FAN_REPORT_FD_ERROR) !== 0;
    const fd = e.path === null || t === null ? -EBADF : this.openFor(t, e);
    if (fd < 0 && e.path !== null && !reportsErrors) {
      if (e instanceof PermissionEvent) e.answer(false);
      return fd;
    }
    const pid = this.pidOf(t, e);
    const pidfd = this.pidfdOf(t, e, pid, reportsErrors);
    e.encode(view, this.init, e.mask, fd >= 0 || reportsErrors ? fd : FAN_NOFD, pid, pidfd);
    const size = e.size(this.init);
    const stored = io.put(record, 0, size) === size;
    if (!stored) {
      if (fd >= 0) t!.files.close(fd);
      if (pidfd >= 0) t!.files.close(pidfd);
    }
    if (e instanceof PermissionEvent) {
      if (stored && fd >= 0) {
        e.fd = fd;
        this.unanswered.push(e);
      } else e.answer(false);
    }
    return stored ? size : -EFAULT;
  }

  private openFor(t: Task, e: FanEvent): number {
    const { mount, dentry } = e.path!;
    const { vfs, limits } = t.kernel;
    if (vfs.openFiles >= limits.openFiles) return -ENFILE;
    if (!t.files.hasRoom(t.group.limits.soft[RLIMIT_NOFILE])) return -EMFILE;
    // What is left of a file that has lost its name can still be opened.
    if (dentry.inode === null) return -ENOENT;
    const file = openPlace(vfs, mount, dentry, this.eventFlags | FMODE_NONOTIFY, t.cred, true);
    if (typeof file === 'number') return file;
    // fcntl(F_GETFL) tells it of these.
    file.flags |= this.eventFlags & O_CLOEXEC;
    const cloexec = (this.eventFlags & O_CLOEXEC) !== 0;
    const fd = t.files.install(file, cloexec, t.group.limits.soft[RLIMIT_NOFILE]);
    if (fd < 0) releaseFile(file);
    return fd;
  }

  private pidOf(t: Task | null, e: FanEvent): number {
    if (e.who === null || t === null) return 0;
    if (this.unprivileged && e.who.group !== t.group) return 0;
    return e.isThread ? e.who.tidFor(t) : e.who.pidFor(t);
  }

  private pidfdOf(t: Task | null, e: FanEvent, pid: number, reportsErrors: boolean): number {
    if ((this.init & FAN_REPORT_PIDFD) === 0) return FAN_NOFD;
    let fd = -ESRCH;
    if (t !== null && pid !== 0) {
      const file = pidfdFor(e.who!.group.leader, false, 0);
      if (file.isGone) releaseFile(file);
      else {
        fd = t.files.install(file, true, t.group.limits.soft[RLIMIT_NOFILE]);
        if (fd < 0) releaseFile(file);
      }
    }
    if (fd >= 0 || reportsErrors) return fd;
    return fd === -ESRCH ? FAN_NOFD : FAN_EPIDFD;
  }

  override ioctl(cmd: number, arg: number, caller: IoctlCaller): number {
    if (cmd !== FIONREAD) return -ENOTTY;
    let bytes = 0;
    for (let i = this.head; i < this.events.length; i++) bytes += this.events[i].size(this.init);
    view.setInt32(0, bytes, true);
    return caller.memory.copyOut(arg, record, 0, 4);
  }

  // The end -------------------------------------------------------------------------------------------------

  unmounted(fs: FileSystem): void {
    this.marks.unmounted(fs);
  }

  /** Whoever waits for an answer may go on. */
  override release(): void {
    NotifyHub.of(this.kernel.vfs).removeGroup(this);
    this.marks.dropAll(() => true);
    for (const e of this.unanswered.splice(0)) e.answer(true);
    for (const e of this.events.slice(this.head)) {
      if (e instanceof PermissionEvent) e.answer(true);
      e.forget();
    }
    this.events = [];
    this.head = 0;
    this.groups.uncharge(this.uid);
  }

  override get fdinfo(): string {
    let s = `fanotify flags:${this.init.toString(16)} event-flags:${this.eventFlags.toString(16)}\n`;
    for (const [at, m] of this.marks.all) {
      const masks = `mflags:${m.flags.toString(16)} mask:${hex(m.mask)} ignored_mask:${hex(m.ignore)}`;
      if (at instanceof Mount) s += `fanotify mnt_id:${at.id.toString(16)} ${masks}\n`;
      else if ('ino' in at)
        s += `fanotify ino:${at.ino.toString(16)} sdev:${at.dev.toString(16)} ${masks} \n`;
      else s += `fanotify sdev:${at.dev.toString(16)} ${masks}\n`;
    }
    return s;
  }
}

function hex(mask: number): string {
  return (mask >>> 0).toString(16);
}

function wantsDir(m: Interest | null, mask: number): boolean {
  return m?.watchesChildren(mask) === true;
}

function ignoredBy(m: Interest | null, isDir: boolean, asParent: boolean): number {
  return m === null ? 0 : m.ignored(isDir, asParent);
}

function placeOf(dir: Inode, name: string): Place {
  return { dir: handleOf(dir), name };
}

/** FAN_INFO: a rule that is to be noted in the audit log, which nobody keeps here. 0 or -errno. */
function takeAuditRule(io: IoBuf, size: number): number {
  const f = FANOTIFY_RESPONSE_AUDIT_RULE;
  if (size !== f.SIZE) return -EINVAL;
  if (io.get(record, 0, size) < size) return -EFAULT;
  if (view.getUint8(f.type) !== FAN_RESPONSE_INFO_AUDIT_RULE) return -EINVAL;
  return view.getUint8(f.pad) !== 0 || view.getUint16(f.len, true) !== size ? -EINVAL : 0;
}
