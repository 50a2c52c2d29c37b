import { CAP_SYS_ADMIN, DT_DIR, EINVAL, ENOENT, EPERM, ESRCH, S_IFDIR, S_IFLNK, S_IFREG } from '@sandbox/abi';
import type { Credentials, DirEmitter, Inode, Path } from '@sandbox/vfs';
import { Cred } from '../../process/cred/cred.js';
import { mapText, writeMap, writeSetgroups } from '../../process/ns/map-file.js';
import { INITIAL_USER_NS, type UserNamespace } from '../../process/ns/user-ns.js';
import { withdrawAllAnswers } from '../../process/task/answers.js';
import { TASK_ZOMBIE } from '../../process/task/task-state.js';
import { direntType } from '../../pseudo/inode.js';
import type { Content } from '../../pseudo/text.js';
import { FdDir, FdInfoDir, numberOf } from './fd-dir.js';
import { hex } from './format.js';
import { mapsText } from './maps.js';
import { MemInode, PagemapInode } from './mem-file.js';
import { MountsInode, mountstatsText } from './mounts.js';
import { NsDir } from './namespaces.js';
import { netDir } from './net.js';
import { placeText } from './paths.js';
import type { ProcFs } from './procfs.js';
import { numaMapsText, smapsRollupText, smapsText } from './smaps.js';
import { ProcSubject } from './subject.js';
import {
  childrenText,
  commText,
  coredumpFilterText,
  ioText,
  limitsText,
  oomAdjText,
  oomScoreAdjText,
  oomScoreText,
  schedstatText,
  schedText,
  setComm,
  setCoredumpFilter,
  setOomAdj,
  setOomScoreAdj,
  setTimerSlack,
  syscallText,
  timerSlackText,
  wchanText,
} from './task-files.js';
import {
  type TaskContent,
  TaskDirectory,
  type TaskInode,
  TaskLink,
  type TaskStore,
  TaskText,
} from './task-inodes.js';
import { auxvText, cmdlineText, environText } from './task-memory.js';
import { statmText, statText } from './task-stat.js';
import { statusText } from './task-status.js';
import { setTimeOffsets, timeOffsetsText } from './time-offsets.js';

/** In directories of processes, of threads, or both. */
const PROCESS = 1;
const THREAD = 2;
const BOTH = PROCESS | THREAD;

interface Entry {
  readonly name: string;
  readonly mode: number;
  readonly where: number;
  readonly make: (fs: ProcFs, s: ProcSubject) => Inode;
}

function text(
  name: string,
  mode: number,
  make: TaskContent,
  options: { guarded?: boolean; take?: TaskStore; where?: number; plain?: boolean } = {},
): Entry {
  const { guarded = false, take = null, where = BOTH, plain = false } = options;
  return {
    name,
    mode: S_IFREG | mode,
    where,
    make: (fs, s) => new TaskText(fs, mode, s, make, guarded, take, plain),
  };
}

function node(name: string, mode: number, make: Entry['make'], where = BOTH): Entry {
  return { name, mode, where, make };
}

const constant = (t: string) => (): Content => t;
const GUARDED = { guarded: true };
const GUARDED_PLAIN = { guarded: true, plain: true };

function userNsOf(s: ProcSubject): UserNamespace {
  return s.task?.cred.userNs ?? INITIAL_USER_NS;
}

function storeMap(
  s: ProcSubject,
  which: 'uids' | 'gids' | 'projids',
  map: string,
  offset: number,
  cred: Credentials,
): number {
  if (!(cred instanceof Cred)) return -EPERM;
  // From now on its processes see other ids.
  withdrawAllAnswers(s.kernel);
  return writeMap(userNsOf(s), which, map, offset, cred);
}

function idMap(name: string, which: 'uids' | 'gids' | 'projids'): Entry {
  return text(
    name,
    0o644,
    (s) => mapText(userNsOf(s), which, s.kernel.current?.cred.userNs ?? INITIAL_USER_NS),
    {
      take: (s, map, offset, cred) => storeMap(s, which, map, offset, cred),
    },
  );
}

/** cgroups(7), as the reader's namespace has it. Of process 1 the root is shown. */
function cgroupText(s: ProcSubject): Content {
  const { cgroups, currentNs } = s.kernel;
  const { root } = currentNs.cgroup;
  const cgroup = s.task?.cgroup ?? cgroups.root;
  return `0::${cgroup.pathFrom(root)}${cgroup.dead ? ' (deleted)' : ''}\n`;
}

/**
 * Refused as to everybody without CAP_SYS_ADMIN; with it there is nothing to show: guests have no kernel
 * stacks.
 */
function stackText(s: ProcSubject): Content {
  return s.kernel.current?.cred.capable(CAP_SYS_ADMIN) === false ? -EPERM : '';
}

function personalityText(s: ProcSubject): Content {
  return s.mayInspect ? `${hex((s.task?.personality ?? 0) >>> 0, 8)}\n` : -EPERM;
}

function timersText(s: ProcSubject): Content {
  let t = '';
  for (const timer of s.group.timers?.posix.values() ?? []) {
    const { event } = timer;
    const kind =
      event.notify === 0 ? 'signal' : event.notify === 4 ? 'signal' : event.notify === 1 ? 'none' : 'thread';
    const target = event.thread === null ? `pid.${s.group.pid}` : `tid.${event.thread.tid}`;
    t += `ID: ${timer.id}\nsignal: ${event.signo}/${hex(event.valueHi >>> 0, 8)}${hex(event.valueLo >>> 0, 8)}\n`;
    t += `notify: ${kind}/${target}\nClockID: ${timer.clock}\n`;
  }
  return t;
}

function exeText(s: ProcSubject): string | number {
  const file = s.mm?.exec.exeFile ?? null;
  return file?.path ? placeText(s, file.path) : -ENOENT;
}

function livingFs(s: ProcSubject): { cwd: Path; root: Path } | null {
  const { task } = s;
  return task === null || task.state >= TASK_ZOMBIE ? null : task.fs;
}

const ENTRIES: readonly Entry[] = [
  node('task', S_IFDIR | 0o555, (fs, s) => new ThreadsDir(fs, s), PROCESS),
  node('fd', S_IFDIR | 0o500, (fs, s) => new FdDir(fs, s)),
  node('fdinfo', S_IFDIR | 0o555, (fs, s) => new FdInfoDir(fs, s)),
  node('ns', S_IFDIR | 0o511, (fs, s) => new NsDir(fs, s)),
  node('net', S_IFDIR | 0o555, (fs, s) => netDir(fs, s)),
  text('environ', 0o400, environText, GUARDED_PLAIN),
  text('auxv', 0o400, auxvText, GUARDED_PLAIN),
  text('status', 0o444, statusText),
  text('personality', 0o400, personalityText),
  text('limits', 0o444, limitsText),
  text('sched', 0o644, schedText),
  text('comm', 0o644, commText, { take: setComm }),
  text('syscall', 0o400, syscallText),
  text('cmdline', 0o444, cmdlineText, { plain: true }),
  text('stat', 0o444, statText),
  text('statm', 0o444, statmText),
  text('maps', 0o444, mapsText, GUARDED),
  text('children', 0o444, childrenText, { where: THREAD }),
  text('numa_maps', 0o444, numaMapsText, GUARDED),
  node('mem', S_IFREG | 0o600, (fs, s) => new MemInode(fs, s)),
  node(
    'cwd',
    S_IFLNK | 0o777,
    (fs, s) =>
      new TaskLink(
        fs,
        s,
        (x) => textOr(x, livingFs(x)?.cwd),
        (x) => livingFs(x)?.cwd ?? -ENOENT,
      ),
  ),
  node(
    'root',
    S_IFLNK | 0o777,
    (fs, s) =>
      new TaskLink(
        fs,
        s,
        (x) => textOr(x, livingFs(x)?.root),
        (x) => livingFs(x)?.root ?? -ENOENT,
      ),
  ),
  node(
    'exe',
    S_IFLNK | 0o777,
    (fs, s) => new TaskLink(fs, s, exeText, (x) => x.mm?.exec.exeFile?.path ?? -ENOENT),
  ),
  node('mounts', S_IFREG | 0o444, (fs, s) => MountsInode.mounts(fs, s)),
  node('mountinfo', S_IFREG | 0o444, (fs, s) => MountsInode.mountinfo(fs, s)),
  text('mountstats', 0o400, mountstatsText, { where: PROCESS }),
  text('smaps', 0o444, smapsText, GUARDED),
  text('smaps_rollup', 0o444, smapsRollupText, GUARDED),
  node('pagemap', S_IFREG | 0o400, (fs, s) => new PagemapInode(fs, s)),
  text('wchan', 0o444, wchanText),
  text('stack', 0o400, stackText),
  text('schedstat', 0o444, schedstatText),
  text('cgroup', 0o444, cgroupText),
  text('oom_score', 0o444, oomScoreText),
  text('oom_adj', 0o644, oomAdjText, { take: setOomAdj, plain: true }),
  text('oom_score_adj', 0o644, oomScoreAdjText, { take: setOomScoreAdj, plain: true }),
  text('loginuid', 0o644, constant('4294967295'), { plain: true, take: () => -EPERM }),
  text('sessionid', 0o444, constant('4294967295'), { plain: true }),
  text('coredump_filter', 0o644, coredumpFilterText, {
    where: PROCESS,
    plain: true,
    take: setCoredumpFilter,
  }),
  text('io', 0o400, ioText),
  idMap('uid_map', 'uids'),
  idMap('gid_map', 'gids'),
  idMap('projid_map', 'projids'),
  text('setgroups', 0o644, (s) => (userNsOf(s).setgroupsAllowed ? 'allow\n' : 'deny\n'), {
    take: (s, word, offset, cred) =>
      cred instanceof Cred ? writeSetgroups(userNsOf(s), word, offset, cred) : -EPERM,
  }),
  text('timens_offsets', 0o644, timeOffsetsText, { where: PROCESS, take: setTimeOffsets }),
  text('timers', 0o444, timersText, { where: PROCESS }),
  text('timerslack_ns', 0o666, timerSlackText, { where: PROCESS, take: setTimerSlack }),
  node('attr', S_IFDIR | 0o555, (fs, s) => new AttrDir(fs, s)),
];

function textOr(s: ProcSubject, path: Path | undefined): string | number {
  return path === undefined ? -ENOENT : placeText(s, path);
}

const BY_NAME = new Map(ENTRIES.map((e) => [e.name, e]));

/** A directory nobody gets past once its process is gone (proc_pid_permission). */
abstract class LiveDirectory extends TaskDirectory {
  override permission(_mask: number, _cred: Credentials): number {
    return this.subject.alive ? 0 : -ESRCH;
  }
}

/** /proc/PID, and /proc/PID/task/TID. */
export class TaskDir extends LiveDirectory {
  constructor(fs: ProcFs, s: ProcSubject) {
    super(fs, 0o555, s);
    this.nlink = s.whole ? 9 : 7;
  }

  private get where(): number {
    return this.subject.whole ? PROCESS : THREAD;
  }

  override lookup(name: string): Inode | number {
    if (!this.subject.alive) return -ENOENT;
    const entry = BY_NAME.get(name);
    if (entry === undefined || (entry.where & this.where) === 0) return -ENOENT;
    return entry.make(this.procfs, this.subject);
  }

  override revalidate(_name: string, child: Inode | null): boolean {
    if (!this.subject.alive) return false;
    if (child !== null && 'refresh' in child) (child as Inode & TaskInode).refresh();
    return true;
  }

  override readdir(pos: number, emit: DirEmitter): number {
    if (!this.subject.alive) return -ENOENT;
    let at = 2;
    for (const e of ENTRIES) {
      if ((e.where & this.where) === 0) continue;
      if (at >= pos && !emit(e.name, this.ino + at, direntType(e.mode), at + 1)) return 0;
      at++;
    }
    return 0;
  }
}

/** /proc/PID/task */
class ThreadsDir extends LiveDirectory {
  constructor(fs: ProcFs, s: ProcSubject) {
    super(fs, 0o555, s);
  }

  override getattr(): number {
    this.refresh();
    this.nlink = 2 + Math.max(this.subject.group.tasks.length, 1);
    return 0;
  }

  override lookup(name: string): Inode | number {
    const { kernel, group, pids } = this.subject;
    const tid = numberOf(name);
    const task = pids.tasks.get(tid);
    const virtual = group.leader === undefined && tid === group.pid;
    if (task?.group !== group && !virtual) return -ENOENT;
    return new TaskDir(this.procfs, new ProcSubject(kernel, group, task?.tid ?? tid, pids));
  }

  override revalidate(_name: string, child: Inode | null): boolean {
    if (!(child instanceof TaskDir) || !child.subject.alive) return false;
    child.refresh();
    return true;
  }

  override readdir(pos: number, emit: DirEmitter): number {
    if (!this.subject.alive) return -ENOENT;
    const tids = [...this.subject.pids.tasks.entries()]
      .filter(([tid, t]) => t.group === this.subject.group && tid + 2 >= pos)
      .map(([tid]) => tid)
      .sort((a, b) => a - b);
    if (this.subject.group.leader === undefined && pos <= this.subject.group.pid + 2) {
      tids.push(this.subject.group.pid);
    }
    for (const tid of tids) if (!emit(String(tid), this.ino + tid, DT_DIR, tid + 3)) return 0;
    return 0;
  }
}

/** Security attributes: no security module is loaded, so reading and writing any is EINVAL. */
const ATTRIBUTES: readonly (readonly [string, number])[] = [
  ['current', 0o666],
  ['prev', 0o444],
  ['exec', 0o666],
  ['fscreate', 0o666],
  ['keycreate', 0o666],
  ['sockcreate', 0o666],
];

class AttrDir extends TaskDirectory {
  constructor(fs: ProcFs, s: ProcSubject) {
    super(fs, 0o555, s);
  }

  override lookup(name: string): Inode | number {
    const found = ATTRIBUTES.find((a) => a[0] === name);
    if (found === undefined) return -ENOENT;
    return new TaskText(
      this.procfs,
      found[1],
      this.subject,
      () => -EINVAL,
      false,
      () => -EINVAL,
    );
  }

  override readdir(pos: number, emit: DirEmitter): number {
    for (let i = Math.max(pos - 2, 0); i < ATTRIBUTES.length; i++) {
      if (!emit(ATTRIBUTES[i]![0], this.ino + i + 1, direntType(S_IFREG), i + 3)) return 0;
    }
    return 0;
  }
}
