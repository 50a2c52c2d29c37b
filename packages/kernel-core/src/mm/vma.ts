import { MAP_PRIVATE, MAP_SHARED, PROT_EXEC, PROT_READ, PROT_WRITE } from '@sandbox/abi';
import type { File, Mappable } from '@sandbox/vfs';
import { Segment } from './segment-set.js';
import type { FaultServer } from './userfault-server.js';

/** Properties of a mapping besides its protection (Linux: vm_flags). */
export const VM_SHARED = 0x1;
export const VM_GROWSDOWN = 0x2;
/** The main thread's stack: counts as stack, not data. */
export const VM_STACK = 0x4;
export const VM_NORESERVE = 0x8;
export const VM_LOCKED = 0x10;
export const VM_LOCKONFAULT = 0x20;
export const VM_DONTCOPY = 0x40;
export const VM_WIPEONFORK = 0x80;
export const VM_DONTDUMP = 0x100;
export const VM_DONTEXPAND = 0x200;
export const VM_SEQ_READ = 0x400;
export const VM_RAND_READ = 0x800;
export const VM_HUGEPAGE = 0x1000;
export const VM_NOHUGEPAGE = 0x2000;
export const VM_MERGEABLE = 0x4000;
export const VM_SEALED = 0x8000;
/** Counted against overcommit (private and writable, without MAP_NORESERVE). */
export const VM_ACCOUNT = 0x10000;
/** A mapping of the kernel's own ([vdso]): mremap may move it, never grow it. */
export const VM_SPECIAL = 0x20000;
/**
 * MAP_SHARED of a file opened read-only: private rights, shared in /proc (Linux: VM_MAYSHARE without
 * VM_SHARED).
 */
export const VM_MAYSHARE = 0x40000;
/** memfd_secret(2): only the program itself gets at it, by its own accesses and what system calls copy. */
export const VM_SECRET = 0x80000;

const MADVISE_FLAGS = VM_SEQ_READ | VM_RAND_READ;
export const VM_READ_HINTS = MADVISE_FLAGS;

/**
 * One mapping of an address space (Linux: vm_area_struct): a range with one protection, one set of flags and
 * one origin. Where its pages lie is described apart, by `Pma`.
 */
export class Vma extends Segment<Vma> {
  /** PROT_READ | PROT_WRITE | PROT_EXEC as in force. */
  prot = 0;
  /** What mprotect may set (VM_MAYREAD and its kin, as PROT_* bits). */
  mayProt = PROT_READ | PROT_WRITE | PROT_EXEC;
  flags = 0;
  /** The open file it maps; holds one reference. Null for anonymous memory. */
  file: File | null = null;
  /** Where its pages come from when it is not private anonymous memory. */
  mappable: Mappable | null = null;
  /** Byte offset of `start` in the file. */
  offset = 0;
  /** Whom its faults are asked of; null: they are seen to here. */
  uffd: FaultServer | null = null;
  /** Which of them: UFFDIO_REGISTER_MODE_*. */
  uffdModes = 0;
  /** Name of a special mapping in /proc ('[vdso]') or one given by PR_SET_VMA_ANON_NAME ('[anon:x]'). */
  name = '';

  get shared(): boolean {
    return (this.flags & (VM_SHARED | VM_MAYSHARE)) !== 0;
  }

  /** Its missing pages are fresh zeroed ones of its own. */
  get anonymous(): boolean {
    return this.mappable === null;
  }

  get length(): number {
    return this.end - this.start;
  }

  /** Page of the file shown at `addr`. */
  pageIndex(addr: number): number {
    return (this.offset + (addr - this.start)) / 4096;
  }

  /** Same origin and rights: `this` and the `other` that follows it at once can be one mapping. */
  mergesWith(other: Vma): boolean {
    return (
      this.end === other.start &&
      this.prot === other.prot &&
      this.flags === other.flags &&
      this.mayProt === other.mayProt &&
      this.file === other.file &&
      this.mappable === other.mappable &&
      this.name === other.name &&
      this.uffd === other.uffd &&
      this.uffdModes === other.uffdModes &&
      (this.mappable === null || this.offset + this.length === other.offset) &&
      (this.flags & VM_SPECIAL) === 0
    );
  }

  /** A copy of all but the range. */
  copyTo(other: Vma): Vma {
    other.prot = this.prot;
    other.mayProt = this.mayProt;
    other.flags = this.flags;
    other.file = this.file;
    other.mappable = this.mappable;
    other.offset = this.offset;
    other.name = this.name;
    other.uffd = this.uffd;
    other.uffdModes = this.uffdModes;
    return other;
  }

  /** 'rwxp' as in /proc/pid/maps. */
  get perms(): string {
    const p = this.prot;
    return (
      ((p & PROT_READ) !== 0 ? 'r' : '-') +
      ((p & PROT_WRITE) !== 0 ? 'w' : '-') +
      ((p & PROT_EXEC) !== 0 ? 'x' : '-') +
      (this.shared ? 's' : 'p')
    );
  }

  get mapType(): number {
    return this.shared ? MAP_SHARED : MAP_PRIVATE;
  }
}
