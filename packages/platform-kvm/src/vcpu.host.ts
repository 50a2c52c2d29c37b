import { hostClose } from '@sandbox/native';
import { HostCallError } from '@sandbox/platform';
import {
  EVENTS_EXCEPTION_INJECTED,
  EVENTS_EXCEPTION_PENDING,
  KVM_CREATE_VCPU,
  KVM_GET_SREGS,
  KVM_GET_VCPU_EVENTS,
  KVM_GET_XSAVE,
  KVM_REGS,
  KVM_RUN,
  KVM_SET_CPUID2,
  KVM_SET_DEVICE_ATTR,
  KVM_SET_MSRS,
  KVM_SET_SREGS,
  KVM_SET_VCPU_EVENTS,
  KVM_SET_XCRS,
  KVM_SET_XSAVE,
  KVM_SYNC_X86_REGS,
  MSR_CSTAR,
  MSR_FS_BASE,
  MSR_GS_BASE,
  MSR_LSTAR,
  MSR_STAR,
  MSR_SYSCALL_MASK,
  RUN_DIRTY_REGS,
  RUN_IMMEDIATE_EXIT,
  RUN_REGS,
  RUN_VALID_REGS,
  SEGMENT_DPL,
  SREGS_CR0,
  SREGS_CR3,
  SREGS_CR4,
  SREGS_CS,
  SREGS_DS,
  SREGS_EFER,
  SREGS_ES,
  SREGS_FS,
  SREGS_GDT,
  SREGS_GS,
  SREGS_IDT,
  SREGS_LDT,
  SREGS_SS,
  SREGS_TR,
  XSAVE_BYTES,
} from './abi.js';
import type { CallPage } from './call-page.js';
import { callStubAt } from './call-stub.js';
import type { KvmContext } from './context.host.js';
import { argumentAddress, argumentBytes, argumentView, ioctl, mustIoctl, putU64 } from './ioctl.host.js';
import {
  CPU_PAGES_AT,
  CR0,
  CR4,
  CR4_FSGSBASE,
  CR4_SMAP,
  CR4_SMEP,
  CR4_TSD,
  CR4_UMIP,
  DEBUG_FRAME_AT,
  DEBUG_STACK_TOP,
  EFER,
  EXCEPTION_STUBS_AT,
  FRAME_AT,
  GDT_AT,
  GDT_ENTRIES,
  IDT_AT,
  KERNEL_HIGH,
  KERNEL_LOW,
  PAGE,
  PHYSICAL_BASE_HIGH,
  STACK_TOP,
  STAR_HIGH,
  SYSCALL_FLAG_MASK,
  TSS_IO_BASE,
  TSS_IO_MAP,
  TSS_IST1,
  TSS_LIMIT,
  TSS_RSP0,
  TSS_SELECTOR,
  USER_CS,
  USER_DS,
} from './layout.js';
import type { Machine } from './machine.host.js';
import { closeRunWindow, openRunWindow, type RunWindow } from './run-window.host.js';
import { stubs } from './stubs.js';

const CHUNK = 2 ** 30;
const CODE = 11;
const DATA = 3;
const BUSY_TSS = 11;
const TSC_CTRL_OFFSET = 0;
/** Of the XSAVE header: which components are not in their initial state. */
const XSTATE_BV = 512;

/** It executes guest code, or would. */
export const AT_USER = 0;
/** In the stub of `syscall`, with the guest's registers as that instruction left them. */
export const AT_SYSCALL = 1;
/** In the stub of an exception, with a frame on its stack. */
export const AT_EXCEPTION = 2;
export type Place = 0 | 1 | 2;

/** A virtual CPU. It carries one context at a time. */
export class Vcpu {
  readonly fd: number;
  private readonly window: RunWindow;
  /** Host address of its shared state. */
  readonly address: number;
  /** struct kvm_run, in bytes and in 32-bit words. */
  readonly run: Uint8Array;
  readonly runWords: Uint32Array;
  /** struct kvm_regs as of the last exit. */
  readonly regs: Uint32Array;
  /**
   * The frame exceptions push: error code, rip, cs, rflags, rsp, ss; and below it, as words -4 and -3 from
   * its start, the fault's address.
   */
  readonly frame: Uint32Array;
  private readonly page: number;
  context: KvmContext | null = null;
  /** Where that one publishes its calls. */
  calls: CallPage | null = null;
  /** What guests of it are at. */
  at: Place = AT_USER;
  /** FS and GS base were fetched since the last exit. */
  fsLow = 0;
  fsHigh = 0;
  gsLow = 0;
  gsHigh = 0;
  lastUse = 0;
  /** Its debug registers are a context's. */
  debugged = false;

  constructor(
    private readonly machine: Machine,
    readonly index: number,
  ) {
    const { device } = machine;
    this.fd = mustIoctl('KVM_CREATE_VCPU', machine.fd, KVM_CREATE_VCPU, index);
    this.window = openRunWindow(this.fd, device.runBytes);
    this.address = this.window.address;
    this.run = this.window.bytes;
    this.runWords = this.window.words;
    this.regs = this.runWords.subarray(RUN_REGS / 4, RUN_REGS / 4 + 36);
    this.page = machine.cpuPage(index);
    const chunk = machine.memory.chunk(this.page);
    const at = chunk.byteOffset + (this.page % CHUNK);
    this.frame = new Uint32Array(chunk.buffer, at, PAGE / 4);
    this.setUp();
  }

  private get kernelAddress(): number {
    return KERNEL_LOW + CPU_PAGES_AT + this.index * PAGE;
  }

  private setUp(): void {
    const { device } = this.machine;
    argumentBytes.set(device.cpuid);
    mustIoctl('KVM_SET_CPUID2', this.fd, KVM_SET_CPUID2, argumentAddress);
    argumentBytes.fill(0, 0, 392);
    argumentView.setUint32(0, 1, true);
    argumentView.setUint32(16, device.xfeatures, true);
    mustIoctl('KVM_SET_XCRS', this.fd, KVM_SET_XCRS, argumentAddress);
    this.machine.addCallStub(this.index);
    this.writeTss();
    this.setMsrs([
      [MSR_STAR, 0, STAR_HIGH],
      [MSR_LSTAR, KERNEL_LOW + callStubAt(this.index), KERNEL_HIGH],
      [MSR_CSTAR, KERNEL_LOW + EXCEPTION_STUBS_AT + stubs.compat, KERNEL_HIGH],
      [MSR_SYSCALL_MASK, SYSCALL_FLAG_MASK, 0],
    ]);
    this.useHostCounter();
    this.runWords[RUN_VALID_REGS / 4] = KVM_SYNC_X86_REGS;
  }

  private writeTss(): void {
    const view = new DataView(this.frame.buffer, this.frame.byteOffset, PAGE);
    view.setUint32(TSS_RSP0, this.kernelAddress + STACK_TOP, true);
    view.setUint32(TSS_RSP0 + 4, KERNEL_HIGH, true);
    view.setUint32(TSS_IST1, this.kernelAddress + DEBUG_STACK_TOP, true);
    view.setUint32(TSS_IST1 + 4, KERNEL_HIGH, true);
    view.setUint16(TSS_IO_BASE, TSS_IO_MAP, true);
    // One port in user mode, where the stub of `syscall` runs there.
    for (let i = TSS_IO_MAP; i <= TSS_LIMIT; i++) view.setUint8(i, 0xff);
    if (this.machine.userStub) view.setUint8(TSS_IO_MAP, 0xfe);
  }

  /** The time stamp counter is the host's: the kernel's clock reads it on both sides. */
  private useHostCounter(): void {
    const value = 32;
    argumentBytes.fill(0, 0, 48);
    putU64(argumentView, 8, TSC_CTRL_OFFSET);
    putU64(argumentView, 16, argumentAddress + value);
    // Old kernels do not know it; then the machine's counter starts with the machine, which guests see in
    // `rdtsc` alone.
    ioctl(this.fd, KVM_SET_DEVICE_ATTR, argumentAddress);
  }

  private setMsrs(list: readonly (readonly [number, number, number])[]): void {
    argumentView.setUint32(0, list.length, true);
    argumentView.setUint32(4, 0, true);
    list.forEach(([msr, low, high], i) => {
      argumentView.setUint32(8 + i * 16, msr, true);
      argumentView.setUint32(12 + i * 16, 0, true);
      argumentView.setUint32(16 + i * 16, low, true);
      argumentView.setUint32(20 + i * 16, high, true);
    });
    const r = mustIoctl('KVM_SET_MSRS', this.fd, KVM_SET_MSRS, argumentAddress);
    if (r !== list.length) throw new HostCallError(`KVM_SET_MSRS(${list[r][0].toString(16)})`, 22);
  }

  // Special registers ---------------------------------------------------------------------------------------

  private segment(at: number, selector: number, type: number, dpl: number): void {
    const v = argumentView;
    const present = selector !== 0;
    putU64(v, at, 0);
    v.setUint32(at + 8, present ? 0xffffffff : 0, true);
    v.setUint16(at + 12, selector, true);
    v.setUint8(at + 14, type);
    v.setUint8(at + 15, present ? 1 : 0);
    v.setUint8(at + 16, dpl);
    v.setUint8(at + 17, type === DATA ? 1 : 0);
    v.setUint8(at + 18, 1);
    v.setUint8(at + 19, type === CODE ? 1 : 0);
    v.setUint8(at + 20, 1);
    v.setUint8(at + 21, 0);
    v.setUint8(at + 22, present ? 0 : 1);
    v.setUint8(at + 23, 0);
  }

  /**
   * Make it a CPU in user mode, in the address space of the tables at `root`, with these bases of FS and GS.
   */
  enter(root: number, fsLow: number, fsHigh: number, gsLow: number, gsHigh: number): void {
    const v = argumentView;
    mustIoctl('KVM_GET_SREGS', this.fd, KVM_GET_SREGS, argumentAddress);
    this.segment(SREGS_CS, USER_CS, CODE, 3);
    this.segment(SREGS_SS, USER_DS, DATA, 3);
    for (const at of [SREGS_DS, SREGS_ES, SREGS_FS, SREGS_GS]) this.segment(at, 0, DATA, 3);
    v.setUint32(SREGS_FS, fsLow, true);
    v.setUint32(SREGS_FS + 4, fsHigh, true);
    v.setUint32(SREGS_GS, gsLow, true);
    v.setUint32(SREGS_GS + 4, gsHigh, true);
    this.segment(SREGS_TR, TSS_SELECTOR, BUSY_TSS, 0);
    v.setUint32(SREGS_TR, this.kernelAddress, true);
    v.setUint32(SREGS_TR + 4, KERNEL_HIGH, true);
    v.setUint32(SREGS_TR + 8, TSS_LIMIT, true);
    for (const at of [17, 18, 19, 20]) v.setUint8(SREGS_TR + at, 0);
    this.segment(SREGS_LDT, 0, 0, 0);
    v.setUint8(SREGS_LDT + 18, 0);
    this.table(SREGS_GDT, GDT_AT, GDT_ENTRIES * 8 - 1);
    this.table(SREGS_IDT, IDT_AT, 256 * 16 - 1);
    putU64(v, SREGS_CR0, CR0);
    v.setUint32(SREGS_CR3, root % 4294967296, true);
    v.setUint32(SREGS_CR3 + 4, Math.floor(root / 4294967296) + PHYSICAL_BASE_HIGH, true);
    putU64(v, SREGS_CR4, this.cr4());
    putU64(v, SREGS_EFER, EFER);
    if (ioctl(this.fd, KVM_SET_SREGS, argumentAddress) < 0) {
      // Some processors lack user access to the bases; guests then have arch_prctl.
      putU64(v, SREGS_CR4, this.cr4() - CR4_FSGSBASE);
      mustIoctl('KVM_SET_SREGS', this.fd, KVM_SET_SREGS, argumentAddress);
    }
    this.fsLow = fsLow;
    this.fsHigh = fsHigh;
    this.gsLow = gsLow;
    this.gsHigh = gsHigh;
    this.at = AT_USER;
  }

  private table(at: number, offset: number, limit: number): void {
    argumentView.setUint32(at, KERNEL_LOW + offset, true);
    argumentView.setUint32(at + 4, KERNEL_HIGH, true);
    argumentView.setUint16(at + 8, limit, true);
  }

  private cr4(): number {
    const { ebx, ecx } = this.machine.device.leaf7;
    const always = CR4 + (this.machine.trapTsc ? CR4_TSD : 0);
    // Where the stub of `syscall` belongs to user mode, nothing is gained by keeping the kernel half from it.
    if (this.machine.userStub) return always;
    return (
      always +
      ((ebx & 0x80) !== 0 ? CR4_SMEP : 0) +
      ((ebx & 0x100000) !== 0 ? CR4_SMAP : 0) +
      ((ecx & 4) !== 0 ? CR4_UMIP : 0)
    );
  }

  /** Ask for the bases of FS and GS, which guests can set themselves. */
  fetchBases(): void {
    mustIoctl('KVM_GET_SREGS', this.fd, KVM_GET_SREGS, argumentAddress);
    this.fsLow = argumentView.getUint32(SREGS_FS, true);
    this.fsHigh = argumentView.getUint32(SREGS_FS + 4, true);
    this.gsLow = argumentView.getUint32(SREGS_GS, true);
    this.gsHigh = argumentView.getUint32(SREGS_GS + 4, true);
  }

  setBases(fsLow: number, fsHigh: number, gsLow: number, gsHigh: number): void {
    if (fsLow !== this.fsLow || fsHigh !== this.fsHigh || gsLow !== this.gsLow || gsHigh !== this.gsHigh) {
      this.setMsrs([
        [MSR_FS_BASE, fsLow, fsHigh],
        [MSR_GS_BASE, gsLow, gsHigh],
      ]);
      this.fsLow = fsLow;
      this.fsHigh = fsHigh;
      this.gsLow = gsLow;
      this.gsHigh = gsHigh;
    }
  }

  /** The privilege level it executes at. */
  level(): number {
    mustIoctl('KVM_GET_SREGS', this.fd, KVM_GET_SREGS, argumentAddress);
    return argumentView.getUint8(SREGS_CS + SEGMENT_DPL);
  }

  // Running -------------------------------------------------------------------------------------------------

  /** Registers in `regs` were changed. */
  setDirty(): void {
    this.runWords[RUN_DIRTY_REGS / 4] = KVM_SYNC_X86_REGS;
  }

  /** KVM_RUN on this thread: 0 or -errno. */
  runHere(): number {
    const r = ioctl(this.fd, KVM_RUN, 0);
    // Whoever asked for an early end may have come late.
    this.run[RUN_IMMEDIATE_EXIT] = 0;
    return r;
  }

  /** An exception is on its way to the guest: the run was interrupted before it got there. */
  exceptionPending(): boolean {
    mustIoctl('KVM_GET_VCPU_EVENTS', this.fd, KVM_GET_VCPU_EVENTS, argumentAddress);
    return argumentBytes[EVENTS_EXCEPTION_INJECTED] !== 0 || argumentBytes[EVENTS_EXCEPTION_PENDING] !== 0;
  }

  /** Forget an exception that was on its way: whoever it was meant for is gone. */
  dropException(): void {
    if (!this.exceptionPending()) return;
    argumentBytes[EVENTS_EXCEPTION_INJECTED] = 0;
    argumentBytes[EVENTS_EXCEPTION_PENDING] = 0;
    mustIoctl('KVM_SET_VCPU_EVENTS', this.fd, KVM_SET_VCPU_EVENTS, argumentAddress);
  }

  /** Complete what the last exit left half done (an `in`), without executing anything of the guest. */
  settle(): void {
    this.run[RUN_IMMEDIATE_EXIT] = 1;
    ioctl(this.fd, KVM_RUN, 0);
    this.run[RUN_IMMEDIATE_EXIT] = 0;
  }

  /** Resume where the stub returns from `syscall`. */
  atSysret(): void {
    this.regs[KVM_REGS.rip * 2] = KERNEL_LOW + callStubAt(this.index) + this.machine.callPlaces.sysret;
    this.regs[KVM_REGS.rip * 2 + 1] = KERNEL_HIGH;
  }

  /** Resume at an `iretq` with this frame: the way to change everything from level 0. */
  atIret(ripLow: number, ripHigh: number, rflags: number, rspLow: number, rspHigh: number): void {
    const f = this.frame;
    const at = FRAME_AT / 4;
    f[at + 2] = ripLow;
    f[at + 3] = ripHigh;
    f[at + 4] = USER_CS;
    f[at + 5] = 0;
    f[at + 6] = rflags;
    f[at + 7] = 0;
    f[at + 8] = rspLow;
    f[at + 9] = rspHigh;
    f[at + 10] = USER_DS;
    f[at + 11] = 0;
    const r = this.regs;
    r[KVM_REGS.rip * 2] = KERNEL_LOW + EXCEPTION_STUBS_AT + stubs.iret;
    r[KVM_REGS.rip * 2 + 1] = KERNEL_HIGH;
    r[KVM_REGS.rsp * 2] = this.kernelAddress + FRAME_AT + 8;
    r[KVM_REGS.rsp * 2 + 1] = KERNEL_HIGH;
    r[KVM_REGS.rflags * 2] = 2;
    r[KVM_REGS.rflags * 2 + 1] = 0;
  }

  /**
   * It is in the stub of a debug exception. True when that came to a guest: its frame is then where those of
   * others are. False when the first instruction of another stub was before it, which goes on.
   */
  takeDebugFrame(): boolean {
    if (!this.machine.hasDebugStack) return true;
    const f = this.frame;
    const from = DEBUG_FRAME_AT / 4;
    if ((f[from + 4] & 3) === 3) {
      f.copyWithin(FRAME_AT / 4, from, from + 12);
      return true;
    }
    this.regs.set(f.subarray(from + 2, from + 4), KVM_REGS.rip * 2);
    this.regs.set(f.subarray(from + 6, from + 8), KVM_REGS.rflags * 2);
    this.regs.set(f.subarray(from + 8, from + 10), KVM_REGS.rsp * 2);
    this.setDirty();
    return false;
  }

  // FPU -----------------------------------------------------------------------------------------------------

  saveFpu(dst: Uint8Array, offset: number): void {
    mustIoctl('KVM_GET_XSAVE', this.fd, KVM_GET_XSAVE, argumentAddress);
    const { fpuSize, xfeatures } = this.machine.device;
    dst.set(argumentBytes.subarray(0, fpuSize), offset);
    // KVM also gives what only the host has use for (protection keys): components guests do not have.
    dst[offset + XSTATE_BV] &= xfeatures;
    dst.fill(0, offset + XSTATE_BV + 1, offset + XSTATE_BV + 8);
  }

  /** False when the processor does not take it. */
  loadFpu(src: Uint8Array, offset: number, length: number): boolean {
    const size = this.machine.device.fpuSize;
    argumentBytes.fill(0, 0, XSAVE_BYTES);
    argumentBytes.set(src.subarray(offset, offset + Math.min(length, size)));
    return ioctl(this.fd, KVM_SET_XSAVE, argumentAddress) >= 0;
  }

  dispose(): void {
    closeRunWindow(this.window, this.machine.device.runBytes);
    hostClose(this.fd);
  }
}
