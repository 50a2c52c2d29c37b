import { EACCES, EFAULT, EINVAL, EIO, EPERM, ESRCH, S_IFREG, SEEK_CUR, SEEK_SET } from '@sandbox/abi';
import { type Credentials, File, type IoBuf } from '@sandbox/vfs';
import type { MemoryManager } from '../../mm/memory-manager.js';
import { MARK_WP } from '../../mm/userfault-marks.js';
import { PseudoInode } from '../../pseudo/inode.js';
import type { ProcFs } from './procfs.js';
import type { ProcSubject } from './subject.js';
import type { TaskInode } from './task-inodes.js';

const CHUNK = 4096;
const chunk = new Uint8Array(CHUNK);

/** /proc/PID/mem: the memory of a process, by address. */
export class MemInode extends PseudoInode implements TaskInode {
  constructor(
    fs: ProcFs,
    readonly subject: ProcSubject,
  ) {
    super(fs, S_IFREG | 0o600);
    this.refresh();
  }

  refresh(): void {
    this.subject.own(this);
  }

  override getattr(): number {
    this.refresh();
    return 0;
  }

  override open(flags: number, _cred: Credentials): File | number {
    if (!this.subject.alive) return -ESRCH;
    if (!this.subject.mayInspect) return -EACCES;
    return new MemFile(this, flags, this.subject.mm);
  }
}

/**
 * A description of a file that is about one address space. It stays with it: after execve, or when the
 * process has ended, there is nothing in it.
 */
abstract class SpaceFile extends File {
  constructor(
    inode: PseudoInode,
    flags: number,
    private readonly mm: MemoryManager | null,
  ) {
    super(inode, flags);
  }

  override get seekable(): boolean {
    return true;
  }

  /** The address space, while somebody lives in it. */
  protected get live(): MemoryManager | null {
    return this.mm !== null && this.mm.users > 0 ? this.mm : null;
  }

  /** mem_lseek: from the start or the position; any address, also those above 2^63. */
  override seek(offset: number, whence: number): number {
    if (whence === SEEK_SET) this.pos = offset;
    else if (whence === SEEK_CUR) this.pos += offset;
    else return -EINVAL;
    return this.pos;
  }
}

class MemFile extends SpaceFile {
  override read(io: IoBuf, offset: number): number {
    const mm = this.live;
    let total = 0;
    while (mm !== null && io.remaining > 0) {
      const want = Math.min(io.remaining, CHUNK);
      const at = offset + total;
      const got = mm.accessForced(at, chunk, 0, want, false);
      if (got <= 0) return total > 0 ? total : -EIO;
      const put = io.put(chunk, 0, got);
      total += put;
      if (put < got) return total > 0 ? total : -EFAULT;
      if (got < want) break;
    }
    return total;
  }

  override write(io: IoBuf, offset: number): number {
    const mm = this.live;
    let total = 0;
    while (mm !== null && io.remaining > 0) {
      const want = Math.min(io.remaining, CHUNK);
      const got = io.get(chunk, 0, want);
      if (got === 0) return total > 0 ? total : -EFAULT;
      const at = offset + total;
      const put = mm.accessForced(at, chunk, 0, got, true);
      if (put <= 0) return total > 0 ? total : -EIO;
      total += put;
      if (put < got) break;
    }
    return total;
  }
}

const ENTRY = 8;
const PAGE = 4096;
const PRESENT_HI = 0x80000000;
const SWAP_HI = 0x40000000;
const FILE_OR_SHARED_HI = 0x20000000;
const UFFD_WP_HI = 0x02000000;

/**
 * /proc/PID/pagemap (proc_pid_pagemap(5)): which pages are present; where they lie is not told, as to those
 * without CAP_SYS_ADMIN.
 */
export class PagemapInode extends PseudoInode implements TaskInode {
  constructor(
    fs: ProcFs,
    readonly subject: ProcSubject,
  ) {
    super(fs, S_IFREG | 0o400);
    this.refresh();
  }

  refresh(): void {
    this.subject.own(this);
  }

  override open(flags: number, _cred: Credentials): File | number {
    if (!this.subject.alive) return -ESRCH;
    return this.subject.mayInspect ? new PagemapFile(this, flags, this.subject.mm) : -EPERM;
  }
}

class PagemapFile extends SpaceFile {
  private readonly view = new DataView(new ArrayBuffer(CHUNK));

  override read(io: IoBuf, offset: number): number {
    if (offset % ENTRY !== 0 || io.remaining % ENTRY !== 0) return -EINVAL;
    const mm = this.live;
    if (mm === null) return 0;
    const bytes = new Uint8Array(this.view.buffer);
    let total = 0;
    while (io.remaining > 0) {
      const count = Math.min(io.remaining, CHUNK) / ENTRY;
      const page = (offset + total) / ENTRY;
      if (page * PAGE >= mm.layout.max) break;
      this.fill(mm, page, count);
      const put = io.put(bytes, 0, count * ENTRY);
      total += put;
      if (put < count * ENTRY) return total > 0 ? total : -EFAULT;
    }
    return total;
  }

  private fill(mm: MemoryManager, first: number, count: number): void {
    for (let i = 0; i < count; i++) {
      const addr = (first + i) * PAGE;
      const pma = mm.pages.pmas.find(addr);
      const mark = mm.pages.marks?.at(addr) ?? 0;
      // A mark where nothing is present looks like swapped memory.
      const absent = mark === 0 ? 0 : SWAP_HI;
      let hi = pma === null ? absent : PRESENT_HI | (pma.kind === 0 ? 0 : FILE_OR_SHARED_HI);
      if (mark === MARK_WP) hi |= UFFD_WP_HI;
      this.view.setUint32(i * ENTRY, 0, true);
      this.view.setUint32(i * ENTRY + 4, hi >>> 0, true);
    }
  }
}
