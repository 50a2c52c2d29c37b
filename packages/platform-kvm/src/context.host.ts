import {
  type AddressSpace,
  ANSWERS_COUNT,
  type ContextSink,
  EVENT_LOST,
  EVENT_NONE,
  EVENT_SYSCALL,
  type GuestEvent,
  hasFsGsBase,
  type PatchedContext,
  PENDING,
  type Site,
  STOPPED,
} from '@sandbox/platform';
import { KVM_REGS } from './abi.js';
import { KvmAddressSpace } from './address-space.host.js';
import { BY_STUB, type CallPage } from './call-page.js';
import { clearDebugRegisters, DebugRegisters } from './debug-registers.host.js';
import type { Exit } from './exits.js';
import type { KvmInstance } from './instance.host.js';
import { FRAME_AT, USER_CS, USER_DS, USER_RFLAGS } from './layout.js';
import type { Runner } from './runners.host.js';
import { AT_EXCEPTION, AT_SYSCALL, AT_USER, type Vcpu } from './vcpu.host.js';

// Words of struct user_regs_struct.
const REG_WORDS = 54;
const REG_RAX = 20;
const REG_ORIG_RAX = 30;
const REG_RIP = 32;
const REG_CS = 34;
const REG_EFLAGS = 36;
const REG_RSP = 38;
const REG_SS = 40;
const REG_FS_BASE = 42;
const REG_GS_BASE = 44;
const TRAP_FLAG = 0x100;
const INTERRUPT_FLAG = 0x200;
const RESUME_FLAG = 0x10000;
const R = KVM_REGS;
/** The general registers in the order of user_regs_struct, which orig_rax ends. */
const ORDER = [
  R.r15,
  R.r14,
  R.r13,
  R.r12,
  R.rbp,
  R.rbx,
  R.r11,
  R.r10,
  R.r9,
  R.r8,
  R.rax,
  R.rcx,
  R.rdx,
  R.rsi,
  R.rdi,
];

/** A guest thread. Its state is here, or on the virtual CPU that carries it. */
export class KvmContext implements PatchedContext {
  sink: ContextSink | null = null;
  event: GuestEvent = EVENT_NONE;
  nr = -1;
  readonly args = new Uint32Array(12);
  faultAddr = 0;
  faultAccess = 0;
  vector = 0;
  state = STOPPED;
  disposed = false;
  vcpu: Vcpu | null = null;
  /** CPU time so far. */
  timeNs = 0;
  /** `interrupt` was called while it ran, and no event came of it yet. */
  interruptWanted = false;
  /** Time it has run since its last event, while not `busy`. */
  runNs = 0;
  /** Processor time of it, as far as it was measured. */
  computedNs = 0;
  /** It computes rather than calls: a thread of its own carries it. See driver.host.ts. */
  busy = false;
  /** Short runs in a row while it is `busy`. */
  shortRuns = 0;
  /** The thread that runs it now, if that is another than this. */
  runner: Runner | null = null;
  /**
   * The call it is stopped for lies in its call page, and the guest looks there for the answer: its virtual
   * CPU still runs. Whatever needs more of it than the answer has it leave first (`leaveFast`).
   */
  fast = false;
  /** The call it is stopped for lies there, and it has left; it looks for the answer when it goes on. */
  parked = false;
  /** Address behind the `syscall` instruction of its call, 0 where that was no instruction of the guest's. */
  calledFrom = 0;
  /**
   * It has been stopped on another's account, and what came of that is still to be told: see
   * `Driver.stopNow`.
   */
  told: Exit | null = null;
  /** Why it will not go on when it is resumed. */
  broken: string | null = null;
  /** What `offerAnswer` gave, as in the call page. */
  private answers: Int32Array | null = null;
  /** Page faults in a row at one address that its tables allow. */
  spurious = 0;
  /** The next run is to execute one instruction. */
  private step = false;
  /** The trap flag is set for that, not by the guest. */
  private stepping = false;
  private readonly ownRegs = new Uint32Array(REG_WORDS);
  private regsValid = true;
  private regsDirty = true;
  private resultSet = false;
  private resultLo = 0;
  private resultHi = 0;
  /** FPU state while no virtual CPU holds it. */
  private fpu: Uint8Array | null = null;

  constructor(private space: KvmAddressSpace) {
    space.attach(this);
  }

  get addressSpace(): AddressSpace {
    return this.space;
  }
  get kvmSpace(): KvmAddressSpace {
    return this.space;
  }
  get patched(): KvmAddressSpace {
    return this.space;
  }
  get instance(): KvmInstance {
    return this.space.instance;
  }
  get running(): boolean {
    return this.state !== STOPPED;
  }

  // Registers -----------------------------------------------------------------------------------------------

  setResult(lo: number, hi: number): void {
    if (this.regsValid) {
      this.ownRegs[REG_RAX] = lo;
      this.ownRegs[REG_RAX + 1] = hi;
    }
    this.resultSet = true;
    this.resultLo = lo;
    this.resultHi = hi;
  }

  regs(): Uint32Array {
    if (this.fast) this.leaveFast();
    if (this.regsValid) return this.ownRegs;
    if (this.parked && hasFsGsBase) this.loadPageRegs();
    else this.loadRegs(this.vcpu!);
    return this.ownRegs;
  }

  touchRegs(): void {
    this.regsDirty = true;
  }

  stepNext(): void {
    this.regs();
    this.regsDirty = true;
    this.step = true;
  }

  /** A run has ended in an event: the flag that stepped it must neither be seen nor do so again. */
  endStep(): void {
    if (!this.stepping) return;
    this.stepping = false;
    this.regs()[REG_EFLAGS] &= ~TRAP_FLAG;
    this.regsDirty = true;
  }

  // Breakpoints ---------------------------------------------------------------------------------------------

  private debug: DebugRegisters | null = null;
  debugStatus = 0;

  setDebugRegister(n: number, value: number): boolean {
    if (!this.instance.hasBreakpoints()) return false;
    this.leaveFast();
    this.debug ??= new DebugRegisters();
    if (!this.debug.set(n, value, this.space.maxAddress)) return false;
    if (this.vcpu) this.loadDebug(this.vcpu);
    return true;
  }

  /** A virtual CPU has the breakpoints of whom it carries. */
  private loadDebug(vcpu: Vcpu): void {
    if (this.debug) this.debug.load(vcpu.fd);
    else if (vcpu.debugged) clearDebugRegisters(vcpu.fd);
    vcpu.debugged = this.debug !== null;
  }

  /** A debug exception has come. */
  noteDebug(): void {
    if (!this.debug) return;
    this.debugStatus = this.debug.takeStatus(this.vcpu!.fd);
    if (!this.debug.isInstruction(this.debugStatus)) return;
    this.regs()[REG_EFLAGS] |= RESUME_FLAG;
    this.regsDirty = true;
  }

  private loadRegs(vcpu: Vcpu): void {
    const own = this.ownRegs;
    const from = vcpu.regs;
    for (let i = 0; i < ORDER.length; i++) {
      own[i * 2] = from[ORDER[i] * 2];
      own[i * 2 + 1] = from[ORDER[i] * 2 + 1];
    }
    own[REG_ORIG_RAX] = 0xffffffff;
    own[REG_ORIG_RAX + 1] = 0xffffffff;
    own[REG_CS] = USER_CS;
    own[REG_CS + 1] = 0;
    own[REG_SS] = USER_DS;
    own[REG_SS + 1] = 0;
    if (vcpu.at === AT_EXCEPTION) {
      const frame = FRAME_AT / 4;
      this.loadPlace(vcpu.frame, frame + 2, frame + 6, frame + 8);
    } else if (vcpu.at === AT_SYSCALL) {
      this.loadPlace(from, R.rcx * 2, R.r11 * 2, R.rsp * 2);
    } else {
      this.loadPlace(from, R.rip * 2, R.rflags * 2, R.rsp * 2);
    }
    vcpu.fetchBases();
    own[REG_FS_BASE] = vcpu.fsLow;
    own[REG_FS_BASE + 1] = vcpu.fsHigh;
    const page = vcpu.calls!.guestAddress;
    const pageIsThere = vcpu.gsLow + vcpu.gsHigh * 4294967296 === page;
    own[REG_GS_BASE] = pageIsThere ? 0 : vcpu.gsLow;
    own[REG_GS_BASE + 1] = pageIsThere ? 0 : vcpu.gsHigh;
    if (this.parked) this.complete();
    else this.takeResult();
    this.regsValid = true;
  }

  private takeResult(): void {
    if (!this.resultSet) return;
    this.ownRegs[REG_RAX] = this.resultLo;
    this.ownRegs[REG_RAX + 1] = this.resultHi;
  }

  /** As they are behind the call that lies in the page. */
  complete(): void {
    const { fast } = this.instance;
    const page = this.vcpu!.calls!;
    fast.completed(page, fast.sites.get(page.site), this.ownRegs);
    this.takeResult();
  }

  /** The same without asking for anything: the page has all there is. */
  private loadPageRegs(): void {
    const page = this.vcpu!.calls!;
    const own = this.ownRegs;
    own.fill(0);
    own[REG_ORIG_RAX] = 0xffffffff;
    own[REG_ORIG_RAX + 1] = 0xffffffff;
    own[REG_CS] = USER_CS;
    own[REG_SS] = USER_DS;
    own[REG_FS_BASE] = page.fsBaseLo;
    own[REG_FS_BASE + 1] = page.fsBaseHi;
    this.complete();
    this.regsValid = true;
  }

  private loadPlace(from: Uint32Array, rip: number, rflags: number, rsp: number): void {
    const own = this.ownRegs;
    own[REG_RIP] = from[rip];
    own[REG_RIP + 1] = from[rip + 1];
    // Software KVM takes the flag that allows interrupts, which nobody has taken from the guest, for cleared
    // after a call it has not left by.
    own[REG_EFLAGS] = from[rflags] | INTERRUPT_FLAG;
    own[REG_EFLAGS + 1] = 0;
    own[REG_RSP] = from[rsp];
    own[REG_RSP + 1] = from[rsp + 1];
  }

  /** Linear address of the next instruction, if it is one at all: bits 47 to 63 are alike. */
  get ripIsCanonical(): boolean {
    if (!this.regsValid || !this.regsDirty) return true;
    const high = this.ownRegs[REG_RIP + 1] >>> 15;
    return high === 0 || high === 0x1ffff;
  }

  /** Bring the virtual CPU to where this context goes on. */
  writeBack(): void {
    const vcpu = this.vcpu!;
    if (this.regsValid && this.regsDirty) this.storeRegs(vcpu);
    else if (this.parked) this.answerParked(vcpu);
    else if (vcpu.at === AT_SYSCALL) this.returnFromSyscall(vcpu);
    else if (this.resultSet) this.storeResult(vcpu);
    this.resultSet = false;
    this.regsDirty = false;
    this.regsValid = false;
  }

  /** It looks in its page again, where the answer is. */
  private answerParked(vcpu: Vcpu): void {
    const lo = this.resultSet ? this.resultLo : this.nr;
    const hi = this.resultSet ? this.resultHi : this.nr >> 31;
    vcpu.calls!.answerParked(lo, hi);
    this.parked = false;
    this.resultSet = false;
    this.returnFromSyscall(vcpu);
  }

  /** The call in its page is one like any other from here on: its registers are in `ownRegs`. */
  private unpark(): void {
    if (!this.parked) return;
    this.regs();
    this.parked = false;
    this.regsDirty = true;
    this.vcpu!.calls!.clear();
  }

  private storeRegs(vcpu: Vcpu): void {
    const own = this.ownRegs;
    const to = vcpu.regs;
    this.unpark();
    this.instance.fast.adjust(this, own);
    for (let i = 0; i < ORDER.length; i++) {
      to[ORDER[i] * 2] = own[i * 2];
      to[ORDER[i] * 2 + 1] = own[i * 2 + 1];
    }
    let rflags = ((own[REG_EFLAGS] & USER_RFLAGS) | 0x202) >>> 0;
    if (this.step) {
      this.step = false;
      // A guest that does so itself goes on with it.
      this.stepping = (rflags & TRAP_FLAG) === 0;
      rflags |= TRAP_FLAG;
    }
    if (vcpu.at === AT_USER || (vcpu.at === AT_SYSCALL && this.instance.machine.userStub)) {
      to[R.rip * 2] = own[REG_RIP];
      to[R.rip * 2 + 1] = own[REG_RIP + 1];
      to[R.rflags * 2] = rflags;
      to[R.rflags * 2 + 1] = 0;
      to[R.rsp * 2] = own[REG_RSP];
      to[R.rsp * 2 + 1] = own[REG_RSP + 1];
    } else {
      vcpu.atIret(own[REG_RIP], own[REG_RIP + 1], rflags, own[REG_RSP], own[REG_RSP + 1]);
    }
    vcpu.setBases(own[REG_FS_BASE], own[REG_FS_BASE + 1], this.gsLow(vcpu.calls!), this.gsHigh(vcpu.calls!));
    vcpu.setDirty();
  }

  /** A guest that makes no use of it has its page at the GS base. */
  private gsLow(page: CallPage): number {
    return this.hasGs ? this.ownRegs[REG_GS_BASE] : page.guestAddress >>> 0;
  }
  private gsHigh(page: CallPage): number {
    return this.hasGs ? this.ownRegs[REG_GS_BASE + 1] : Math.floor(page.guestAddress / 4294967296);
  }
  private get hasGs(): boolean {
    return this.ownRegs[REG_GS_BASE] !== 0 || this.ownRegs[REG_GS_BASE + 1] !== 0;
  }

  private storeResult(vcpu: Vcpu): void {
    vcpu.regs[R.rax * 2] = this.resultLo;
    vcpu.regs[R.rax * 2 + 1] = this.resultHi;
    vcpu.setDirty();
  }

  private returnFromSyscall(vcpu: Vcpu): void {
    const regs = vcpu.regs;
    if (this.resultSet) this.storeResult(vcpu);
    if (this.instance.machine.userStub) {
      regs[R.rip * 2] = regs[R.rcx * 2];
      regs[R.rip * 2 + 1] = regs[R.rcx * 2 + 1];
      regs[R.rflags * 2] = ((regs[R.r11 * 2] & USER_RFLAGS) | 0x202) >>> 0;
      regs[R.rflags * 2 + 1] = 0;
    } else if ((regs[R.r11 * 2] & TRAP_FLAG) !== 0) {
      // `sysret` would trap right behind itself, where a step is to end behind the instruction that follows.
      const rflags = ((regs[R.r11 * 2] & USER_RFLAGS) | 0x202) >>> 0;
      vcpu.atIret(regs[R.rcx * 2], regs[R.rcx * 2 + 1], rflags, regs[R.rsp * 2], regs[R.rsp * 2 + 1]);
    } else {
      vcpu.atSysret();
    }
    vcpu.setDirty();
  }

  // Calls in the call page ----------------------------------------------------------------------------------

  /** A call has been found in its page. */
  takeCall(): void {
    const page = this.vcpu!.calls!;
    page.readArgs(this.args);
    this.nr = page.nr;
    this.event = EVENT_SYSCALL;
    this.fast = true;
    this.calledFrom = page.site === BY_STUB ? page.returnAddress : 0;
  }

  /** It has left with a call in its page. */
  takeParked(): void {
    this.takeCall();
    this.fast = false;
    this.parked = true;
    this.calledFrom = 0;
  }

  /**
   * The same where it was stopped in the middle: the call is one like any other. Its registers are loaded.
   */
  takeFromPage(): void {
    this.takeCall();
    this.fast = false;
    this.calledFrom = 0;
    this.complete();
  }

  /** Its call came by the stub of `syscall`, which goes back to where that was, whatever is there by then. */
  get returnsToSite(): boolean {
    return this.fast && this.calledFrom !== 0;
  }

  /** `site` has been patched: it must not go on in the middle of it. */
  moveOff(site: Site): void {
    if (this.returnsToSite) this.leaveFast();
    if (this.fast || this.parked || this.runner) return;
    const regs = this.regs();
    const inside = regs[REG_RIP] + regs[REG_RIP + 1] * 4294967296 - site.after;
    if (inside >= 0 && inside < site.behind) this.regsDirty = true;
  }

  setPlainCode(on: boolean): void {
    const { patches } = this.space;
    if (patches.plainCode === on) return;
    // A call that came by shared memory returns through what is about to be taken away.
    if (on && patches.sites.size > 0) {
      this.leaveFast();
      this.unpark();
    }
    this.instance.fast.setPlainCode(this, on);
  }

  /** Give it its answer there. False when the guest has left meanwhile. */
  answerFast(): boolean {
    const page = this.vcpu!.calls!;
    const lo = this.resultSet ? this.resultLo : this.nr;
    const hi = this.resultSet ? this.resultHi : this.nr >> 31;
    if (!page.tryAnswer(lo, hi)) return false;
    this.resultSet = false;
    this.fast = false;
    return true;
  }

  /** From here on the call is one like any other, and the virtual CPU stands still. */
  leaveFast(): void {
    if (this.fast) this.instance.driver.leaveFast(this);
  }

  offerAnswer(nr: number, value: number): void {
    if (nr < 0 || nr >= ANSWERS_COUNT || value < 0 || value >= 0xffffffff) return;
    this.answers ??= new Int32Array(ANSWERS_COUNT);
    this.answers[nr] = value + 1;
    this.vcpu?.calls?.setAnswer(nr, value);
  }

  withdrawAnswers(): void {
    if (!this.answers) return;
    this.answers = null;
    this.vcpu?.calls?.clearAnswers();
  }

  // Carriers ------------------------------------------------------------------------------------------------

  /** Let `vcpu`, which is free, carry this context. */
  place(vcpu: Vcpu): void {
    const own = this.ownRegs;
    const calls = this.space.callPage(vcpu.index);
    calls.reset(this.answers, this.instance.fast.access !== null);
    vcpu.calls = calls;
    vcpu.context = this;
    this.vcpu = vcpu;
    vcpu.enter(
      this.space.tables.root,
      own[REG_FS_BASE],
      own[REG_FS_BASE + 1],
      this.gsLow(calls),
      this.gsHigh(calls),
    );
    this.regsDirty = true;
    this.loadDebug(vcpu);
    const image = this.fpu ?? this.instance.initialFpu;
    vcpu.loadFpu(image, 0, image.length);
    this.fpu = null;
  }

  /** Take this stopped context's state off its virtual CPU. */
  displace(): void {
    const vcpu = this.vcpu;
    if (!vcpu) return;
    this.regs();
    this.unpark();
    const image = new Uint8Array(this.fpuSize);
    vcpu.saveFpu(image, 0);
    this.fpu = image;
    this.leave();
  }

  /** Leave the virtual CPU without keeping its state. */
  private leave(): void {
    if (this.vcpu) {
      this.vcpu.context = null;
      this.vcpu.calls = null;
    }
    this.vcpu = null;
  }

  // FPU -----------------------------------------------------------------------------------------------------

  get fpuSize(): number {
    return this.instance.machine.device.fpuSize;
  }
  get xfeatures(): number {
    return this.instance.machine.device.xfeatures;
  }

  saveFpu(dst: Uint8Array, offset: number): void {
    this.leaveFast();
    if (this.vcpu) this.vcpu.saveFpu(dst, offset);
    else dst.set(this.fpu ?? this.instance.initialFpu, offset);
  }

  loadFpu(src: Uint8Array, offset: number, length: number): boolean {
    this.leaveFast();
    if (!this.vcpu) this.instance.driver.carry(this);
    return this.vcpu!.loadFpu(src, offset, length);
  }

  resetFpu(): void {
    this.leaveFast();
    const image = this.instance.initialFpu;
    if (this.vcpu) this.vcpu.loadFpu(image, 0, image.length);
    else this.fpu = null;
  }

  // Life ----------------------------------------------------------------------------------------------------

  resume(): void {
    if (this.state !== STOPPED || this.disposed) return;
    this.state = PENDING;
    this.instance.driver.enqueue(this);
  }

  interrupt(): void {
    if (this.state !== STOPPED) this.instance.driver.interrupt(this);
  }

  private copyTo(child: KvmContext): KvmContext {
    child.ownRegs.set(this.regs());
    const image = new Uint8Array(this.fpuSize);
    this.saveFpu(image, 0);
    child.fpu = image;
    return child;
  }

  clone(): KvmContext {
    return this.copyTo(new KvmContext(this.space));
  }

  fork(): KvmContext {
    const space = new KvmAddressSpace(this.instance);
    space.copy(this.space);
    return this.copyTo(new KvmContext(space));
  }

  renewAddressSpace(): void {
    const old = this.space;
    this.leaveFast();
    this.withdrawAnswers();
    this.parked = false;
    this.leave();
    this.space = new KvmAddressSpace(old.instance);
    this.space.attach(this);
    old.detach(this);
    this.ownRegs.fill(0);
    this.regsValid = true;
    this.regsDirty = true;
    this.resultSet = false;
    this.fpu = null;
    this.debug = null;
  }

  /** It cannot go on. */
  lost(): void {
    this.state = STOPPED;
    this.event = EVENT_LOST;
  }

  cpuTimeNs(): number {
    return this.timeNs + this.instance.driver.runningTime(this);
  }

  dispose(): void {
    if (this.disposed) return;
    this.instance.driver.withdraw(this);
    this.disposed = true;
    this.leave();
    this.space.detach(this);
    this.state = STOPPED;
    this.sink = null;
  }
}
