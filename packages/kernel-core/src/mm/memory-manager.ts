import { EFAULT, ENOMEM, PROT_EXEC, PROT_WRITE, UFFD_FEATURE_EVENT_FORK } from '@sandbox/abi';
import { ACCESS_EXEC, ACCESS_WRITE, type AddressSpace } from '@sandbox/platform';
import { CHUNK_SIZE, type File, type Mappable, releaseFile, TmpfsRegular } from '@sandbox/vfs';
import type { Random } from '../time/source.js';
import { backEagerly, backFault } from './backing.js';
import * as brkOps from './brk.js';
import { copyBytes } from './copy-bytes.js';
import { ExecRecord } from './exec-record.js';
import {
  FAULT_ACCERR,
  FAULT_BUS,
  FAULT_MAPERR,
  FAULT_OK,
  FAULT_OOM,
  type FaultResult,
} from './fault-result.js';
import { FileMapping } from './file-mapping.js';
import { GuestAccess } from './guest-access.js';
import type { GuestStore } from './guest-store.js';
import { Layout } from './layout.js';
import * as adviseOps from './madvise.js';
import * as lockOps from './mlock.js';
import * as mapOps from './mmap.js';
import * as protectOps from './mprotect.js';
import * as remapOps from './mremap.js';
import { PageMap } from './page-map.js';
import { PMA_SHARED, type Pma } from './pma.js';
import { Limits } from './rlimits.js';
import { SegmentSet } from './segment-set.js';
import { MemorySettings } from './settings.js';
import { growStack } from './stack.js';
import { consultAbsent, consultProtected } from './userfault-consult.js';
import { MARK_ALL, MARK_POISON } from './userfault-marks.js';
import { type Announcement, noteFork, noteUnmap } from './userfault-server.js';
import {
  VM_DONTCOPY,
  VM_LOCKED,
  VM_LOCKONFAULT,
  VM_SECRET,
  VM_SHARED,
  VM_STACK,
  VM_WIPEONFORK,
  Vma,
} from './vma.js';

const PAGE = 4096;

/** What memory management needs of its kernel. */
export interface MemoryEnvironment {
  readonly memory: GuestStore;
  readonly random: Random;
  readonly limits: { readonly memory: number };
  readonly machineMemory: number;
  /** More is in use than may be: caches give way, or a process is killed. */
  memoryShort(): void;
}

/**
 * One address space (Linux: mm_struct): its mappings (`vmas`), the pages present (`pages`), and access to the
 * memory from the kernel's side. Shared by the tasks of a process and by vfork.
 *
 * Methods named like system calls take raw arguments, check everything, and return a result or -errno.
 */
export class MemoryManager extends GuestAccess {
  /** Tasks that use it. Who takes the last one away calls `release`. */
  users = 1;
  readonly vmas = new SegmentSet<Vma>();
  readonly pages: PageMap;
  readonly layout: Layout;
  /** What execve recorded, for /proc and prctl(PR_SET_MM). */
  readonly exec = new ExecRecord();
  /** Bytes mapped, in all and by kind (VmSize, VmData, VmStk, VmExe + VmLib, VmLck). */
  totalVm = 0;
  dataVm = 0;
  stackVm = 0;
  execVm = 0;
  lockedVm = 0;
  /** High-water marks (VmPeak, VmHWM). */
  peakVm = 0;
  peakRss = 0;
  /** VM_LOCKED flags of future mappings (mlockall MCL_FUTURE). */
  defaultFlags = 0;
  /** Store range taken in advance for the heap. */
  readonly heapReserve = { offset: 0, length: 0 };
  readonly settings = new MemorySettings();
  /** membarrier(2) registrations. */
  membarrier = 0;
  private readonly mappings = new Map<Mappable, FileMapping>();
  /** Files whose last mapping went away in the operation under way. */
  private closing: File[] = [];

  constructor(
    readonly kernel: MemoryEnvironment,
    readonly addressSpace: AddressSpace,
    /** Resource limits of the process it belongs to. */
    public limits: Limits = Limits.initial(1024),
  ) {
    super(kernel.memory);
    this.pages = new PageMap(kernel.memory, addressSpace);
    this.layout = new Layout(addressSpace);
  }

  // System calls --------------------------------------------------------------------------------------------

  /** mmap(2), as `MmapRequest` says. The address, or -errno. */
  mmap(
    addr: number,
    length: number,
    prot: number,
    flags: number,
    file: File | null,
    offset: number,
    rights = 0,
  ): number {
    return this.done(mapOps.mmap(this, addr, length, prot, flags, file, offset, rights));
  }
  munmap(addr: number, length: number): number {
    return this.done(mapOps.munmap(this, addr, length));
  }
  mprotect(addr: number, length: number, prot: number): number {
    return this.done(protectOps.mprotect(this, addr, length, prot));
  }
  mremap(
    addr: number,
    oldLength: number,
    newLength: number,
    flags: number,
    newAddr: number,
    rights = 0,
  ): number {
    return this.done(remapOps.mremap(this, addr, oldLength, newLength, flags, newAddr, rights));
  }
  remapFilePages(start: number, size: number, pageOffset: number): number {
    return this.done(mapOps.remapFilePages(this, start, size, pageOffset));
  }
  /** brk(2): the new break, or the old one when it cannot be moved. */
  brk(addr: number): number {
    return this.done(brkOps.brk(this, addr));
  }
  madvise(addr: number, length: number, advice: number): number {
    return this.done(adviseOps.madvise(this, addr, length, advice));
  }
  /** mincore(2): fills `vec` with one byte a page. 0 or -errno. */
  mincore(addr: number, length: number, vec: Uint8Array): number {
    return adviseOps.mincore(this, addr, length, vec);
  }
  msync(addr: number, length: number, flags: number): number {
    return adviseOps.msync(this, addr, length, flags);
  }
  /** `rights`: RIGHT_IPC_LOCK when the caller may exceed RLIMIT_MEMLOCK. */
  mlock(addr: number, length: number, onFault: boolean, rights: number): number {
    return this.done(lockOps.mlock(this, addr, length, onFault, rights));
  }
  munlock(addr: number, length: number): number {
    return this.done(lockOps.munlock(this, addr, length));
  }
  mlockall(flags: number, rights: number): number {
    return this.done(lockOps.mlockall(this, flags, rights));
  }
  munlockall(): number {
    return this.done(lockOps.munlockall(this));
  }
  mseal(addr: number, length: number): number {
    return this.done(protectOps.mseal(this, addr, length));
  }

  // Faults --------------------------------------------------------------------------------------------------

  /** Where an access was last refused with FAULT_ASK; -1: seen to. */
  missing = -1;
  missingWrite = false;
  /** UFFD_PAGEFAULT_FLAG_WP or _MINOR when it is not that nothing is there. */
  missingReason = 0;
  /** What servers of faults have to be told of the operation under way. The call that did it sees to that. */
  announcements: Announcement[] = [];

  /** The last `handleFault` changed something, or found something to forbid. */
  progressed = false;

  /**
   * The guest could not access `addr`; `access` holds ACCESS_* bits, 0 when the platform cannot tell.
   * FAULT_OK: let it try again; when `progressed` is false nothing had to be done, so either another thread
   * did it meanwhile or the access is one the mapping forbids, which a second try will show (see `Faults`).
   */
  handleFault(addr: number, access: number): FaultResult {
    this.progressed = true;
    if (access !== 0) return this.fault(addr, access);
    const vma = this.vmas.find(addr);
    const pma = vma === null || vma.prot === 0 ? null : this.pages.pmas.find(addr);
    if (pma === null) return this.fault(addr, 0);
    if (pma.wp && (vma!.prot & PROT_WRITE) !== 0) return this.fault(addr, ACCESS_WRITE);
    this.progressed = false;
    return FAULT_OK;
  }

  /**
   * Would a fault at `addr` be served better if it were known to be a read or a write? So where a page of a
   * file is missing that may be written.
   */
  asksForAccess(addr: number): boolean {
    const vma = this.vmas.find(addr);
    if (vma === null || vma.mappable === null || (vma.prot & PROT_WRITE) === 0) return false;
    return this.pages.pmas.find(addr) === null;
  }

  protected override hasMemory(): boolean {
    const { memory, limits } = this.kernel;
    if (memory.committedBytes() <= limits.memory) return true;
    this.kernel.memoryShort();
    return memory.committedBytes() <= limits.memory;
  }

  /** Make `addr` accessible for `access` with the rights the mapping gives, or (`force`) a debugger has. */
  fault(addr: number, access: number, force = false): FaultResult {
    const vma = this.vmas.find(addr) ?? growStack(this, addr);
    if (vma === null) return FAULT_MAPERR;
    const write = (access & ACCESS_WRITE) !== 0;
    if (!(force ? mayForce(vma, write) : allows(vma, access))) return FAULT_ACCERR;
    const before = this.pages.generation;
    let pma = this.pages.pmas.find(addr);
    let error = 0;
    const watched = vma.uffd !== null || this.pages.marks !== null;
    if (pma === null && watched) {
      const r = consultAbsent(this, vma, addr, write);
      if (r !== FAULT_OK) return r;
    }
    if (pma === null) {
      error = backFault(this, vma, addr, write);
      pma = this.pages.pmas.find(addr);
    }
    if (pma !== null && write && pma.wp && watched) {
      const r = consultProtected(this, vma, addr);
      if (r !== FAULT_OK) {
        if (this.pages.generation !== before) this.done(0);
        return r;
      }
    }
    if (pma !== null && write && pma.wp) error = this.resolveWrite(vma, pma, addr);
    else if (pma !== null) error = 0;
    if (this.pages.generation !== before) this.done(0);
    if (error === 0) return FAULT_OK;
    return error === -ENOMEM ? FAULT_OOM : FAULT_BUS;
  }

  /** A write to a write-protected page of a writable mapping. 0 or -errno. */
  private resolveWrite(vma: Vma, pma: Pma, addr: number): number {
    if (pma.kind !== PMA_SHARED) return this.pages.breakCow(pma, addr, vma.start, vma.end, vma.prot);
    const page = addr - (addr % PAGE);
    let start = Math.max(vma.start, pma.start, page - (page % 65536));
    let end = Math.min(vma.end, pma.end, page - (page % 65536) + 65536);
    const { marks } = this.pages;
    if (marks !== null) {
      start = marks.gapStart(page, start);
      end = marks.gapEnd(page, end);
    }
    let error = this.allowSharedWrite(vma, page, end);
    if (error === 0 && start < page) {
      this.allowSharedWrite(vma, start, page);
      error = 0;
    }
    return error;
  }

  /**
   * Tell the file of writes to [start, end), present and write-protected. 0, or the error for the first page.
   */
  private allowSharedWrite(vma: Vma, start: number, end: number): number {
    const mappable = vma.mappable!;
    for (let at = start; at < end; ) {
      const offset = mappable.translate(vma.pageIndex(at), (end - at) / PAGE, true);
      if (offset < 0) return at === start ? offset : 0;
      const length = Math.min(mappable.runLength * PAGE, end - at);
      const pma = this.pages.pmas.find(at);
      const same =
        pma !== null && pma.wp && pma.end >= at + length && pma.offset + (at - pma.start) === offset;
      if (same) {
        this.pages.unprotectShared(at, at + length, vma.prot);
      } else {
        this.store.incRef(offset, length);
        this.pages.clear(at, at + length, false);
        this.pages.install(at, length, offset, PMA_SHARED, false, vma.prot);
      }
      at += length;
    }
    return 0;
  }

  locate(addr: number, write: boolean): number {
    let vma = this.vmas.find(addr);
    let pma = vma === null ? null : this.pages.pmas.find(addr);
    if (
      vma === null ||
      pma === null ||
      vma.prot === 0 ||
      (write && (pma.wp || (vma.prot & PROT_WRITE) === 0))
    ) {
      if (this.fault(addr, write ? ACCESS_WRITE : 0) !== FAULT_OK) return -EFAULT;
      vma = this.vmas.find(addr);
      pma = this.pages.pmas.find(addr);
      if (vma === null || pma === null) return -EFAULT;
    }
    if ((vma.flags & VM_SECRET) !== 0 && this.pages.foreign) return -EFAULT;
    return this.point(vma, pma, addr);
  }

  /** Set the run fields to `addr`, present in `pma`; bytes that follow. */
  private point(vma: Vma, pma: Pma, addr: number): number {
    const offset = pma.offset + (addr - pma.start);
    const index = offset % CHUNK_SIZE;
    this.runBytes = this.store.chunk(offset);
    this.runIndex = index;
    this.runOffset = offset;
    return Math.min(vma.end - addr, pma.end - addr, CHUNK_SIZE - index);
  }

  /**
   * Read or write as a debugger does (ptrace(2), /proc/pid/mem): protection does not stop it, writes to
   * private memory make a copy. Bytes done before the first that could not be.
   */
  accessForced(addr: number, bytes: Uint8Array, offset: number, length: number, write: boolean): number {
    const outer = this.pages.foreign;
    this.pages.foreign = true;
    let done = 0;
    while (done < length) {
      const run = this.locateForced(addr + done, write);
      if (run <= 0) break;
      const n = Math.min(run, length - done);
      if (write) copyBytes(bytes, offset + done, this.runBytes, this.runIndex, n);
      else copyBytes(this.runBytes, this.runIndex, bytes, offset + done, n);
      done += n;
    }
    this.pages.foreign = outer;
    return done;
  }

  private locateForced(addr: number, write: boolean): number {
    if (this.fault(addr, write ? ACCESS_WRITE : 0, true) !== FAULT_OK) return -EFAULT;
    const vma = this.vmas.find(addr);
    const pma = this.pages.pmas.find(addr);
    if (vma === null || pma === null || (vma.flags & VM_SECRET) !== 0) return -EFAULT;
    return this.point(vma, pma, addr);
  }

  // Mappings ------------------------------------------------------------------------------------------------

  /**
   * End of an operation: pages, files and cached translations it dropped are let go. Passes `result` through.
   */
  done(result: number): number {
    this.flushTlb();
    this.pages.settle();
    if (this.totalVm > this.peakVm) this.peakVm = this.totalVm;
    const rss = this.pages.residentBytes;
    if (rss > this.peakRss) this.peakRss = rss;
    if (this.closing.length > 0) {
      const files = this.closing;
      this.closing = [];
      for (const file of files) {
        file.unmapped();
        releaseFile(file);
      }
    }
    return result;
  }

  /**
   * Add `vma` (which holds its reference on the file) and join it with its neighbours. The mapping that
   * covers it now.
   */
  insertVma(vma: Vma): Vma {
    this.account(vma, vma.end - vma.start);
    this.attach(vma);
    this.vmas.insert(vma);
    return this.mergeVma(vma);
  }

  /** Join `vma` with neighbours that continue it. */
  mergeVma(vma: Vma): Vma {
    const next = vma.next;
    if (next !== null && vma.mergesWith(next)) {
      this.unlink(next);
      vma.end = next.end;
    }
    const prev = vma.prev;
    if (prev !== null && prev.mergesWith(vma)) {
      this.unlink(vma);
      prev.end = vma.end;
      return prev;
    }
    return vma;
  }

  private unlink(vma: Vma): void {
    this.vmas.remove(vma);
    this.detach(vma);
    if (vma.file) this.closing.push(vma.file);
  }

  /** Have a boundary between mappings at `addr`. */
  splitVma(addr: number): void {
    const vma = this.vmas.find(addr);
    if (vma === null || vma.start === addr) return;
    const tail = vma.copyTo(new Vma(addr, vma.end));
    tail.offset = vma.offset + (addr - vma.start);
    vma.end = addr;
    if (tail.file) tail.file.refs++;
    this.vmas.insert(tail);
    this.attach(tail);
  }

  /** Take everything out of [start, end). `unmap`: false when the host's mappings are replaced at once. */
  removeRange(start: number, end: number, unmap: boolean): void {
    this.splitVma(start);
    this.splitVma(end);
    this.pages.forget(start, end, unmap);
    let vma = this.vmas.lowerBound(start);
    while (vma !== null && vma.start < end) {
      const next: Vma | null = vma.next;
      if (vma.uffd !== null) noteUnmap(this, vma.uffd, start, end);
      this.account(vma, vma.start - vma.end);
      this.unlink(vma);
      vma = next;
    }
  }

  /** Count `bytes` more (or less) of `vma`'s kind. */
  account(vma: Vma, bytes: number): void {
    this.totalVm += bytes;
    if ((vma.flags & VM_LOCKED) !== 0) this.lockedVm += bytes;
    if ((vma.flags & VM_STACK) !== 0) this.stackVm += bytes;
    else if ((vma.prot & PROT_EXEC) !== 0 && (vma.prot & PROT_WRITE) === 0) this.execVm += bytes;
    else if ((vma.prot & PROT_WRITE) !== 0 && (vma.flags & VM_SHARED) === 0) this.dataVm += bytes;
  }

  private attach(vma: Vma): void {
    const mappable = vma.mappable;
    if (mappable === null) return;
    let mapping = this.mappings.get(mappable);
    if (!mapping) {
      mapping = new FileMapping(this, mappable);
      this.mappings.set(mappable, mapping);
    }
    mapping.vmas.add(vma);
    if (mappable instanceof TmpfsRegular && mayWriteShared(vma)) mappable.writableMappings++;
  }

  private detach(vma: Vma): void {
    if (vma.mappable === null) return;
    const mapping = this.mappings.get(vma.mappable);
    if (!mapping) return;
    mapping.vmas.delete(vma);
    if (vma.mappable instanceof TmpfsRegular && mayWriteShared(vma)) vma.mappable.writableMappings--;
    if (mapping.vmas.size > 0) return;
    this.mappings.delete(vma.mappable);
    mapping.dispose();
  }

  /** The file gives up the pages mapped in [start, end). `copies`: private copies of them go too. */
  forgetFilePages(start: number, end: number, copies: boolean): void {
    const outer = this.pages.foreign;
    this.pages.foreign = true;
    if (copies) this.pages.clear(start, end, true);
    else this.pages.clearFilePages(start, end);
    this.flushTlb();
    this.pages.settle();
    this.pages.foreign = outer;
  }

  /**
   * Run `fn` on behalf of another process (process_vm_writev, ptrace): this one's threads may be running
   * meanwhile.
   */
  asForeigner<T>(fn: () => T): T {
    const outer = this.pages.foreign;
    this.pages.foreign = true;
    // What the program itself may reach is not for others to.
    this.flushTlb();
    try {
      return fn();
    } finally {
      this.pages.foreign = outer;
    }
  }

  // Memory --------------------------------------------------------------------------------------------------

  /**
   * A zeroed range of the store to be mapped at `addr`, or -ENOMEM; also when this kernel's guests have been
   * given far more than they may use.
   */
  allocateFor(addr: number, bytes: number): number {
    if (this.store.allocatedBytes + bytes > this.kernel.limits.memory * 8 + CHUNK_SIZE) return -ENOMEM;
    return this.store.allocateFor(addr, bytes);
  }

  /**
   * Address space of the store is handed out freely while it stays within a few times of what may be used.
   */
  mayBackEagerly(bytes: number): boolean {
    return this.store.allocatedBytes + bytes <= this.kernel.limits.memory * 4;
  }

  /** Bytes present (VmRSS), by what the host maps: pages never touched count too. */
  get rss(): number {
    return this.pages.residentBytes;
  }

  // Life ----------------------------------------------------------------------------------------------------

  /**
   * First half of a copy: all private memory becomes copy-on-write here. The order is: `mm.prepareFork()`,
   * then `context.fork()`, which copies the host's mappings as they are now, then
   * `mm.fork(child.addressSpace)`, which describes them. Nothing of this address space may run or change in
   * between (running threads may go on: their writes fault and wait).
   */
  prepareFork(): number {
    for (let vma = this.vmas.first; vma !== null; vma = vma.next) {
      if ((vma.flags & (VM_DONTCOPY | VM_WIPEONFORK)) === 0)
        this.pages.shareForFork(vma.start, vma.end, vma.prot);
    }
    return this.done(0);
  }

  /** Second half: the child's description of `addressSpace`, which maps what this one's maps. */
  fork(addressSpace: AddressSpace, limits: Limits = this.limits): MemoryManager {
    const child = new MemoryManager(this.kernel, addressSpace, limits);
    child.layout.copyFrom(this.layout);
    child.exec.copyFrom(this.exec);
    child.membarrier = this.membarrier;
    child.settings.inherit(this.settings);
    for (let vma = this.vmas.first; vma !== null; vma = vma.next) {
      const present = this.pages.pmas.lowerBound(vma.start);
      const wipe = (vma.flags & (VM_DONTCOPY | VM_WIPEONFORK)) !== 0;
      if (wipe && present !== null && present.start < vma.end)
        addressSpace.unmap(vma.start, vma.end - vma.start);
      if ((vma.flags & VM_DONTCOPY) !== 0) continue;
      const copy = vma.copyTo(new Vma(vma.start, vma.end));
      copy.flags &= ~(VM_LOCKED | VM_LOCKONFAULT);
      const told = copy.uffd !== null && (copy.uffd.features & UFFD_FEATURE_EVENT_FORK) !== 0;
      if (told) copy.uffd = noteFork(this, child, copy.uffd!);
      else {
        copy.uffd = null;
        copy.uffdModes = 0;
      }
      if (this.pages.marks !== null) {
        const kinds = told ? MARK_ALL : MARK_POISON;
        this.pages.marks.copyTo(child.pages.takeMarks(), vma.start, vma.end, 0, kinds);
      }
      if (copy.file) copy.file.refs++;
      child.account(copy, copy.end - copy.start);
      child.attach(copy);
      child.vmas.insert(copy);
      if (!wipe) this.pages.copyTo(child.pages, vma.start, vma.end);
    }
    return child;
  }

  /** One task less uses it (Linux: mmput); the last one frees everything. */
  dropUser(): void {
    if (--this.users === 0) this.release();
  }

  /** The last user is gone: everything is given back. The host's mappings die with the address space. */
  release(): void {
    this.flushTlb();
    brkOps.dropReserve(this);
    this.pages.release();
    this.exec.setExeFile(null);
    for (let vma = this.vmas.first; vma !== null; vma = this.vmas.first) this.unlink(vma);
    this.totalVm = this.dataVm = this.stackVm = this.execVm = this.lockedVm = 0;
    this.done(0);
  }

  /** Back `vma` now as far as that is cheap. `frozen`: the file is not written to while it is mapped. */
  backNow(vma: Vma, start: number, end: number, frozen = false): void {
    backEagerly(this, vma, start, end, frozen);
  }

  /**
   * True when the word at `addr` lies in memory that other address spaces see too (futex keys, mempolicy).
   */
  isShared(addr: number): boolean {
    const vma = this.vmas.find(addr);
    return vma !== null && vma.shared;
  }

  /**
   * Name of `vma` in /proc/pid/maps when it has no file: '[heap]', '[stack]', '[vdso]', '[anon:...]', or ''.
   */
  nameOf(vma: Vma): string {
    if (vma.name !== '') return vma.name;
    const x = this.exec;
    if (vma.start < x.brk && vma.end > x.startBrk && vma.file === null) return '[heap]';
    if (vma.start <= x.startStack && vma.end >= x.startStack) return '[stack]';
    return '';
  }
}

/** The mapping's own rights. What may be written or executed can be read too. */
function allows(vma: Vma, access: number): boolean {
  if (vma.prot === 0 || ((access & ACCESS_WRITE) !== 0 && (vma.prot & PROT_WRITE) === 0)) return false;
  return (access & ACCESS_EXEC) === 0 || (vma.prot & PROT_EXEC) !== 0;
}

/** FOLL_FORCE: read whatever is mapped; write a private copy where the mapping could be made writable. */
function mayForce(vma: Vma, write: boolean): boolean {
  if (!write || (vma.prot & PROT_WRITE) !== 0) return true;
  return (vma.flags & VM_SHARED) === 0 && (vma.mayProt & PROT_WRITE) !== 0;
}

/** Writes through it reach the file, now or after an mprotect: counted for F_SEAL_WRITE. */
function mayWriteShared(vma: Vma): boolean {
  return (vma.flags & VM_SHARED) !== 0 && (vma.mayProt & PROT_WRITE) !== 0;
}
