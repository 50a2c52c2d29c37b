import { RLIMIT_SIGPENDING } from '@sandbox/abi';
import type { Cred } from '../../process/cred/cred.js';
import type { PidNumbers } from '../../process/kernel/pid-table.js';
import { INITIAL_USER_NS } from '../../process/ns/user-ns.js';
import type { Task } from '../../process/task/task.js';
import type { Content } from '../../pseudo/text.js';
import { cpuListText, cpuMaskText, escapeText, hex64, kib, sigsetText, ulong } from './format.js';
import type { ProcSubject } from './subject.js';
import { codeBytes, commOf, ignoredAndCaught, residentKinds, stateLetter } from './task-stat.js';

const STATE_NAMES: Readonly<Record<string, string>> = {
  R: 'R (running)',
  S: 'S (sleeping)',
  T: 'T (stopped)',
  t: 't (tracing stop)',
  Z: 'Z (zombie)',
  X: 'X (dead)',
};
/** Memory nodes a mask has room for. */
const NODE_GROUPS = 32;
const NODE_MASK = `${'00000000,'.repeat(NODE_GROUPS - 1)}00000001`;
const ROOT_IDS = '0\t0\t0\t0';

function identity(s: ProcSubject): string {
  const { task, group } = s;
  const cred = task?.cred ?? null;
  const { uids: u, gids: g } = s.kernel.current?.cred.userNs ?? INITIAL_USER_NS;
  const ids = (c: Cred): [string, string] => [
    `${u.show(c.uid)}\t${u.show(c.euid)}\t${u.show(c.suid)}\t${u.show(c.fsuid)}`,
    `${g.show(c.gid)}\t${g.show(c.egid)}\t${g.show(c.sgid)}\t${g.show(c.fsgid)}`,
  ];
  const [uids, gids] = cred === null ? [ROOT_IDS, ROOT_IDS] : ids(cred);
  const fdSize = task === null || s.mm === null ? 0 : fdTableSize(task);
  const groups = cred === null ? '' : cred.groups.map((id) => `${g.show(id)} `).join('');
  return (
    `Name:\t${escapeText(commOf(s), /[\n\\]/g)}\n` +
    (s.mm === null || task === null ? '' : `Umask:\t${task.fs.umask.toString(8).padStart(4, '0')}\n`) +
    `State:\t${STATE_NAMES[stateLetter(s)]}\nTgid:\t${group.pidFor(s)}\nNgid:\t0\nPid:\t${s.id}\n` +
    `PPid:\t${group.parent?.pidFor(s) ?? 0}\nTracerPid:\t${task?.tracee?.tracer.pidFor(s) ?? 0}\nUid:\t${uids}\nGid:\t${gids}\n` +
    `FDSize:\t${fdSize}\nGroups:\t${groups === '' ? ' ' : groups}\n` +
    `NStgid:\t${numbers(s, group.pid, group)}\nNSpid:\t${task === null ? s.id : numbers(s, task.tid, task)}\n` +
    `NSpgid:\t${numbers(s, group.processGroup.pgid, group.processGroup)}\nNSsid:\t${numbers(s, group.session.sid, group.session)}\n` +
    'Kthread:\t0\n'
  );
}

/** Numbers from the namespace shown down to its own (NSpid and its kin). */
function numbers(s: ProcSubject, first: number, of: PidNumbers): string {
  return of.ids === null ? String(first) : of.ids.slice(s.pids.level).join('\t');
}

/** Slots of the descriptor table: Linux grows it from 64 in powers of two. */
function fdTableSize(task: Task): number {
  let size = 64;
  while (size < task.files.size) size *= 2;
  return size;
}

function memory(s: ProcSubject): string {
  const { mm } = s;
  if (mm === null) return '';
  const { anon, file, shared } = residentKinds(s);
  const resident = anon + file + shared;
  const code = codeBytes(s);
  return (
    `VmPeak:\t${kib(Math.max(mm.peakVm, mm.totalVm))}\nVmSize:\t${kib(mm.totalVm)}\nVmLck:\t${kib(mm.lockedVm)}\n` +
    `VmPin:\t${kib(0)}\nVmHWM:\t${kib(Math.max(mm.peakRss, resident))}\nVmRSS:\t${kib(resident)}\n` +
    `RssAnon:\t${kib(anon)}\nRssFile:\t${kib(file)}\nRssShmem:\t${kib(shared)}\n` +
    `VmData:\t${kib(mm.dataVm)}\nVmStk:\t${kib(mm.stackVm)}\nVmExe:\t${kib(code)}\n` +
    `VmLib:\t${kib(Math.max(mm.execVm - code, 0))}\nVmPTE:\t${kib(0)}\nVmSwap:\t${kib(0)}\n` +
    `HugetlbPages:\t${kib(0)}\nCoreDumping:\t0\nTHP_enabled:\t1\nuntag_mask:\t0xffffffffffffffff\n`
  );
}

function signals(s: ProcSubject): string {
  const { task, group } = s;
  const shared = group.signals;
  const { ignored, caught } = ignoredAndCaught(shared.handlers);
  const none = hex64(0, 0);
  const queued = task === null ? 0 : s.kernel.signals.accounts.count(task.cred.uid);
  return (
    `Threads:\t${Math.max(group.tasks.length, 1)}\nSigQ:\t${queued}/${ulong(group.limits.soft[RLIMIT_SIGPENDING]!)}\n` +
    `SigPnd:\t${task === null ? none : sigsetText(task.signals.pending.set)}\n` +
    `ShdPnd:\t${sigsetText(shared.pending.set)}\n` +
    `SigBlk:\t${task === null ? none : sigsetText(task.signals.blocked)}\n` +
    `SigIgn:\t${sigsetText(ignored)}\nSigCgt:\t${sigsetText(caught)}\n`
  );
}

function capabilities(s: ProcSubject): string {
  const c = s.task?.cred;
  const full = hex64(0xffffffff, 0x1ff);
  const none = hex64(0, 0);
  return (
    `CapInh:\t${c ? hex64(c.inheritableLo, c.inheritableHi) : none}\n` +
    `CapPrm:\t${c ? hex64(c.permittedLo, c.permittedHi) : full}\n` +
    `CapEff:\t${c ? hex64(c.effectiveLo, c.effectiveHi) : full}\n` +
    `CapBnd:\t${c ? hex64(c.boundingLo, c.boundingHi) : full}\n` +
    `CapAmb:\t${c ? hex64(c.ambientLo, c.ambientHi) : none}\n` +
    `NoNewPrivs:\t${c?.noNewPrivs ? 1 : 0}\nSeccomp:\t${s.task?.seccompMode ?? 0}\nSeccomp_filters:\t${s.task?.seccomp?.depth ?? 0}\n`
  );
}

/** /proc/PID/status */
export function statusText(s: ProcSubject): Content {
  const { cpus } = s.kernel;
  const { task } = s;
  const mask = task?.attributes.affinity ?? 0xffffffff;
  return (
    `${identity(s)}${memory(s)}${signals(s)}${capabilities(s)}` +
    'Speculation_Store_Bypass:\tunknown\nSpeculationIndirectBranch:\tunsupported\n' +
    `Cpus_allowed:\t${cpuMaskText(mask, cpus)}\nCpus_allowed_list:\t${cpuListText(mask, cpus)}\n` +
    `Mems_allowed:\t${NODE_MASK}\nMems_allowed_list:\t0\n` +
    `voluntary_ctxt_switches:\t${task?.nvcsw ?? 0}\nnonvoluntary_ctxt_switches:\t${task?.nivcsw ?? 0}\n`
  );
}
