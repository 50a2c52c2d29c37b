import {
  FAN_EVENT_INFO_TYPE_DFID,
  FAN_EVENT_INFO_TYPE_DFID_NAME,
  FAN_EVENT_INFO_TYPE_FID,
  FAN_EVENT_INFO_TYPE_NEW_DFID_NAME,
  FAN_EVENT_INFO_TYPE_OLD_DFID_NAME,
  FAN_EVENT_INFO_TYPE_PIDFD,
  FAN_ONDIR,
  FAN_Q_OVERFLOW,
  FAN_RENAME,
  FAN_REPORT_FID,
  FAN_REPORT_NAME,
  FAN_REPORT_PIDFD,
  FANOTIFY_EVENT_INFO_FID,
  FANOTIFY_EVENT_INFO_PIDFD,
  FANOTIFY_EVENT_METADATA,
  FANOTIFY_METADATA_VERSION,
  FILE_HANDLE,
} from '@sandbox/abi';
import { HANDLE_BYTES, type HandleId, type Path, putHandle } from '@sandbox/vfs';
import type { Task } from '../../process/task/task.js';
import { DIRENT_EVENTS } from './interest.js';

/** FAN_REPORT_* that make events come with handles rather than descriptors. */
export const FID_BITS = 0x1e00;

/** A directory and a name in it. */
export interface Place {
  readonly dir: HandleId;
  /** '': only the directory is told. */
  readonly name: string;
}

/** An event in the queue of a group. */
export class FanEvent {
  /** It may be merged with: events of the same object (Linux: the hash). Null: never. */
  anchor: object | null = null;
  /** Where the file is, held until the event has been read; null with handles. */
  path: Path | null = null;
  /** With handles: st_dev of the file system, and what there is to say. */
  dev = 0;
  place: Place | null = null;
  newPlace: Place | null = null;
  object: HandleId | null = null;

  constructor(
    public mask: number,
    /** Whoever did it: a process, or a thread with FAN_REPORT_TID; null: nobody in the sandbox. */
    readonly who: Task | null,
    readonly isThread: boolean,
  ) {}

  /** It says the same as `other`, apart from what happened. */
  like(other: FanEvent): boolean {
    return (
      (this.isThread ? this.who === other.who : this.who?.group === other.who?.group) &&
      (this.mask & FAN_ONDIR) === (other.mask & FAN_ONDIR) &&
      (this.mask & FAN_RENAME) === (other.mask & FAN_RENAME) &&
      this.path?.mount === other.path?.mount &&
      this.dev === other.dev &&
      samePlace(this.place, other.place) &&
      samePlace(this.newPlace, other.newPlace) &&
      sameFile(this.object, other.object)
    );
  }

  /** Bytes of it for a group with these FAN_REPORT_* flags. */
  size(report: number): number {
    let size = FANOTIFY_EVENT_METADATA.SIZE;
    if (this.place !== null) size += placeSize(this.place.name);
    if (this.newPlace !== null) size += placeSize(this.newPlace.name);
    if (this.object !== null) size += placeSize(this.objectRecord(report) & DOT ? '.' : '');
    if ((report & FAN_REPORT_PIDFD) !== 0) size += FANOTIFY_EVENT_INFO_PIDFD.SIZE;
    return size;
  }

  /** The type of the record about the object itself, and DOT if it has the name ".". */
  private objectRecord(report: number): number {
    if ((report & FID_BITS) === FAN_REPORT_FID || this.place !== null || this.newPlace !== null)
      return FAN_EVENT_INFO_TYPE_FID;
    if ((report & FAN_REPORT_NAME) !== 0 && (this.mask & FAN_ONDIR) !== 0)
      return FAN_EVENT_INFO_TYPE_DFID_NAME | DOT;
    return (this.mask & (DIRENT_EVENTS | FAN_ONDIR)) !== 0
      ? FAN_EVENT_INFO_TYPE_DFID
      : FAN_EVENT_INFO_TYPE_FID;
  }

  /** Write it to `view`, which has room for `size(report)`. */
  encode(view: DataView, report: number, mask: number, fd: number, pid: number, pidfd: number): void {
    const size = this.size(report);
    new Uint8Array(view.buffer, view.byteOffset, size).fill(0);
    view.setUint32(FANOTIFY_EVENT_METADATA.event_len, size, true);
    view.setUint8(FANOTIFY_EVENT_METADATA.vers, FANOTIFY_METADATA_VERSION);
    view.setUint16(FANOTIFY_EVENT_METADATA.metadata_len, FANOTIFY_EVENT_METADATA.SIZE, true);
    view.setUint32(FANOTIFY_EVENT_METADATA.mask, mask >>> 0, true);
    view.setInt32(FANOTIFY_EVENT_METADATA.fd, fd, true);
    view.setInt32(FANOTIFY_EVENT_METADATA.pid, pid, true);
    let at: number = FANOTIFY_EVENT_METADATA.SIZE;
    const renamed = (this.mask & FAN_RENAME) !== 0;
    if (this.place !== null) {
      const { dir, name } = this.place;
      const plain = name === '' ? FAN_EVENT_INFO_TYPE_DFID : FAN_EVENT_INFO_TYPE_DFID_NAME;
      at = this.putFid(view, at, renamed ? FAN_EVENT_INFO_TYPE_OLD_DFID_NAME : plain, dir, name);
    }
    if (this.newPlace !== null) {
      const { dir, name } = this.newPlace;
      at = this.putFid(view, at, FAN_EVENT_INFO_TYPE_NEW_DFID_NAME, dir, name);
    }
    if (this.object !== null) {
      const type = this.objectRecord(report);
      at = this.putFid(view, at, type & ~DOT, this.object, type & DOT ? '.' : '');
    }
    if ((report & FAN_REPORT_PIDFD) === 0) return;
    view.setUint8(at + FANOTIFY_EVENT_INFO_PIDFD.info_type, FAN_EVENT_INFO_TYPE_PIDFD);
    view.setUint16(at + FANOTIFY_EVENT_INFO_PIDFD.len, FANOTIFY_EVENT_INFO_PIDFD.SIZE, true);
    view.setInt32(at + FANOTIFY_EVENT_INFO_PIDFD.pidfd, pidfd, true);
  }

  private putFid(view: DataView, at: number, type: number, id: HandleId, name: string): number {
    const size = placeSize(name);
    const f = FANOTIFY_EVENT_INFO_FID;
    view.setUint8(at + f.info_type, type);
    view.setUint16(at + f.len, size, true);
    view.setUint32(at + f.fsid, this.dev, true);
    const handle = at + f.handle;
    view.setUint32(handle + FILE_HANDLE.handle_bytes, HANDLE_BYTES, true);
    view.setInt32(handle + FILE_HANDLE.handle_type, id.type, true);
    putHandle(view, handle + FILE_HANDLE.f_handle, id);
    const text = handle + FILE_HANDLE.SIZE + HANDLE_BYTES;
    for (let i = 0; i < name.length; i++) view.setUint8(text + i, name.charCodeAt(i));
    return at + size;
  }

  /** It has been read, or will not be. */
  forget(): void {
    this.path?.unpin();
    this.path = null;
  }
}

const DOT = 0x100;

/** Bytes of a record about a file; a name ends with a NUL, all is padded to words. */
function placeSize(name: string): number {
  const bytes =
    FANOTIFY_EVENT_INFO_FID.SIZE + FILE_HANDLE.SIZE + HANDLE_BYTES + (name === '' ? 0 : name.length + 1);
  return (bytes + 3) & ~3;
}

function sameFile(a: HandleId | null, b: HandleId | null): boolean {
  return a === null || b === null ? a === b : a.ino === b.ino;
}
function samePlace(a: Place | null, b: Place | null): boolean {
  return a === null || b === null ? a === b : sameFile(a.dir, b.dir) && a.name === b.name;
}

/** The queue was full when something happened. */
export function overflowEvent(): FanEvent {
  return new FanEvent(FAN_Q_OVERFLOW, null, false);
}
