import {
  ADDR_NO_RANDOMIZE,
  BINPRM_BUF_SIZE,
  EACCES,
  EAGAIN,
  ELIBBAD,
  ELOOP,
  ENOENT,
  ENOEXEC,
  ERESTARTNOINTR,
  PER_CLEAR_ON_SETID,
  RLIMIT_STACK,
  RT_SIGFRAME,
  SIGSEGV,
  SYS_rseq,
  USER_REGS,
} from '@sandbox/abi';
import { type File, releaseFile } from '@sandbox/vfs';
import { BLOCKED, NO_RESULT } from '../../call/result.js';
import { pageCeil } from '../../mm/layout.js';
import { MemoryManager } from '../../mm/memory-manager.js';
import { tellIds } from '../cred/change.js';
import { ALL_EVENTS } from '../files/events.js';
import { inOwnTime } from '../ns/make.js';
import { fpuFrameSize } from '../signal/fpu-frame.js';
import { setUserDispatch } from '../signal/user-dispatch.js';
import { withdrawAnswers } from '../task/answers.js';
import { awaitPermission } from '../task/await-permission.js';
import { killOtherThreads, releaseUserState } from '../task/exit.js';
import type { Task } from '../task/task.js';
import { checkArgumentSpace } from './arguments.js';
import { type ElfHeaders, isElf, parseElf } from './elf.js';
import { type ExecCred, execCred } from './exec-cred.js';
import { hostHwcap } from './hwcap.host.js';
import { type MappedElf, mapElf } from './map-elf.js';
import { isReadable, openInterpreter, readerOf, readHead } from './open-exec.js';
import { isScript, parseScript } from './script.js';
import { buildAux, buildStack } from './stack.js';
import { clockPage, mapVdso } from './vdso-mapping.js';

/** Scripts may name scripts as interpreters, this deep (exec_binprm). */
export const MAX_DEPTH = 5;
const DEFAULT_STACK = 8 * 1024 * 1024;
const EFLAGS = 0x202;

/** What is to be executed. */
export interface ExecRequest {
  /** The program, opened by `openExec`; execve takes the reference over. */
  readonly file: File;
  /** Its path as given, or /dev/fd/N/...: AT_EXECFN and what scripts get as argument. */
  readonly filename: string;
  readonly argv: readonly string[];
  readonly envp: readonly string[];
  /** The path stops working with the exec (a descriptor with O_CLOEXEC): no script can be run through it. */
  readonly inaccessible: boolean;
}

/** A program that passed all checks: from here on nothing is the caller's fault. */
class Program {
  file: File;
  readonly filename: string;
  /** Name the interpreter is told: the script, or the program itself. */
  interp: string;
  argv: string[];
  readonly envp: readonly string[];
  elf!: ElfHeaders;
  loader: File | null = null;
  loaderElf: ElfHeaders | null = null;
  cred!: ExecCred;
  readable = true;
  /** The file whose content is not there yet. */
  awaited: File | null = null;
  /** A listener is asked whether it may be run (fanotify(7)). */
  asking = false;

  constructor(request: ExecRequest) {
    this.file = request.file;
    this.filename = request.filename;
    this.interp = request.filename;
    // Linux gives a program at least one argument, if an empty one.
    this.argv = request.argv.length > 0 ? [...request.argv] : [''];
    this.envp = request.envp;
  }

  release(): void {
    releaseFile(this.file);
    if (this.loader) releaseFile(this.loader);
    this.loader = null;
  }
}

/**
 * execve(2): replace the program of `task`. NO_RESULT when done (or when the process is being killed for want
 * of memory halfway), BLOCKED while other threads end (the handler runs again), or -errno with the old
 * program intact: ENOEXEC, ELIBBAD, ELOOP, E2BIG, ENOENT, EACCES, ETXTBSY, EIO, EAGAIN.
 */
export function execve(task: Task, request: ExecRequest): number {
  const program = new Program(request);
  let r = prepare(task, program, request.inaccessible);
  if (r < 0 && program.asking) {
    program.release();
    return awaitPermission(task);
  }
  if (r < 0 && program.awaited !== null) return waitForProgram(task, program, program.awaited);
  if (r === 0) r = killOtherThreads(task);
  if (r !== 0) {
    if (r !== BLOCKED && task.group.execTask === task) task.group.execTask = null;
    program.release();
    return r;
  }
  if (task.formerTid === 0) task.formerTid = task.tid;
  leaveOldProgram(task);
  finish(task, program);
  return NO_RESULT;
}

/** For a task that has no program yet: 0 or -errno. */
export function execFirst(task: Task, request: ExecRequest): number {
  const program = new Program(request);
  const r = prepare(task, program, request.inaccessible);
  if (r !== 0) {
    program.release();
    return r;
  }
  const loaded = load(task, program);
  if (loaded < 0) {
    program.release();
    return loaded;
  }
  become(task, program);
  program.release();
  return 0;
}

/**
 * Everything that can fail without harm: scripts, headers, the dynamic loader, limits, credentials. 0 or
 * -errno.
 */
function prepare(task: Task, program: Program, inaccessible: boolean): number {
  program.readable = isReadable(task, program.file);
  for (let depth = 0; ; depth++) {
    if (depth > MAX_DEPTH) return -ELOOP;
    const space = checkArgumentSpace(task.group.limits, program.argv, program.envp, program.filename);
    if (space < 0) return space;
    const there = bringIn(task, program, program.file);
    if (there < 0) return there;
    const head = readHead(program.file, BINPRM_BUF_SIZE);
    if (typeof head === 'number') return head;
    if (isElf(head)) {
      const r = prepareElf(task, program, head);
      if (r < 0) return r;
      break;
    }
    if (!isScript(head)) return -ENOEXEC;
    const r = enterScript(task, program, head, inaccessible);
    if (r < 0) return r;
  }
  const cred = execCred(task.cred, program.file, {
    tracer: task.tracee?.tracer.cred ?? null,
    shared: sharesPlace(task),
  });
  if (typeof cred === 'number') return cred;
  program.cred = cred;
  return 0;
}

/** Files of an embedder's (jsfs) may come later: -EAGAIN, and the call waits. */
function bringIn(task: Task, program: Program, file: File): number {
  if (file.opening !== null) {
    const allowed = task.kernel.vfs.finishOpening(file);
    if (allowed === -EAGAIN) program.asking = true;
    if (allowed !== 0) return allowed;
  }
  const r = file.prefetch(0, file.inode.size);
  if (r === -EAGAIN) program.awaited = file;
  return r;
}

function waitForProgram(task: Task, program: Program, file: File): number {
  file.refs++;
  task.wait.holdContent(file);
  program.release();
  return task.sleep(file.waitQueue, ALL_EVENTS, -ERESTARTNOINTR);
}

/** Does somebody outside the process share its root and working directory (CLONE_FS without CLONE_THREAD)? */
function sharesPlace(task: Task): boolean {
  let own = 0;
  for (const t of task.group.tasks) if (t.fs === task.fs) own++;
  return task.fs.users > Math.max(own, 1);
}

/** The script's interpreter takes the program's place. 0 or -errno. */
function enterScript(task: Task, program: Program, head: Uint8Array, inaccessible: boolean): number {
  const line = parseScript(head);
  if (typeof line === 'number') return line;
  if (inaccessible) return -ENOENT;
  // The empty path is the working directory here, which is no program.
  if (line.interpreter === '') return -EACCES;
  const interpreter = openInterpreter(task, line.interpreter);
  if (typeof interpreter === 'number') return interpreter;
  const before = line.argument === null ? [line.interpreter] : [line.interpreter, line.argument];
  program.argv.splice(0, 1, ...before, program.interp);
  program.interp = line.interpreter;
  releaseFile(program.file);
  program.file = interpreter;
  if (!isReadable(task, interpreter)) program.readable = false;
  return 0;
}

function prepareElf(task: Task, program: Program, head: Uint8Array): number {
  if (program.file.mappable === null) return -ENOEXEC;
  const elf = parseElf(head, readerOf(program.file));
  if (typeof elf === 'number') return elf;
  program.elf = elf;
  if (elf.interpreter === null) return 0;
  const loader = openInterpreter(task, elf.interpreter);
  if (typeof loader === 'number') return loader;
  program.loader = loader;
  if (!isReadable(task, loader)) program.readable = false;
  const there = bringIn(task, program, loader);
  if (there < 0) return there;
  const loaderHead = readHead(loader, BINPRM_BUF_SIZE);
  if (typeof loaderHead === 'number') return loaderHead;
  const loaderElf = parseElf(loaderHead, readerOf(loader), true);
  if (typeof loaderElf === 'number') return loaderElf;
  if (loader.mappable === null) return -ELIBBAD;
  program.loaderElf = loaderElf;
  return 0;
}

/** The point of no return: the old memory goes. */
function leaveOldProgram(task: Task): void {
  for (const hook of task.kernel.hooks.exec) hook(task);
  releaseUserState(task);
  task.robustList = 0;
  const old = task.mm;
  task.context.renewAddressSpace();
  task.debugRegs = null;
  withdrawAnswers(task);
  task.mm = new MemoryManager(task.kernel, task.context.addressSpace, task.group.limits);
  task.mm.settings.inherit(old.settings);
  task.nsSet = inOwnTime(task.nsSet);
  old.dropUser();
}

function finish(task: Task, program: Program): void {
  if (load(task, program) < 0) task.kernel.signals.forceFatal(task, SIGSEGV);
  else {
    become(task, program);
    for (const watcher of task.kernel.hooks.watchers) watcher.execed?.(task);
  }
  program.release();
}

/** Map the program into the task's new, empty memory and set the registers. 0 or -errno. */
function load(task: Task, program: Program): number {
  const { kernel, mm } = task;
  const { elf, cred } = program;
  if (cred.secure && task.group.limits.soft[RLIMIT_STACK]! > DEFAULT_STACK) {
    task.group.limits.soft[RLIMIT_STACK] = DEFAULT_STACK;
  }
  if (cred.changed) task.personality &= ~PER_CLEAR_ON_SETID;
  mm.layout.setUp(kernel.random, mm.limits, (task.personality & ADDR_NO_RANDOMIZE) === 0);
  mm.exec.setExeFile(program.file);
  const pie = elf.dynamic && program.loader !== null;
  const main = mapElf(mm, program.file, elf, pie ? mm.layout.pieBase(kernel.random) : 0);
  if (typeof main === 'number') return main;
  let entry = main.entry;
  let base = 0;
  if (program.loader !== null) {
    const loader = mapElf(mm, program.loader, program.loaderElf!, 0, true);
    if (typeof loader === 'number') return loader;
    entry = loader.entry;
    base = loader.bias;
  }
  if (entry >= mm.layout.max) return -ENOEXEC;
  recordLayout(task, program, main);
  const clocks = clockPage(kernel.vdso, task.nsSet.time);
  const vdso = clocks === null ? 0 : mapVdso(mm, kernel.vdso, clocks);
  const sp = makeInitialStack(task, program, main, base, Math.max(0, vdso));
  if (sp < 0) return sp;
  setRegisters(task, entry, sp);
  return 0;
}

function recordLayout(task: Task, program: Program, main: MappedElf): void {
  const { mm, kernel } = task;
  const x = mm.exec;
  x.startCode = main.startCode;
  x.endCode = main.endCode;
  x.startData = main.startData;
  x.endData = main.endData;
  // A static position-independent program lies among the mappings: its heap goes where other programs have
  // theirs.
  const behind = program.elf.dynamic && program.loader === null ? mm.layout.pieBase(kernel.random) : main.brk;
  x.startBrk = mm.layout.randomBrk(kernel.random, pageCeil(behind));
  x.brk = x.startBrk;
}

function makeInitialStack(task: Task, program: Program, main: MappedElf, base: number, vdso: number): number {
  const { cred, secure } = program.cred;
  const { hwcap, hwcap2 } = hostHwcap();
  const aux = buildAux({
    vdso,
    minSigStack: pageMultiple(RT_SIGFRAME.SIZE + fpuFrameSize(task.context.fpuSize) + 64 + 16, 16),
    hwcap,
    hwcap2,
    phdr: main.phdr,
    phnum: program.elf.phnum,
    base,
    entry: main.entry,
    uid: cred.uid,
    euid: cred.euid,
    gid: cred.gid,
    egid: cred.egid,
    secure,
    rseq: task.kernel.syscalls.row(SYS_rseq) !== null,
  });
  return buildStack(task.mm, {
    argv: program.argv,
    envp: program.envp,
    filename: program.filename,
    executable: program.elf.execStack === true,
    aux,
  });
}

function pageMultiple(n: number, unit: number): number {
  return Math.ceil(n / unit) * unit;
}

/** As start_thread: all zero but rip, rsp and flags. */
function setRegisters(task: Task, entry: number, sp: number): void {
  const regs = task.context.regs();
  regs.fill(0);
  regs[USER_REGS.rip * 2] = entry >>> 0;
  regs[USER_REGS.rip * 2 + 1] = Math.floor(entry / 4294967296);
  regs[USER_REGS.rsp * 2] = sp >>> 0;
  regs[USER_REGS.rsp * 2 + 1] = Math.floor(sp / 4294967296);
  regs[USER_REGS.eflags * 2] = EFLAGS;
  task.context.touchRegs();
}

/** The rest of the task's state takes the form a new program finds (begin_new_exec, setup_new_exec). */
function become(task: Task, program: Program): void {
  const { group } = task;
  const { cred, secure } = program.cred;
  if (task.files.users > 1) {
    const files = task.files.clone();
    task.files.users--;
    task.files = files;
  }
  task.files.closeOnExec();
  task.kernel.signals.execReset(task);
  const plain = cred.euid === cred.uid && cred.egid === cred.gid;
  const old = task.cred;
  const gained = ((cred.permittedLo & ~old.permittedLo) | (cred.permittedHi & ~old.permittedHi)) !== 0;
  group.dumpable = program.readable && plain && !gained ? 1 : 0;
  if (secure) task.pdeathsig = 0;
  task.cred = cred;
  if (old !== cred) tellIds(task, old);
  task.comm = baseName(program.filename).slice(0, 15);
  group.exePath = exePathOf(task, program);
  group.didExec = true;
  setUserDispatch(task, null);
  task.execTrap = task.tracee !== null;
  task.kernel.signals.recompute(task);
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function exePathOf(task: Task, program: Program): string {
  const { path } = program.file;
  return path === null ? program.file.label : task.kernel.vfs.pathText(task.fs, path);
}
