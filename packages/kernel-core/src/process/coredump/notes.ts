import {
  ELF_PRARGSZ,
  ELF_PRPSINFO,
  ELF_PRSTATUS,
  ERESTARTSYS,
  NT_AUXV,
  NT_FILE,
  NT_PRFPREG,
  NT_PRPSINFO,
  NT_PRSTATUS,
  NT_SIGINFO,
  NT_X86_XSTATE,
  SI_MAX_SIZE,
  USER_FPREGS,
} from '@sandbox/abi';
import { generalRegs, regSet } from '../ptrace/area.js';
import type { SigInfo } from '../signal/siginfo.js';
import { writeSiginfo } from '../signal/siginfo-layout.js';
import { taskSystemTime, taskUserTime } from '../task/cputime.js';
import type { Task } from '../task/task.js';
import { TASK_BLOCKED } from '../task/task-state.js';

const PAGE = 4096;
/** Longest list of file names (Linux: MAX_FILE_NOTE_SIZE). */
const FILE_NOTE_MAX = 4 * 1024 * 1024;

/** One note: name, type and content, each padded to four bytes. */
function note(name: string, type: number, content: Uint8Array): Buffer {
  const padded = (n: number): number => Math.ceil(n / 4) * 4;
  const nameSize = name.length + 1;
  const b = Buffer.alloc(12 + padded(nameSize) + padded(content.length));
  b.writeUInt32LE(nameSize, 0);
  b.writeUInt32LE(content.length, 4);
  b.writeUInt32LE(type, 8);
  b.write(name, 12, 'latin1');
  b.set(content, 12 + padded(nameSize));
  return b;
}

function writeTimeval(b: Buffer, at: number, ns: number): void {
  b.writeUInt32LE(Math.floor(ns / 1e9), at);
  b.writeUInt32LE(Math.floor((ns % 1e9) / 1000), at + 8);
}

/** struct elf_prstatus: what a thread was doing. */
function prstatus(task: Task, sig: number): Buffer {
  const b = Buffer.alloc(ELF_PRSTATUS.SIZE);
  const { group, signals } = task;
  b.writeInt32LE(sig, ELF_PRSTATUS.pr_info);
  b.writeInt16LE(sig, ELF_PRSTATUS.pr_cursig);
  b.writeUInt32LE(signals.pending.set.lo >>> 0, ELF_PRSTATUS.pr_sigpend);
  b.writeUInt32LE(signals.pending.set.hi >>> 0, ELF_PRSTATUS.pr_sigpend + 4);
  b.writeUInt32LE(signals.blocked.lo >>> 0, ELF_PRSTATUS.pr_sighold);
  b.writeUInt32LE(signals.blocked.hi >>> 0, ELF_PRSTATUS.pr_sighold + 4);
  b.writeInt32LE(task.tidFor(task), ELF_PRSTATUS.pr_pid);
  b.writeInt32LE(group.parent?.pidFor(task) ?? 0, ELF_PRSTATUS.pr_ppid);
  b.writeInt32LE(task.pids.numberOf(group.processGroup.pgid, group.processGroup), ELF_PRSTATUS.pr_pgrp);
  b.writeInt32LE(task.pids.numberOf(group.session.sid, group.session), ELF_PRSTATUS.pr_sid);
  writeTimeval(b, ELF_PRSTATUS.pr_utime, taskUserTime(task));
  writeTimeval(b, ELF_PRSTATUS.pr_stime, taskSystemTime(task));
  writeTimeval(b, ELF_PRSTATUS.pr_cutime, group.childUtime);
  writeTimeval(b, ELF_PRSTATUS.pr_cstime, group.childStime);
  // A thread taken out of a call shows its number, and that it was interrupted.
  const pending = task.restart !== 0 ? task.restart : task.state === TASK_BLOCKED ? ERESTARTSYS : 0;
  const nr = task.nr;
  b.set(generalRegs(task, nr >>> 0, nr < 0 ? 0xffffffff : 0, pending), ELF_PRSTATUS.pr_reg);
  b.writeInt32LE(1, ELF_PRSTATUS.pr_fpvalid);
  return b;
}

/** struct elf_prpsinfo: the process, and the beginning of its command line. */
function prpsinfo(task: Task): Buffer {
  const b = Buffer.alloc(ELF_PRPSINFO.SIZE);
  const { group, cred, mm } = task;
  b.write('R', ELF_PRPSINFO.pr_sname, 'latin1');
  b.writeInt8(task.attributes.nice, ELF_PRPSINFO.pr_nice);
  b.writeUInt32LE(cred.userNs.uids.show(cred.uid), ELF_PRPSINFO.pr_uid);
  b.writeUInt32LE(cred.userNs.gids.show(cred.gid), ELF_PRPSINFO.pr_gid);
  b.writeInt32LE(group.pidFor(task), ELF_PRPSINFO.pr_pid);
  b.writeInt32LE(group.parent?.pidFor(task) ?? 0, ELF_PRPSINFO.pr_ppid);
  b.writeInt32LE(task.pids.numberOf(group.processGroup.pgid, group.processGroup), ELF_PRPSINFO.pr_pgrp);
  b.writeInt32LE(task.pids.numberOf(group.session.sid, group.session), ELF_PRPSINFO.pr_sid);
  b.write(group.leader.comm.slice(0, 15), ELF_PRPSINFO.pr_fname, 'latin1');
  const { argStart, argEnd } = mm.exec;
  const length = Math.min(argEnd - argStart, ELF_PRARGSZ - 1);
  const args = new Uint8Array(Math.max(0, length));
  const n = mm.copyInPartial(argStart, args, 0, args.length);
  for (let i = 0; i < n; i++) b[ELF_PRPSINFO.pr_psargs + i] = args[i] === 0 ? 0x20 : args[i]!;
  return b;
}

/** NT_FILE: which files are mapped where. */
function files(task: Task): Buffer {
  const rows: number[][] = [];
  const names: Buffer[] = [];
  let size = 16;
  for (let vma = task.mm.vmas.first; vma !== null; vma = vma.next) {
    const { file } = vma;
    if (file?.path == null) continue;
    const name = Buffer.from(`${task.kernel.vfs.pathText(task.fs, file.path)}\0`, 'latin1');
    size += 24 + name.length;
    if (size > FILE_NOTE_MAX) break;
    rows.push([vma.start, vma.end, vma.offset / PAGE]);
    names.push(name);
  }
  const head = Buffer.alloc(16 + rows.length * 24);
  const put = (value: number, at: number): void => {
    head.writeBigUInt64LE(BigInt(value), at);
  };
  put(rows.length, 0);
  put(PAGE, 8);
  for (const [i, r] of rows.entries()) for (let k = 0; k < 3; k++) put(r[k]!, 16 + i * 24 + k * 8);
  return Buffer.concat([head, ...names]);
}

function registers(task: Task): Buffer[] {
  const floating = regSet(task, NT_PRFPREG)!.get(task).slice(0, USER_FPREGS.SIZE);
  const notes = [note('CORE', NT_PRFPREG, floating)];
  const extended = regSet(task, NT_X86_XSTATE);
  if (extended !== null) {
    const image = extended.get(task).slice(0, extended.size(task));
    notes.push(note('LINUX', NT_X86_XSTATE, image));
  }
  return notes;
}

/**
 * The notes of a dump, in Linux's order: the thread that got the signal, the process, then the other threads
 * (core(5); elf_core_dump).
 */
export function coreNotes(task: Task, info: SigInfo): Buffer {
  const siginfo = Buffer.alloc(SI_MAX_SIZE);
  writeSiginfo(new DataView(siginfo.buffer, siginfo.byteOffset, SI_MAX_SIZE), 0, info);
  const notes = [
    note('CORE', NT_PRSTATUS, prstatus(task, info.signo)),
    note('CORE', NT_PRPSINFO, prpsinfo(task)),
    note('CORE', NT_SIGINFO, siginfo),
    note('CORE', NT_AUXV, task.mm.exec.auxv),
    note('CORE', NT_FILE, files(task)),
    ...registers(task),
  ];
  for (const other of task.group.tasks) {
    if (other === task) continue;
    notes.push(note('CORE', NT_PRSTATUS, prstatus(other, info.signo)), ...registers(other));
  }
  return Buffer.concat(notes);
}
