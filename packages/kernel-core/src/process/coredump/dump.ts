import {
  ENOENT,
  O_CREAT,
  O_EXCL,
  O_LARGEFILE,
  O_NOFOLLOW,
  O_WRONLY,
  RLIMIT_CORE,
  WCOREFLAG,
} from '@sandbox/abi';
import { BytesIo, type File, releaseFile } from '@sandbox/vfs';
import { Timer } from '../../time/timers.js';
import type { SigInfo } from '../signal/siginfo.js';
import { exitGroup } from '../task/exit.js';
import type { Task } from '../task/task.js';
import { TASK_RUNNING } from '../task/task-state.js';
import { type CoreImage, coreImage } from './image.js';
import { coreName } from './name.js';

const PAGE = 4096;
/** Less than this is not worth a file (Linux: ELF_EXEC_PAGESIZE). */
const MIN_LIMIT = PAGE;
/** Memory written before others have their turn. */
const SLICE = 1024 * 1024;
const CHUNK_PAGES = 64;

const chunk = new Uint8Array(CHUNK_PAGES * PAGE);
const present = new Uint8Array(CHUNK_PAGES);

/**
 * A core dump on its way (core(5)): the threads of the process stand still, each where it last was in the
 * kernel; then the file is written piece by piece, and the process ends.
 */
export class CoreDump {
  /** Threads that still run. */
  private readonly running = new Set<Task>();
  private readonly timer = new Timer(() => this.advance());
  private image: CoreImage | null = null;
  private file: File | null = null;
  /** The region being written, and how far. */
  private index = 0;
  private done = 0;
  private written = 0;

  constructor(
    private readonly task: Task,
    private readonly info: SigInfo,
    private readonly limit: number,
  ) {}

  /** Have all threads stop; each comes by `park`. */
  begin(): void {
    for (const t of this.task.group.tasks) {
      if (t === this.task) continue;
      t.signals.work = true;
      if (t.state !== TASK_RUNNING) continue;
      this.running.add(t);
      t.kick();
    }
    this.park(this.task);
  }

  /** A thread of the process has come to where it would go back to its program. */
  park(t: Task): void {
    t.stop();
    this.running.delete(t);
    if (this.running.size === 0 && this.image === null && !this.timer.armed) this.goOn();
  }

  private goOn(): void {
    const { kernel } = this.task;
    kernel.timers.arm(this.timer, kernel.clock.monotonic());
  }

  private advance(): void {
    const { group } = this.task;
    // Somebody killed it meanwhile.
    if (group.exiting) {
      this.end(false);
      return;
    }
    if (this.image === null) {
      this.file = this.create();
      if (this.file === null) {
        this.end(false);
        return;
      }
      this.image = coreImage(this.task, this.info);
      if (!this.emit(this.image.head, this.image.head.length, 0)) {
        this.end(true);
        return;
      }
    }
    if (this.slice(this.image)) this.end(true);
    else this.goOn();
  }

  /** The file, new and the caller's own: what was there under its name goes first. */
  private create(): File | null {
    const { task } = this;
    const { vfs, coreSettings } = task.kernel;
    const name = coreName(coreSettings, task, this.info.signo);
    if (name === '') return null;
    const gone = vfs.unlink(task.fs, task.cred, null, name);
    if (gone < 0 && gone !== -ENOENT) return null;
    const flags = O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_LARGEFILE;
    const file = vfs.open(task.fs, task.cred, null, name, flags, 0o600);
    if (typeof file === 'number') return null;
    if (file.inode.isRegular && file.inode.uid === task.cred.fsuid) return file;
    releaseFile(file);
    return null;
  }

  /** False when there is no room, or no more may be written. */
  private emit(bytes: Uint8Array, length: number, offset: number): boolean {
    let room = Math.min(length, this.limit - this.written);
    // Of memory only whole pages.
    if (offset > 0) room -= room % PAGE;
    const n = room > 0 ? this.file!.write(new BytesIo(bytes, 0, room), offset) : 0;
    if (n > 0) this.written += n;
    return n === length;
  }

  /** Write some of the memory. True when that was the last of it. */
  private slice(image: CoreImage): boolean {
    let budget = SLICE;
    while (budget > 0) {
      const place = image.regions[this.index];
      if (place === undefined) {
        // What lies behind the last page is a hole.
        if (this.file!.inode.size < image.size) this.extend(image.size);
        return true;
      }
      const { region, offset } = place;
      const length = Math.min(region.bytes - this.done, chunk.length);
      if (length <= 0) {
        this.index++;
        this.done = 0;
        continue;
      }
      if (!this.copy(region.start + this.done, length, offset + this.done)) return true;
      this.done += length;
      budget -= length;
    }
    return false;
  }

  private extend(size: number): void {
    if (Number.isFinite(this.limit) && size > this.limit) return;
    this.task.kernel.vfs.ftruncate(this.file!, size, Number.POSITIVE_INFINITY);
  }

  /** Memory from `addr` on; pages nobody touched become holes. */
  private copy(addr: number, length: number, offset: number): boolean {
    const { mm } = this.task;
    let at = 0;
    while (at < length) {
      const pma = mm.pages.pmas.lowerBound(addr + at);
      if (pma === null || pma.start >= addr + length) return true;
      const from = Math.max(pma.start, addr + at);
      const bytes = Math.min(pma.end, addr + length) - from;
      mm.store.resident(pma.offset + (from - pma.start), bytes, present, 0);
      for (let page = 0; page < bytes / PAGE; page++) {
        if (present[page] === 0) continue;
        let run = 1;
        while (page + run < bytes / PAGE && present[page + run] !== 0) run++;
        const start = from + page * PAGE;
        const n = mm.asForeigner(() => mm.accessForced(start, chunk, 0, run * PAGE, false));
        if (n > 0 && !this.emit(chunk, n, offset + (start - addr))) return false;
        page += run;
      }
      at = from + bytes - addr;
    }
    return true;
  }

  private end(dumped: boolean): void {
    const { group } = this.task;
    if (this.file !== null) releaseFile(this.file);
    this.file = null;
    group.coreDump = null;
    exitGroup(group, this.info.signo | (dumped ? WCOREFLAG : 0));
  }
}

/**
 * `info` ends the process of `task` with a core dump where one is wanted: RLIMIT_CORE, a name, and a process
 * that may be looked into. False: there is none, and the process is to end as it is; true: `task` stands
 * still until the dump is written.
 */
export function beginCoreDump(task: Task, info: SigInfo): boolean {
  const { group, kernel } = task;
  for (const watcher of kernel.hooks.watchers) watcher.dumping?.(task);
  const limit = group.limits.soft[RLIMIT_CORE]!;
  if (limit < MIN_LIMIT || group.dumpable !== 1 || kernel.coreSettings.pattern === '') return false;
  group.coreDump = new CoreDump(task, info, limit);
  group.coreDump.begin();
  return true;
}
