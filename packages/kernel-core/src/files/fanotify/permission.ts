import { EAGAIN, FAN_ACCESS_PERM, POLLIN } from '@sandbox/abi';
import { type File, NotifyHub, type Path } from '@sandbox/vfs';
import { awaitPermission } from '../../process/task/await-permission.js';
import type { Task } from '../../process/task/task.js';
import type { AskedPermissions } from '../../process/task/wait.js';
import { FanEvent } from './event.js';
import type { FanotifyFile } from './fanotify-file.js';

/** Somebody waits for an answer to it. */
export class PermissionEvent extends FanEvent {
  /** The descriptor the listener has of the file: it names the event in the answer. -1: not read yet. */
  fd = -1;
  /** Null: no answer yet. */
  allowed: boolean | null = null;

  constructor(
    readonly listener: FanotifyFile,
    mask: number,
    who: Task,
    isThread: boolean,
    /** What is to be opened or read; `path` is let go of when the event has been read. */
    readonly about: Path,
  ) {
    super(mask, who, isThread);
    this.path = about.pin();
  }

  answer(allowed: boolean): void {
    if (this.allowed !== null) return;
    this.allowed = allowed;
    this.listener.answers.wake(POLLIN);
  }
}

/** What a call had to ask, over all its runs. */
export class AskedListeners implements AskedPermissions {
  private readonly events: PermissionEvent[] = [];
  /** The one it waits for. */
  private pending: PermissionEvent | null = null;

  /** That of the call `t` is in. */
  static of(t: Task): AskedListeners {
    const asked = t.wait.asked;
    if (asked instanceof AskedListeners) return asked;
    const made = new AskedListeners();
    t.wait.asked = made;
    return made;
  }

  get waiting(): boolean {
    return this.pending !== null && this.pending.allowed === null;
  }

  find(listener: FanotifyFile, mask: number, path: Path): PermissionEvent | null {
    for (const e of this.events) {
      if (e.listener === listener && (e.mask & mask) !== 0 && e.about.equals(path)) return e;
    }
    return null;
  }

  add(event: PermissionEvent): PermissionEvent {
    this.events.push(event);
    return event;
  }

  awaits(event: PermissionEvent): number {
    this.pending = event;
    return -EAGAIN;
  }

  cancel(): void {
    this.pending?.listener.cancel(this.pending);
  }

  get queue(): FanotifyFile['answers'] {
    return this.pending!.listener.answers;
  }
}

/**
 * A call is about to read `file`, whose `asksAccess` is set: 0, -EPERM, or it sleeps until a listener has
 * said.
 */
export function askAccess(t: Task, file: File): number {
  const r = NotifyHub.of(t.kernel.vfs).mayUse(file, FAN_ACCESS_PERM);
  return r === -EAGAIN ? awaitPermission(t) : r;
}
