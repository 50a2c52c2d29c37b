import {
  BUS_ADRALN,
  BUS_ADRERR,
  BUS_MCEERR_AR,
  FPE_FLTDIV,
  FPE_FLTINV,
  FPE_FLTOVF,
  FPE_FLTRES,
  FPE_FLTUND,
  FPE_INTDIV,
  ILL_ILLOPN,
  PROT_EXEC,
  SEGV_ACCERR,
  SEGV_CPERR,
  SEGV_MAPERR,
  SI_KERNEL,
  SIGBUS,
  SIGFPE,
  SIGILL,
  SIGSEGV,
  SIGTRAP,
  TASK_SIZE_MAX,
  TRAP_BRKPT,
  TRAP_HWBKPT,
  TRAP_TRACE,
  USER_REGS,
  X86_EFLAGS_TF,
  X86_PF_INSTR,
  X86_PF_PROT,
  X86_PF_USER,
  X86_PF_WRITE,
  X86_TRAP_AC,
  X86_TRAP_BP,
  X86_TRAP_CP,
  X86_TRAP_DB,
  X86_TRAP_DE,
  X86_TRAP_GP,
  X86_TRAP_MF,
  X86_TRAP_NP,
  X86_TRAP_PF,
  X86_TRAP_SS,
  X86_TRAP_UD,
  X86_TRAP_XF,
} from '@sandbox/abi';
import { ACCESS_EXEC, ACCESS_WRITE } from '@sandbox/platform';
import { guessAccess } from '../../mm/access-kind.js';
import {
  FAULT_ACCERR,
  FAULT_ASK,
  FAULT_BUS,
  FAULT_MAPERR,
  FAULT_OK,
  FAULT_OOM,
  FAULT_POISON,
  type FaultResult,
} from '../../mm/fault-result.js';
import type { KernelCore } from '../kernel/kernel-core.js';
import { siginfo } from '../signal/siginfo.js';
import type { Task } from '../task/task.js';
import { readTrappedCounter } from '../time/trapped-counter.js';
import { awaitMissing } from './await-page.js';
import { oomKill } from './oom.js';
import { emulateVsyscall, isVsyscall } from './vsyscall.js';

const PAGE = 4096;
const PAGE_SHIFT = 12;
const RIP = USER_REGS.rip * 2;
/** Addresses from here on belong to the kernel's half. */
const KERNEL_HALF = 2 ** 63;
/** Selector error code of `int $0x80` where the gate does not exist: IDT entry 0x80. */
const INT80_ERROR = 0x402;

/**
 * Processor exceptions of guests: memory is brought in or a signal is forced, with the numbers Linux's x86
 * traps give (arch/x86/kernel/traps.c, arch/x86/mm/fault.c).
 */
export class Faults {
  constructor(readonly kernel: KernelCore) {}

  /**
   * A memory access of the stopped `task` failed: resolve it, or force SIGSEGV or SIGBUS. False: it sleeps
   * until it may try again.
   */
  onFault(task: Task, addr: number, access: number): boolean {
    task.minflt++;
    if (addr >= KERNEL_HALF && isVsyscall(task)) {
      emulateVsyscall(task);
      return true;
    }
    if (access === 0 && task.mm.asksForAccess(addr)) access = accessOf(task, addr);
    let outcome = task.mm.handleFault(addr, access);
    if (outcome === FAULT_OK) {
      if (access !== 0 || task.mm.progressed) return true;
      outcome = this.unexplained(task, addr);
      if (outcome === FAULT_OK) return true;
    }
    if (outcome === FAULT_ASK) {
      const kind = access === 0 ? accessOf(task, addr) : access;
      return !awaitMissing(task, (kind & ACCESS_WRITE) !== 0);
    }
    if (outcome === FAULT_OOM) oomKill(this.kernel, task);
    else this.forceFault(task, addr, access === 0 ? accessOf(task, addr) : access, outcome);
    return true;
  }

  /**
   * Everything the mapping allows is there already. Either another thread brought it in while this fault was
   * on its way, then the access succeeds now; or it is one the mapping forbids, which the instruction tells,
   * or else a second failure with nothing changed.
   */
  private unexplained(task: Task, addr: number): FaultResult {
    const access = accessOf(task, addr);
    if (access !== 0 && task.mm.fault(addr, access) === FAULT_ACCERR) return FAULT_ACCERR;
    const last = task.lastFault;
    const rip = ripOf(task);
    const { generation } = task.mm.pages;
    if (last.addr === addr && last.rip === rip && last.generation === generation) {
      last.addr = -1;
      return FAULT_ACCERR;
    }
    last.addr = addr;
    last.rip = rip;
    last.generation = generation;
    return FAULT_OK;
  }

  private forceFault(task: Task, addr: number, access: number, outcome: FaultResult): void {
    const broken = outcome === FAULT_POISON;
    const bus = outcome === FAULT_BUS || broken;
    let code = bus ? BUS_ADRERR : outcome === FAULT_MAPERR ? SEGV_MAPERR : SEGV_ACCERR;
    if (broken) code = BUS_MCEERR_AR;
    const info = siginfo(bus ? SIGBUS : SIGSEGV, code);
    info.addr = addr;
    if (broken) info.addrLsb = PAGE_SHIFT;
    info.trapno = X86_TRAP_PF;
    info.errorCode = pageFaultError(task, addr, access, outcome);
    this.kernel.signals.force(task, info);
  }

  /** A processor exception other than a page fault. */
  onException(task: Task, vector: number, _addr: number): void {
    switch (vector) {
      case X86_TRAP_DE:
        this.raise(task, SIGFPE, FPE_INTDIV, vector, ripOf(task));
        break;
      case X86_TRAP_DB:
        this.raise(task, SIGTRAP, debugCode(task), vector, ripOf(task));
        break;
      case X86_TRAP_BP:
        this.raise(task, SIGTRAP, SI_KERNEL, vector, 0);
        break;
      case X86_TRAP_UD:
        this.raise(task, SIGILL, ILL_ILLOPN, vector, ripOf(task));
        break;
      case X86_TRAP_NP:
      case X86_TRAP_SS:
        this.raise(task, SIGBUS, SI_KERNEL, vector, 0);
        break;
      case X86_TRAP_MF:
      case X86_TRAP_XF:
        this.mathError(task, vector);
        break;
      case X86_TRAP_AC:
        this.raise(task, SIGBUS, BUS_ADRALN, vector, 0);
        break;
      case X86_TRAP_CP:
        this.raise(task, SIGSEGV, SEGV_CPERR, vector, 0);
        break;
      case X86_TRAP_GP:
        if (!this.kernel.clock.real && readTrappedCounter(task)) break;
        this.raise(task, SIGSEGV, SI_KERNEL, vector, 0);
        break;
      default:
        this.raise(task, SIGSEGV, SI_KERNEL, vector, 0);
        break;
    }
  }

  /**
   * `int $0x80` and `sysenter`: a kernel without 32-bit emulation has no such gates, the instruction is a
   * general protection fault.
   */
  onForeignSyscall(task: Task): void {
    this.kernel.reporter.unimplemented(task, 'int 0x80', '32-bit system calls are not offered');
    const regs = task.context.regs();
    if (regs[RIP]! < 2) regs[RIP + 1]!--;
    regs[RIP]! -= 2;
    task.context.touchRegs();
    const info = siginfo(SIGSEGV, SI_KERNEL);
    info.trapno = X86_TRAP_GP;
    info.errorCode = INT80_ERROR;
    this.kernel.signals.force(task, info);
  }

  private raise(task: Task, signal: number, code: number, vector: number, addr: number): void {
    const info = siginfo(signal, code);
    info.addr = addr;
    info.trapno = vector;
    this.kernel.signals.force(task, info);
  }

  private mathError(task: Task, vector: number): void {
    const code = mathErrorCode(task, vector);
    // Linux lets a spurious one pass.
    if (code !== 0) this.raise(task, SIGFPE, code, vector, ripOf(task));
  }
}

function ripOf(task: Task): number {
  const regs = task.context.regs();
  return regs[RIP]! + regs[RIP + 1]! * 4294967296;
}

/** What a failed access was, from the instruction at rip: a fetch of it, or how it uses memory. */
function accessOf(task: Task, addr: number): number {
  const rip = ripOf(task);
  const vma = task.mm.vmas.find(addr);
  if (isFetch(rip, addr) && (vma === null || (vma.prot & PROT_EXEC) === 0)) return ACCESS_EXEC;
  return guessAccess(task.mm, task.context.regs(), addr);
}

/** The error code the processor would have pushed. */
function pageFaultError(task: Task, addr: number, access: number, outcome: FaultResult): number {
  let error = X86_PF_USER;
  if ((access & ACCESS_WRITE) !== 0) error |= X86_PF_WRITE;
  if ((access & ACCESS_EXEC) !== 0) error |= X86_PF_INSTR;
  // Of the kernel's half every page looks present, so that its layout does not show.
  if (addr >= TASK_SIZE_MAX) return error | X86_PF_PROT;
  const vma = outcome === FAULT_ACCERR ? task.mm.vmas.find(addr) : null;
  const present = vma !== null && vma.prot !== 0 && task.mm.pages.pmas.find(addr) !== null;
  return present ? error | X86_PF_PROT : error;
}

/** The address lies in the instruction being fetched: at rip, or on the page its end reaches into. */
function isFetch(rip: number, addr: number): boolean {
  return addr === rip || (addr % PAGE === 0 && addr > rip && addr - rip < 15);
}

/** Breakpoints that were hit, and a single step (Intel SDM vol. 3, 18.2.3). */
const DR6_TRAPS = 0xf;
const DR6_STEP = 0x4000;

/**
 * `int1` (f1) is a debug exception without a debug register or single step behind it. rip is behind the
 * instruction, or (under some hypervisors) still at it.
 */
function debugCode(task: Task): number {
  const status = task.debugRegs === null ? 0 : (task.context.debugStatus ?? 0);
  if (task.debugRegs !== null) task.debugRegs.hit(status);
  if ((status & DR6_STEP) !== 0) return TRAP_TRACE;
  if ((status & DR6_TRAPS) !== 0) return TRAP_HWBKPT;
  if ((task.context.regs()[USER_REGS.eflags * 2]! & X86_EFLAGS_TF) !== 0) return TRAP_TRACE;
  const rip = ripOf(task);
  return task.mm.load8(rip - 1) === 0xf1 || task.mm.load8(rip) === 0xf1 ? TRAP_BRKPT : TRAP_TRACE;
}

/** si_code from the unmasked bits of the unit's status (fpu__exception_code). */
function mathErrorCode(task: Task, vector: number): number {
  const area = new Uint8Array(task.context.fpuSize);
  task.context.saveFpu(area, 0);
  const view = new DataView(area.buffer);
  let err: number;
  if (vector === X86_TRAP_MF) {
    err = view.getUint16(2, true) & ~view.getUint16(0, true);
  } else {
    const mxcsr = view.getUint32(24, true);
    err = ~(mxcsr >> 7) & mxcsr;
  }
  if ((err & 0x01) !== 0) return FPE_FLTINV;
  if ((err & 0x04) !== 0) return FPE_FLTDIV;
  if ((err & 0x08) !== 0) return FPE_FLTOVF;
  if ((err & 0x12) !== 0) return FPE_FLTUND;
  if ((err & 0x20) !== 0) return FPE_FLTRES;
  return 0;
}
