import {
  IN_ATTRIB,
  IN_CREATE,
  IN_DELETE,
  IN_DELETE_SELF,
  IN_ISDIR,
  IN_MODIFY,
  IN_MOVE_SELF,
  IN_MOVED_FROM,
  IN_MOVED_TO,
} from '@sandbox/abi';
import type { FileSystem } from '../core/filesystem.js';
import type { Inode } from '../core/inode.js';
import { Mark, NotifyHub } from '../core/notify-hub.js';
import type { Vfs } from '../core/ops/vfs.js';
import type { Path } from '../core/path.js';
import type { Enter } from './file-handle.js';
import { toText } from './text.js';

export interface WatchOptions {
  /** Directories below too, those made later included. */
  recursive?: boolean;
  /** Ends the iteration with an AbortError. */
  signal?: AbortSignal;
  /** Events kept while nobody takes them; default 2048. */
  maxQueue?: number;
  /**
   * What happens when there are more: they are lost (default), or the iteration ends with
   * ERR_FS_WATCH_QUEUE_OVERFLOW.
   */
  overflow?: 'ignore' | 'throw';
}

export interface WatchEvent {
  /** `change`: content or attributes; `rename`: a name came, went or moved. */
  readonly eventType: 'change' | 'rename';
  /** Of the entry, from the watched directory; of a watched file itself its own name. */
  readonly filename: string;
}

const CHANGES = IN_ATTRIB | IN_MODIFY;
const WATCHED = CHANGES | IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_MOVED_FROM | IN_MOVED_TO;
const MAX_QUEUE = 2048;

/** What is called `name` in a directory: a place, or -errno. */
type Below = (path: Path, name: string) => Path | number;

class WatchMark extends Mark {
  constructor(
    readonly watcher: Watcher,
    readonly path: Path,
    /** From the watched directory, with a slash behind; '' at the top. */
    readonly prefix: string,
  ) {
    super(path.inode, path.dentry, WATCHED);
  }
  override tell(mask: number, _cookie: number, name: string): void {
    this.watcher.tell(this, mask, name);
  }
  override drop(): void {
    this.watcher.forget(this);
  }
}

/** The marks of one `watch`, and its events on their way to the embedder. */
class Watcher {
  private readonly marks = new Set<WatchMark>();
  private events: WatchEvent[] = [];
  private overflown = false;
  private wake: (() => void) | null = null;

  constructor(
    private readonly hub: NotifyHub,
    private readonly name: string,
    private readonly below: Below,
    private readonly options: WatchOptions,
  ) {
    hub.live.add(this);
  }

  watch(path: Path, prefix: string): void {
    const mark = new WatchMark(this, path, prefix);
    this.hub.attach(mark);
    this.marks.add(mark);
    if (!this.options.recursive || !path.inode.isDirectory) return;
    for (const name of namesIn(path.inode)) this.watchBelow(path, prefix, name);
  }

  private watchBelow(path: Path, prefix: string, name: string): void {
    const child = this.below(path, name);
    if (typeof child !== 'number' && child.inode.isDirectory) this.watch(child, `${prefix}${toText(name)}/`);
  }

  tell(mark: WatchMark, mask: number, name: string): void {
    const eventType = (mask & ~IN_ISDIR & ~CHANGES) === 0 ? 'change' : 'rename';
    // What happened to a directory below itself was told of its name above.
    if (name === '' && mark.prefix !== '') return;
    this.push({ eventType, filename: name === '' ? this.name : `${mark.prefix}${toText(name)}` });
    if (!this.options.recursive || (mask & IN_ISDIR) === 0) return;
    if ((mask & (IN_CREATE | IN_MOVED_TO)) !== 0) this.watchBelow(mark.path, mark.prefix, name);
  }

  private push(event: WatchEvent): void {
    if (this.events.length >= (this.options.maxQueue ?? MAX_QUEUE)) this.overflown = true;
    else this.events.push(event);
    this.wake?.();
  }

  forget(mark: WatchMark): void {
    if (this.marks.delete(mark)) this.hub.detach(mark);
  }

  unmounted(fs: FileSystem): void {
    for (const mark of [...this.marks]) if (mark.inode.fs === fs) this.forget(mark);
  }

  close(): void {
    for (const mark of [...this.marks]) this.forget(mark);
    this.hub.live.delete(this);
  }

  async *iterate(enter: Enter): AsyncGenerator<WatchEvent, void, undefined> {
    const { signal, overflow } = this.options;
    const abort = (): void => this.wake?.();
    signal?.addEventListener('abort', abort);
    try {
      for (;;) {
        if (signal?.aborted) throw aborted(signal);
        if (this.overflown && overflow === 'throw') throw tooMany();
        this.overflown = false;
        const events = this.events;
        this.events = [];
        yield* events;
        if (this.events.length > 0 || this.overflown || signal?.aborted) continue;
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
        this.wake = null;
      }
    } finally {
      signal?.removeEventListener('abort', abort);
      enter(() => this.close());
    }
  }
}

function namesIn(dir: Inode): string[] {
  const names: string[] = [];
  dir.readdir(2, (name) => {
    names.push(name);
    return true;
  });
  return names;
}

function aborted(signal: AbortSignal): Error {
  const error = new Error('The operation was aborted', { cause: signal.reason });
  return Object.assign(error, { name: 'AbortError', code: 'ABORT_ERR' });
}

function tooMany(): Error {
  return Object.assign(new Error('more events than the queue holds'), {
    code: 'ERR_FS_WATCH_QUEUE_OVERFLOW',
  });
}

/** Watch what is at `path` from now on. */
export function watchPlace(
  vfs: Vfs,
  path: Path,
  below: Below,
  enter: Enter,
  options: WatchOptions,
): AsyncGenerator<WatchEvent, void, undefined> {
  const watcher = new Watcher(NotifyHub.of(vfs), toText(path.dentry.name), below, options);
  enter(() => watcher.watch(path, ''));
  return watcher.iterate(enter);
}
