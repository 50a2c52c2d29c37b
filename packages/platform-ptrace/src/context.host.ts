import { allocatePages, viewOf } from '@sandbox/native';
import {
  type AddressSpace,
  ANSWERS_COUNT,
  type ContextSink,
  EVENT_LOST,
  EVENT_NONE,
  FPU_AREA_BYTES,
  GUEST_END,
  type GuestEvent,
  hasFsGsBase,
  PAGES_ADDRESS,
  type PatchedContext,
  PENDING,
  type Site,
  STOPPED,
  TABLE_ADDRESS,
  TABLE_BYTES,
} from '@sandbox/platform';
import type { PtraceAddressSpace } from './address-space.host.js';
import type { HostThread } from './host-thread.host.js';
import {
  BLOCK_IOVEC,
  MAX_PAGES,
  NT_X86_XSTATE,
  PTRACE_GETREGSET,
  PTRACE_SETREGSET,
  REG_CS,
  REG_EFLAGS,
  REG_FS_BASE,
  REG_GS_BASE,
  REG_ORIG_RAX,
  REG_RAX,
  REG_RIP,
  REG_SS,
  REG_WORDS,
  RUN_POKE_RAX,
  RUN_SET_REGS,
} from './layout.js';

const FPU_AREA = 16384;
const fpuAddress = allocatePages(FPU_AREA);
const fpuBytes = new Uint8Array(viewOf(fpuAddress, FPU_AREA));
/** Bytes of an XSAVE area that are software's: the features come first there. */
const SW_RESERVED = 464;
/** The MXCSR bits every processor has. */
const MXCSR_BITS = 0xffff;
const fpuView = new DataView(fpuBytes.buffer);
/** Flags a guest may set itself: CF PF AF ZF SF TF DF OF RF NT AC ID. */
const USER_EFLAGS = 0x254dd5 | 0x10000;
/** TF: a debug exception after each instruction. */
const TRAP_FLAG = 0x100;
const USER_CS = 0x33;
const USER_SS = 0x2b;

function gsBase(regs: Uint32Array): number {
  return regs[REG_GS_BASE * 2] + regs[REG_GS_BASE * 2 + 1] * 4294967296;
}
/** Can the stub load them? Not: a GS base of the guest's own, single steps, an address no code can be at. */
function canRestore(regs: Uint32Array): boolean {
  return (
    gsBase(regs) === 0 &&
    (regs[REG_EFLAGS * 2] & TRAP_FLAG) === 0 &&
    regs[REG_RIP * 2 + 1] < 0x8000 &&
    regs[REG_FS_BASE * 2 + 1] < 0x8000
  );
}
function ripOf(regs: Uint32Array): number {
  return regs[REG_RIP * 2] + regs[REG_RIP * 2 + 1] * 4294967296;
}

/** A guest thread, carried by a host thread of its address space's stub. */
export class PtraceContext implements PatchedContext {
  sink: ContextSink | null = null;
  event: GuestEvent = EVENT_NONE;
  faultAddr = 0;
  faultAccess = 0;
  vector = 0;
  state = STOPPED;
  thread!: HostThread;
  /** Registers in the block are current. */
  regsValid = false;
  disposed = false;
  /** The call it is stopped for came through its thread's page, and its registers are still there. */
  fast = false;
  /** Its own copy: host threads change, this array does not. */
  readonly args = new Uint32Array(12);
  nr = -1;
  private readonly ownRegs = new Uint32Array(REG_WORDS);
  private resultSet = false;
  private resultLo = 0;
  private resultHi = 0;
  private regsDirty = false;
  /** The next resume is to execute one instruction; the host's registers have the flag for it set. */
  private step = false;
  private stepping = false;
  /** A list ran on its host thread: `ownRegs` are all there is of its registers. */
  spoilt = false;

  constructor(private space: PtraceAddressSpace) {}

  get addressSpace(): AddressSpace {
    return this.space;
  }
  get ptraceSpace(): PtraceAddressSpace {
    return this.space;
  }
  get patched(): PtraceAddressSpace {
    return this.space;
  }
  get running(): boolean {
    return this.state !== STOPPED;
  }

  // Registers -----------------------------------------------------------------------------------------------

  setResult(lo: number, hi: number): void {
    if (this.regsValid) {
      this.ownRegs[REG_RAX * 2] = lo;
      this.ownRegs[REG_RAX * 2 + 1] = hi;
      if (!this.fast) {
        this.regsDirty = true;
        return;
      }
    }
    this.resultSet = true;
    this.resultLo = lo;
    this.resultHi = hi;
  }

  regs(): Uint32Array {
    if (!this.regsValid) {
      if (this.fast && hasFsGsBase) this.loadPageRegs();
      else this.loadRegs();
    }
    return this.ownRegs;
  }

  private takeResult(): void {
    if (!this.resultSet) return;
    this.ownRegs[REG_RAX * 2] = this.resultLo;
    this.ownRegs[REG_RAX * 2 + 1] = this.resultHi;
  }

  /** The registers of a call in the page: the thread may go on waiting there. */
  private loadPageRegs(): void {
    const page = this.thread.page!;
    const { fast } = this.space.instance;
    const regs = this.ownRegs;
    regs.fill(0);
    regs[REG_ORIG_RAX * 2] = this.nr;
    regs[REG_ORIG_RAX * 2 + 1] = this.nr >> 31;
    regs[REG_CS * 2] = USER_CS;
    regs[REG_SS * 2] = USER_SS;
    regs[REG_FS_BASE * 2] = page.fsBaseLo;
    regs[REG_FS_BASE * 2 + 1] = page.fsBaseHi;
    fast.completed(page, fast.sites.get(page.site), regs);
    this.regsValid = true;
    this.takeResult();
  }

  private loadRegs(): void {
    const { thread } = this;
    if (this.fast && !thread.stopped) this.space.instance.tracer.stopFast(thread);
    thread.fetchRegs();
    const regs = this.ownRegs;
    regs.set(thread.block.regs);
    this.regsValid = true;
    if (this.stepping) {
      regs[REG_EFLAGS * 2] &= ~TRAP_FLAG;
      this.stepping = false;
      this.regsDirty = true;
    }
    const { page } = thread;
    if (page && gsBase(regs) === page.guestAddress) regs.fill(0, REG_GS_BASE * 2, REG_GS_BASE * 2 + 2);
    if (this.fast && page) {
      this.space.instance.fast.completed(page, this.space.instance.fast.sites.get(page.site), regs);
      this.takeResult();
      this.leaveFast();
    }
    if (this.resultSet) this.regsDirty = true;
    this.takeResult();
    this.resultSet = false;
  }

  /**
   * From here on a call that came by the page is one like any other: it is resumed behind its site, its way
   * back through the stub is given up. Its thread is stopped then.
   */
  leaveFast(): void {
    if (!this.fast) return;
    this.regs();
    if (!this.fast) return;
    const { thread } = this;
    if (!thread.stopped) this.space.instance.tracer.stopFast(thread);
    if (this.fpuPending) this.loadPageFpu();
    thread.page!.clear();
    this.fast = false;
    this.resultSet = false;
    this.regsDirty = true;
  }

  touchRegs(): void {
    this.regsDirty = true;
  }

  /**
   * The host thread's registers no longer are the guest's (a list ran on it): put ours back at the next
   * resume.
   */
  spoilRegs(): void {
    this.leaveFast();
    this.regsDirty = true;
    this.spoilt = true;
  }

  /**
   * A call is in the thread's page, but a list ran on the thread since: its way back through the stub is
   * lost. Make it a call like any other.
   */
  completeSpoilt(): void {
    const page = this.thread.page!;
    const { fast } = this.space.instance;
    fast.completed(page, fast.sites.get(page.site), this.ownRegs);
    page.clear();
    this.fast = false;
    this.regsDirty = true;
  }

  /** `site` has been patched while this context was stopped: it must not go on in the middle of it. */
  moveOff(site: Site): void {
    if (this.fast || !this.thread.stopped) return;
    this.regs();
    const inside = ripOf(this.ownRegs) - site.after;
    if (inside >= 0 && inside < site.behind) this.regsDirty = true;
  }

  /** What `regs` loaded is of no use: the host's own registers go on. */
  forgetRegs(): void {
    if (this.spoilt) return;
    this.regsValid = false;
    this.regsDirty = false;
  }

  /**
   * Answer a call that came through the page, if it can be answered there: by its result, or with all
   * registers.
   */
  answerFast(): boolean {
    const page = this.thread.page!;
    if (this.regsDirty || this.fpuPending) {
      const regs = this.regs();
      this.sanitise(regs);
      if (!canRestore(regs)) {
        this.leaveFast();
        return false;
      }
      page.restore(regs, REG_RIP * 2, REG_EFLAGS * 2, REG_FS_BASE * 2, this.fpuPending);
    } else {
      if (this.resultSet) page.setResult(this.resultLo, this.resultHi);
      page.answer();
    }
    this.resultSet = false;
    this.regsValid = false;
    this.regsDirty = false;
    this.fpuPending = false;
    this.fast = false;
    this.thread.block.flags = 0;
    return true;
  }

  /**
   * What a guest may not choose is set right, and a place in the middle of a patched site becomes the one it
   * stands for.
   */
  private sanitise(regs: Uint32Array): void {
    regs[REG_ORIG_RAX * 2] = 0xffffffff;
    regs[REG_ORIG_RAX * 2 + 1] = 0xffffffff;
    regs[REG_CS * 2] = USER_CS;
    regs[REG_CS * 2 + 1] = 0;
    regs[REG_SS * 2] = USER_SS;
    regs[REG_SS * 2 + 1] = 0;
    regs[REG_EFLAGS * 2] = ((regs[REG_EFLAGS * 2] & USER_EFLAGS) | 0x202) >>> 0;
    regs[REG_EFLAGS * 2 + 1] = 0;
    this.space.instance.fast.adjust(this, regs);
  }

  stepNext(): void {
    // The flag goes to the host with the registers, whatever of them has changed.
    this.leaveFast();
    this.regs();
    this.regsDirty = true;
    this.step = true;
  }

  /** DR6 of the last debug exception. */
  debugStatus = 0;

  setDebugRegister(n: number, value: number): boolean {
    this.leaveFast();
    return this.thread.setDebugRegister(n, value);
  }

  setPlainCode(on: boolean): void {
    const { patches, instance } = this.space;
    if (patches.plainCode === on) return;
    // A call that came by shared memory returns through what is about to be taken away.
    if (on && patches.sites.size > 0) this.leaveFast();
    instance.fast.setPlainCode(this, on);
  }

  /** Prepare the block for `nativeRun`/`nativeResume`. */
  writeBack(): void {
    const block = this.thread.block;
    // The flag that stepped it must not do so again.
    if (this.stepping && !this.regsDirty) {
      this.regs();
      this.regsDirty = true;
    }
    if (this.regsDirty) {
      const regs = this.ownRegs;
      this.sanitise(regs);
      block.regs.set(regs);
      if (this.step) {
        // When the guest set it itself, it is its own to see.
        if ((regs[REG_EFLAGS * 2] & TRAP_FLAG) === 0) {
          block.regs[REG_EFLAGS * 2] |= TRAP_FLAG;
          this.stepping = true;
        }
        this.step = false;
      }
      const { page } = this.thread;
      if (page && gsBase(regs) === 0) {
        block.regs[REG_GS_BASE * 2] = page.guestAddress >>> 0;
        block.regs[REG_GS_BASE * 2 + 1] = Math.floor(page.guestAddress / 4294967296);
      }
      block.flags = RUN_SET_REGS;
      this.regsDirty = false;
      this.spoilt = false;
    } else if (this.resultSet) {
      block.setRax(this.resultLo, this.resultHi);
      block.flags = RUN_POKE_RAX;
    } else {
      block.flags = 0;
    }
    this.resultSet = false;
    this.regsValid = false;
  }

  // Answers -------------------------------------------------------------------------------------------------

  private answers = false;

  offerAnswer(nr: number, value: number): void {
    const { page } = this.thread;
    if (!page || nr >= ANSWERS_COUNT || value < 0 || value >= 0xffffffff) return;
    page.setAnswer(nr, value);
    this.answers = true;
  }

  withdrawAnswers(): void {
    if (!this.answers) return;
    this.answers = false;
    this.thread.page?.clearAnswers();
  }

  // FPU -----------------------------------------------------------------------------------------------------

  get fpuSize(): number {
    return this.space.instance.fpu.size;
  }
  get xfeatures(): number {
    return this.space.instance.fpu.features;
  }

  /** FPU state lies in the page and is loaded with the answer. */
  private fpuPending = false;

  /** The thread's state to `fpuBytes` (PTRACE_GETREGSET) or back. 0 or -errno. */
  private fpuTransfer(request: number): number {
    if (!this.thread.stopped) this.leaveFast();
    const { size, hostSize } = this.space.instance.fpu;
    fpuBytes.fill(0, size, hostSize);
    const block = this.thread.block;
    const view = block.iovec;
    view.setUint32(0, fpuAddress >>> 0, true);
    view.setUint32(4, Math.floor(fpuAddress / 4294967296), true);
    // It gives a part, but takes only the whole.
    view.setUint32(8, request === PTRACE_GETREGSET ? size : hostSize, true);
    view.setUint32(12, 0, true);
    return this.thread.ptrace(request, NT_X86_XSTATE, block.address + BLOCK_IOVEC);
  }

  /** The page has room for the state, and the call in it is not answered yet. */
  private get fpuInPage(): boolean {
    return this.fast && hasFsGsBase && this.fpuSize <= FPU_AREA_BYTES;
  }

  saveFpu(dst: Uint8Array, offset: number): void {
    if (this.fpuPending || (this.fpuInPage && !this.thread.stopped && this.thread.page!.saveFpu())) {
      dst.set(this.thread.page!.fpu.subarray(0, this.fpuSize), offset);
      dst.fill(0, offset + 520, offset + 576);
    } else if (this.fpuTransfer(PTRACE_GETREGSET) < 0) dst.fill(0, offset, offset + this.fpuSize);
    else dst.set(fpuBytes.subarray(0, this.fpuSize), offset);
    // Which features the area has: the processor leaves that alone, and the host tells its own.
    dst.fill(0, offset + SW_RESERVED, offset + 512);
    dst[offset + SW_RESERVED] = this.xfeatures;
    dst[offset + SW_RESERVED + 1] = this.xfeatures >>> 8;
    dst[offset + SW_RESERVED + 2] = this.xfeatures >>> 16;
    dst[offset + SW_RESERVED + 3] = this.xfeatures >>> 24;
  }

  loadFpu(src: Uint8Array, offset: number, length: number): boolean {
    const size = this.fpuSize;
    fpuBytes.fill(0, 0, size);
    fpuBytes.set(src.subarray(offset, offset + Math.min(length, size)), 0);
    if (this.fpuInPage && this.acceptable()) {
      this.putFpu();
      return true;
    }
    return this.fpuTransfer(PTRACE_SETREGSET) >= 0;
  }

  /**
   * Would the processor load what is in `fpuBytes`? (XRSTOR, Intel SDM vol. 1, 13.8.1) Where it is doubtful
   * the host is asked.
   */
  private acceptable(): boolean {
    if ((fpuView.getUint32(24, true) & ~MXCSR_BITS) !== 0) return false;
    if ((fpuView.getUint32(512, true) & ~this.xfeatures) !== 0) return false;
    for (let at = 516; at < 576; at += 4) if (fpuView.getUint32(at, true) !== 0) return false;
    return true;
  }

  /** `fpuBytes` is loaded with the answer. */
  private putFpu(): void {
    this.thread.page!.fpu.set(fpuBytes.subarray(0, this.fpuSize));
    this.fpuPending = true;
  }

  /** The state in the page, meant to be loaded by the stub, is loaded by the host. */
  loadPageFpu(): void {
    this.fpuPending = false;
    fpuBytes.set(this.thread.page!.fpu.subarray(0, this.fpuSize));
    this.fpuTransfer(PTRACE_SETREGSET);
  }

  /** An unmasked x87 exception is pending (FSW against FCW, Intel SDM vol. 1, 8.1.3). */
  hasX87Error(): boolean {
    if (this.fpuTransfer(PTRACE_GETREGSET) < 0) return false;
    return (fpuView.getUint16(2, true) & ~fpuView.getUint16(0, true) & 0x3f) !== 0;
  }

  resetFpu(): void {
    const size = this.fpuSize;
    fpuBytes.fill(0, 0, size);
    fpuView.setUint16(0, 0x37f, true);
    fpuView.setUint32(24, 0x1f80, true);
    if (this.fpuInPage) this.putFpu();
    else this.fpuTransfer(PTRACE_SETREGSET);
  }

  // Life ----------------------------------------------------------------------------------------------------

  resume(): void {
    if (this.state !== STOPPED || this.disposed) return;
    this.state = PENDING;
    this.space.instance.tracer.enqueue(this);
  }

  interrupt(): void {
    if (this.state !== STOPPED) this.space.instance.tracer.interrupt(this);
  }

  clone(): PtraceContext {
    this.leaveFast();
    const regs = this.regs();
    const child = new PtraceContext(this.space);
    const idle = this.space.takeIdle();
    if (idle) {
      this.space.attach(child, idle);
      this.fpuTransfer(PTRACE_GETREGSET);
      child.fpuTransfer(PTRACE_SETREGSET);
    } else {
      this.space.attach(child, this.space.instance.tracer.injector.cloneThread(this.thread, this));
    }
    child.ownRegs.set(regs);
    child.regsValid = true;
    child.regsDirty = true;
    return child;
  }

  fork(): PtraceContext {
    this.leaveFast();
    const regs = this.regs();
    if (this.space.pending) {
      this.space.flushOn(this.thread);
      this.regsDirty = true;
    }
    const space = this.space.instance.tracer.injector.forkSpace(this.thread, this.space.instance);
    this.regsDirty = true;
    space.patches.copy(this.space.patches);
    // The parent's pages are not the child's to see.
    if (this.space.threads.some((t) => t.page)) space.unmapOwn(PAGES_ADDRESS, MAX_PAGES * 4096);
    const child = new PtraceContext(space);
    space.attach(child, space.threads[0]);
    child.ownRegs.set(regs);
    child.regsValid = true;
    child.regsDirty = true;
    return child;
  }

  renewAddressSpace(): void {
    const old = this.space;
    const { tracer } = old.instance;
    this.withdrawAnswers();
    this.leaveFast();
    this.regs();
    this.thread.clearDebug();
    if (old.contexts === 1) {
      old.clearQueue();
      old.instance.fast.dropSites(old.patches);
      old.patches.disabled = false;
      old.patches.plainCode = false;
      // In the queue: it comes before anything is mapped anew, and before the guest runs.
      old.unmapOwn(0, TABLE_ADDRESS);
      old.unmapOwn(TABLE_ADDRESS + TABLE_BYTES, GUEST_END - TABLE_ADDRESS - TABLE_BYTES);
    } else {
      const space = tracer.injector.newSpace(old.instance, old.nursery);
      const thread = this.thread;
      this.space = space;
      space.attach(this, space.threads[0]);
      old.detach(thread);
    }
    this.ownRegs.fill(0);
    this.regsDirty = true;
    this.resetFpu();
  }

  /** Whatever its thread waits for in the page, it gets no answer. */
  giveUp(): void {
    this.withdrawAnswers();
    this.fast = false;
    this.fpuPending = false;
    this.thread.page?.clear();
  }

  /** The host thread carrying it has ended. */
  lost(): void {
    this.state = STOPPED;
    this.event = EVENT_LOST;
  }

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    if (this.space.dead) {
      this.space.contexts--;
      this.thread.context = null;
    } else {
      this.space.instance.tracer.withdraw(this);
      this.space.detach(this.thread);
    }
    this.state = STOPPED;
    this.sink = null;
  }

  /** On-CPU time of the host thread in nanoseconds, as far as it served this context. */
  cpuTimeNs(): number {
    return this.space.instance.tracer.threadCpuTime(this.thread);
  }
}
