import {
  FAN_ACCESS,
  FAN_ACCESS_PERM,
  FAN_ATTRIB,
  FAN_CLOSE_NOWRITE,
  FAN_CLOSE_WRITE,
  FAN_CREATE,
  FAN_DELETE,
  FAN_DELETE_SELF,
  FAN_EVENT_ON_CHILD,
  FAN_FS_ERROR,
  FAN_MARK_EVICTABLE,
  FAN_MARK_IGNORE,
  FAN_MARK_IGNORED_MASK,
  FAN_MARK_IGNORED_SURV_MODIFY,
  FAN_MODIFY,
  FAN_MOVE_SELF,
  FAN_MOVED_FROM,
  FAN_MOVED_TO,
  FAN_ONDIR,
  FAN_OPEN,
  FAN_OPEN_EXEC,
  FAN_OPEN_EXEC_PERM,
  FAN_OPEN_PERM,
  FAN_RENAME,
} from '@sandbox/abi';

/** Events about a name in a directory, which the object named does not hear. */
export const DIRENT_EVENTS = FAN_CREATE | FAN_DELETE | FAN_MOVED_FROM | FAN_MOVED_TO | FAN_RENAME;
export const PERM_EVENTS = FAN_OPEN_PERM | FAN_ACCESS_PERM | FAN_OPEN_EXEC_PERM;
/** Of the use of an open file: those that can come with a descriptor. */
export const FD_EVENTS =
  FAN_ACCESS | FAN_MODIFY | FAN_CLOSE_WRITE | FAN_CLOSE_NOWRITE | FAN_OPEN | FAN_OPEN_EXEC | PERM_EVENTS;
/** Not events: what they should be of. */
export const EVENT_FLAGS = FAN_EVENT_ON_CHILD | FAN_ONDIR;
export const FAN_EVENTS =
  FD_EVENTS | DIRENT_EVENTS | FAN_ATTRIB | FAN_MOVE_SELF | FAN_DELETE_SELF | FAN_FS_ERROR;
/** What a directory can hear of what lies in it. */
const ON_CHILD = FD_EVENTS | FAN_ATTRIB;

const IGNORE_BITS = FAN_MARK_IGNORED_MASK | FAN_MARK_IGNORE;

/** What a mark wants to hear and what not (Linux: the masks of a fsnotify_mark). */
export class Interest {
  mask = 0;
  ignore = 0;
  /** FAN_MARK_IGNORE was used: FAN_ONDIR and FAN_EVENT_ON_CHILD in `ignore` mean something. */
  private ignoreFlags = false;
  /** `ignore` stays when the file is written. */
  survives = false;
  constructor(public evictable: boolean) {}

  /** May `flags` of fanotify_mark(2) change this mark? What was given up before cannot be had back. */
  mayUpdate(flags: number): boolean {
    if ((flags & FAN_MARK_EVICTABLE) !== 0 && !this.evictable) return false;
    if ((flags & FAN_MARK_IGNORED_MASK) !== 0 && this.ignoreFlags) return false;
    return !(
      (flags & FAN_MARK_IGNORE) !== 0 &&
      (flags & FAN_MARK_IGNORED_SURV_MODIFY) === 0 &&
      this.survives
    );
  }

  add(mask: number, flags: number): void {
    if ((flags & IGNORE_BITS) === 0) this.mask |= mask;
    else {
      this.ignore |= mask;
      if ((flags & FAN_MARK_IGNORE) !== 0) this.ignoreFlags = true;
      if ((flags & FAN_MARK_IGNORED_SURV_MODIFY) !== 0) this.survives = true;
    }
    if ((flags & FAN_MARK_EVICTABLE) === 0) this.evictable = false;
  }

  /** Take bits away, but for `kept`. True: nothing remains. */
  remove(mask: number, flags: number, kept: number): boolean {
    if ((flags & IGNORE_BITS) === 0) this.mask &= ~(mask & ~kept);
    else this.ignore &= ~(mask & ~kept);
    return ((this.mask | this.ignore) & ~kept) === 0;
  }

  /**
   * Wants to know of files in the marked directory, of one of the events in `mask` (or wants not to know).
   */
  watchesChildren(mask: number): boolean {
    const all = this.mask | this.ignore;
    return (all & FAN_EVENT_ON_CHILD) !== 0 && (all & mask & ON_CHILD) !== 0;
  }

  applies(isDir: boolean, asParent: boolean): boolean {
    return applies(this.mask, isDir, asParent);
  }

  /** The events that are ignored, for a file that is a directory or not, told to it or to its parent. */
  ignored(isDir: boolean, asParent: boolean): number {
    const events = this.ignore & FAN_EVENTS;
    if (events === 0 || (!isDir && !asParent)) return events;
    // Without FAN_MARK_IGNORE: directories too, and children if the mark watches children.
    const flags = this.ignoreFlags ? this.ignore : FAN_ONDIR | (this.mask & FAN_EVENT_ON_CHILD);
    return applies(flags, isDir, asParent) ? events : 0;
  }

  /** FAN_MARK_* as in /proc/PID/fdinfo. */
  get flags(): number {
    let flags = this.evictable ? FAN_MARK_EVICTABLE : 0;
    if (this.survives) flags |= FAN_MARK_IGNORED_SURV_MODIFY;
    if (this.ignoreFlags) flags |= FAN_MARK_IGNORE;
    return flags;
  }
}

function applies(flags: number, isDir: boolean, asParent: boolean): boolean {
  return (!isDir || (flags & FAN_ONDIR) !== 0) && (!asParent || (flags & FAN_EVENT_ON_CHILD) !== 0);
}
