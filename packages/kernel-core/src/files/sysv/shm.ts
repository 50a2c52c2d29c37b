import { ENOSPC, O_RDONLY, O_RDWR, S_IFREG } from '@sandbox/abi';
import { File, type Inode, type Mappable, type MappingObserver } from '@sandbox/vfs';
import { SharedAnon } from '../../mm/shared-anon.js';
import type { KernelCore } from '../../process/kernel/kernel-core.js';
import { ioOf } from '../io-state.js';
import { IpcIds, IpcObject } from './ids.js';
import type { SysvLimits } from './limits.js';

/** Marked for destruction: it goes with its last attachment. */
export const SHM_DEST = 0o1000;
export const SHM_LOCKED = 0o2000;
const PAGE = 4096;

/** A shared memory segment (shmget(2)). Its pages live as long as it is listed or attached. */
export class ShmSegment extends IpcObject implements MappingObserver {
  readonly pages: SharedAnon;
  readonly attachments = new Set<ShmFile>();
  atime = 0;
  dtime = 0;
  ctime = 0;
  cpid = 0;
  lpid = 0;

  constructor(
    readonly shm: SharedMemory,
    readonly size: number,
  ) {
    super();
    this.pages = new SharedAnon(shm.kernel.memory, Math.ceil(size / PAGE));
    this.pages.addObserver(this);
  }

  /** Nothing takes pages away from under a segment. */
  invalidate(): void {}

  /** Mappings of it: each attachment, in each process that inherited it. */
  get nattch(): number {
    let n = 0;
    for (const file of this.attachments) n += file.refs;
    return n;
  }

  /** Let the pages go; those still mapped stay until they are not. */
  free(): void {
    this.pages.removeObserver(this);
  }
}

/** What an attachment maps: one open description for each shmat(2), held by the mappings it is made of. */
export class ShmFile extends File {
  constructor(
    inode: Inode,
    readonly segment: ShmSegment,
    /** Who attached it: the last to detach, as far as is known. */
    private readonly pid: number,
    writable: boolean,
  ) {
    super(inode, writable ? O_RDWR : O_RDONLY);
    segment.attachments.add(this);
  }

  override get mappable(): Mappable {
    return this.segment.pages;
  }

  override get label(): string {
    return `/SYSV${(this.segment.key >>> 0).toString(16).padStart(8, '0')}`;
  }

  /** shmdt(2), exit or exec, or a part of it unmapped. */
  override unmapped(): void {
    const { segment } = this;
    segment.dtime = segment.shm.kernel.clock.realtimeSec();
    segment.lpid = segment.shm.kernel.current?.group.pid ?? this.pid;
  }

  override release(): void {
    const { segment } = this;
    segment.attachments.delete(this);
    if ((segment.mode & SHM_DEST) !== 0 && segment.attachments.size === 0) segment.shm.destroy(segment);
  }
}

/** All segments of a kernel (shm_overview is of POSIX; sysvipc(7)). */
export class SharedMemory {
  readonly ids: IpcIds<ShmSegment>;
  /** Pages of all segments together. */
  totalPages = 0;

  constructor(
    readonly kernel: KernelCore,
    private readonly limits: SysvLimits,
  ) {
    this.ids = new IpcIds<ShmSegment>(() => limits.shmmni);
  }

  /**
   * A segment of `size` bytes, not listed yet; ENOSPC when segments together would be larger than what guests
   * may have.
   */
  create(size: number): ShmSegment | number {
    const pages = Math.ceil(size / PAGE);
    if ((this.totalPages + pages) * PAGE > this.kernel.limits.memory) return -ENOSPC;
    const { shmmni, shmall } = this.limits;
    if (this.ids.size >= shmmni || this.totalPages + pages > Number(shmall)) return -ENOSPC;
    this.totalPages += pages;
    return new ShmSegment(this, size);
  }

  /** IPC_RMID: now, or with the last attachment. */
  markDestroyed(segment: ShmSegment): void {
    if (segment.attachments.size > 0) {
      segment.mode |= SHM_DEST;
      this.ids.forgetKey(segment);
    } else {
      this.destroy(segment);
    }
  }

  destroy(segment: ShmSegment): void {
    this.ids.remove(segment);
    this.totalPages -= segment.pages.pages;
    segment.free();
  }

  /** A description to be mapped, for an attachment by process `pid`. */
  open(segment: ShmSegment, pid: number, writable: boolean): ShmFile {
    const inode = ioOf(this.kernel).hostInode(S_IFREG | (segment.mode & 0o777));
    inode.ino = segment.id;
    inode.size = segment.size;
    return new ShmFile(inode, segment, pid, writable);
  }
}
