import {
  EFAULT,
  EINVAL,
  EIO,
  NT_PRFPREG,
  NT_PRSTATUS,
  NT_X86_XSTATE,
  TASK_SIZE_MAX,
  USER,
  USER_FPREGS,
  USER_REGS,
} from '@sandbox/abi';
import type { Task } from '../task/task.js';
import { DebugRegisters } from './debug-registers.js';

const WORDS = USER_REGS.SIZE * 2;
const REGS_BYTES = USER_REGS.SIZE * 8;
const RAX = USER_REGS.rax * 2;
const ORIG_RAX = USER_REGS.orig_rax * 2;
const USER_CS = 0x33;
const USER_DS = 0x2b;
/** Flags a tracer may set (Linux: FLAG_MASK). */
const FLAG_MASK = 0x50dd5 | 0x10000;
/**
 * Where the processor's feature mask stands in an XSAVE image given to debuggers (struct xsave: sw_reserved).
 */
const XCR0_OFFSET = 464;
/** Bytes of the kernel's struct user, which has two words more than that of programs. */
const AREA = USER.SIZE + 16;

const words = new Uint32Array(WORDS);
const bytes = new Uint8Array(words.buffer);

/**
 * The registers of a stopped tracee as struct user_regs_struct (PTRACE_GETREGS): a scratch array, valid until
 * the next call.
 */
export function userRegs(task: Task): Uint8Array {
  const { origLo, origHi } = task.tracee!;
  return generalRegs(task, origLo, origHi, task.restart);
}

/**
 * The same for any thread that does not run: orig_rax in two words, and the restart code of a call that was
 * interrupted, whose fate is decided later (0: none).
 */
export function generalRegs(task: Task, origLo: number, origHi: number, restart: number): Uint8Array {
  const regs = task.context.regs();
  words.set(regs.subarray(0, WORDS));
  words[ORIG_RAX] = origLo;
  words[ORIG_RAX + 1] = origHi;
  if (restart !== 0) {
    words[RAX] = -restart >>> 0;
    words[RAX + 1] = 0xffffffff;
  }
  setSelector(USER_REGS.cs, USER_CS);
  setSelector(USER_REGS.ss, USER_DS);
  for (const reg of [USER_REGS.ds, USER_REGS.es, USER_REGS.fs, USER_REGS.gs]) setSelector(reg, 0);
  return bytes;
}

function setSelector(reg: number, value: number): void {
  words[reg * 2] = value;
  words[reg * 2 + 1] = 0;
}

/**
 * Change the registers: the first `count` words of `src` take their places from word `first` on. -EIO for a
 * value no register may have.
 */
export function setUserRegs(task: Task, src: Uint8Array, first: number, count: number): number {
  userRegs(task);
  bytes.set(src.subarray(0, count * 8), first * 8);
  for (let i = first; i < first + count; i++) if (!isAcceptable(i)) return -EIO;
  const { context } = task;
  const tracee = task.tracee!;
  const regs = context.regs();
  const oldFlags = regs[USER_REGS.eflags * 2]!;
  tracee.origLo = words[ORIG_RAX]!;
  tracee.origHi = words[ORIG_RAX + 1]!;
  tracee.regsWritten = true;
  if (task.restart !== 0) {
    // It is restarted only if the tracer left it at that (syscall_get_nr, syscall_get_error).
    const same = words[RAX] === -task.restart >>> 0 && words[RAX + 1] === 0xffffffff;
    if (!same || (tracee.origHi & 0x80000000) !== 0) task.restart = 0;
    else task.nr = tracee.origLo | 0;
  }
  regs.set(words);
  regs[USER_REGS.eflags * 2] = (oldFlags & ~FLAG_MASK) | (words[USER_REGS.eflags * 2]! & FLAG_MASK);
  context.touchRegs();
  return 0;
}

function isAcceptable(reg: number): boolean {
  const lo = words[reg * 2]!;
  const hi = words[reg * 2 + 1]!;
  switch (reg) {
    case USER_REGS.cs:
    case USER_REGS.ss:
      return (lo & 3) === 3;
    case USER_REGS.ds:
    case USER_REGS.es:
    case USER_REGS.fs:
    case USER_REGS.gs:
      return (lo & 0xffff) === 0 || (lo & 3) === 3;
    case USER_REGS.fs_base:
    case USER_REGS.gs_base:
      return lo + hi * 4294967296 < TASK_SIZE_MAX;
    default:
      return true;
  }
}

/** PTRACE_PEEKUSR: store the word at `offset` of struct user at `dst[0..8]`; -EIO for a bad offset. */
export function peekUser(task: Task, offset: number, dst: Uint8Array): number {
  if (offset % 8 !== 0 || offset >= AREA) return -EIO;
  dst.fill(0, 0, 8);
  if (offset < REGS_BYTES) dst.set(userRegs(task).subarray(offset, offset + 8));
  else if (offset >= USER.u_debugreg && offset < USER.u_debugreg + 64) {
    const value = task.debugRegs?.get((offset - USER.u_debugreg) / 8) ?? 0;
    new DataView(dst.buffer, dst.byteOffset, 8).setUint32(0, value >>> 0, true);
    new DataView(dst.buffer, dst.byteOffset, 8).setUint32(4, Math.floor(value / 4294967296), true);
  }
  return 0;
}

/** PTRACE_POKEUSR: EIO for a bad offset or value. */
export function pokeUser(task: Task, offset: number, lo: number, hi: number): number {
  if (offset % 8 !== 0 || offset >= AREA) return -EIO;
  if (offset < REGS_BYTES) {
    const src = new Uint8Array(8);
    const view = new DataView(src.buffer);
    view.setUint32(0, lo, true);
    view.setUint32(4, hi, true);
    return setUserRegs(task, src, offset / 8, 1);
  }
  if (offset < USER.u_debugreg || offset >= USER.u_debugreg + 64) return -EIO;
  task.debugRegs ??= new DebugRegisters();
  return task.debugRegs.set(task.context, (offset - USER.u_debugreg) / 8, lo + hi * 4294967296);
}

/** A register set in the form of a core file's note. */
export interface RegSet {
  /** Bytes of a member: lengths are multiples. */
  readonly unit: number;
  size(task: Task): number;
  get(task: Task): Uint8Array;
  /** 0, -EIO, -EINVAL. `length` bytes from the start. */
  set(task: Task, src: Uint8Array, length: number): number;
}

let image = new Uint8Array(4096);

function fpuImage(task: Task): Uint8Array {
  const size = task.context.fpuSize;
  if (image.length < size) image = new Uint8Array(size);
  task.context.saveFpu(image, 0);
  return image;
}

const GENERAL: RegSet = {
  unit: 8,
  size: () => REGS_BYTES,
  get: userRegs,
  set: (task, src, length) => setUserRegs(task, src, 0, length / 8),
};

const FLOATING: RegSet = {
  unit: 8,
  size: () => USER_FPREGS.SIZE,
  get(task) {
    const area = fpuImage(task);
    area.fill(0, XCR0_OFFSET, USER_FPREGS.SIZE);
    return area;
  },
  set(task, src, length) {
    if (length !== USER_FPREGS.SIZE) return -EINVAL;
    const { context } = task;
    const area = fpuImage(task);
    area.set(src.subarray(0, USER_FPREGS.SIZE));
    const view = new DataView(area.buffer);
    if (context.fpuSize > USER_FPREGS.SIZE) view.setUint32(512, view.getUint32(512, true) | 3, true);
    return context.loadFpu(area, 0, context.fpuSize) ? 0 : -EINVAL;
  },
};

const EXTENDED: RegSet = {
  unit: 8,
  size: (task) => task.context.fpuSize,
  get(task) {
    const area = fpuImage(task);
    area.fill(0, XCR0_OFFSET, USER_FPREGS.SIZE);
    new DataView(area.buffer).setUint32(XCR0_OFFSET, task.context.xfeatures, true);
    return area;
  },
  set(task, src, length) {
    // Partial images are refused (xstateregs_set).
    if (length !== task.context.fpuSize) return -EFAULT;
    const view = new DataView(src.buffer, src.byteOffset, length);
    if ((view.getUint32(512, true) & ~task.context.xfeatures) !== 0) return -EINVAL;
    return task.context.loadFpu(src, 0, length) ? 0 : -EINVAL;
  },
};

/** The register set NT_* names: null when there is none of it. */
export function regSet(task: Task, type: number): RegSet | null {
  switch (type) {
    case NT_PRSTATUS:
      return GENERAL;
    case NT_PRFPREG:
      return FLOATING;
    case NT_X86_XSTATE:
      return task.context.fpuSize > USER_FPREGS.SIZE ? EXTENDED : null;
    default:
      return null;
  }
}
