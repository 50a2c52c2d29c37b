import {
  AFORK,
  AGROUP,
  AXSIG,
  CAP_NET_ADMIN,
  E2BIG,
  EINVAL,
  EOPNOTSUPP,
  EPERM,
  ERANGE,
  ESRCH,
  TASKSTATS,
  TASKSTATS_CMD_ATTR_DEREGISTER_CPUMASK,
  TASKSTATS_CMD_ATTR_PID,
  TASKSTATS_CMD_ATTR_REGISTER_CPUMASK,
  TASKSTATS_CMD_ATTR_TGID,
  TASKSTATS_CMD_GET,
  TASKSTATS_CMD_NEW,
  TASKSTATS_TYPE_AGGR_PID,
  TASKSTATS_TYPE_AGGR_TGID,
  TASKSTATS_TYPE_PID,
  TASKSTATS_TYPE_STATS,
  TASKSTATS_TYPE_TGID,
  TASKSTATS_VERSION,
} from '@sandbox/abi';
import type { ProcessWatcher, Task, ThreadGroup } from '@sandbox/kernel-core/process';
import {
  currentCpu,
  processSystemTime,
  processUserTime,
  RCHAR,
  SYSCR,
  SYSCW,
  TASK_ZOMBIE,
  taskSystemTime,
  taskUserTime,
  WCHAR,
} from '@sandbox/kernel-core/process';
import { NetlinkWriter, stringOf, u32At } from '@sandbox/net';
import type { Network } from '../network.js';
import type { NetlinkReply } from './domain.js';
import { type Family, GENL_HEADER } from './generic.js';
import type { NetlinkSocket } from './socket.js';

/** The first number that is given to families as they come (GENL_START_ALLOC). */
const FAMILY_ID = 0x13;
const VERSION = 1;
const COMM = 15;
/** Longest text of a set of processors (TASKSTATS_CPUMASK_MAXLEN). */
const MASK_MAX = 100 + 6 * 8192;
/** No list names more processors. */
const MOST_CPUS = 8192;
const USEC = 1000;
const KIB_MASK = 1024;

/**
 * The generic netlink family TASKSTATS: statistics of a thread or a process, and of those that end, to
 * whoever registered for the processor they ran on. Delay accounting is off, as a kernel has it without
 * `delayacct`.
 */
export class TaskStats implements Family, ProcessWatcher {
  readonly name = 'TASKSTATS';
  readonly id = FAMILY_ID;
  readonly version = VERSION;
  readonly maxAttribute = TASKSTATS_CMD_ATTR_DEREGISTER_CPUMASK;
  /** Ports, by what processors they registered for. */
  private readonly listeners = new Map<NetlinkSocket, Set<number>>();
  private readonly writer = new NetlinkWriter();
  private sequence = 0;

  constructor(private readonly network: Network) {}

  serve(
    command: number,
    attributes: Map<number, Uint8Array>,
    reply: NetlinkReply,
    caller: Task,
    socket: NetlinkSocket,
  ): number {
    if (command !== TASKSTATS_CMD_GET) return -EOPNOTSUPP;
    if (caller.cred.userNs.parent !== null || !caller.cred.has(CAP_NET_ADMIN)) return -EPERM;
    for (const [type, add] of [
      [TASKSTATS_CMD_ATTR_REGISTER_CPUMASK, true],
      [TASKSTATS_CMD_ATTR_DEREGISTER_CPUMASK, false],
    ] as const) {
      const text = stringOf(attributes, type);
      if (text !== undefined) return this.register(text, add, caller, socket);
    }
    const pid = attributes.get(TASKSTATS_CMD_ATTR_PID);
    if (pid !== undefined) return this.answer(pid, reply, caller, true);
    const tgid = attributes.get(TASKSTATS_CMD_ATTR_TGID);
    return tgid === undefined ? -EINVAL : this.answer(tgid, reply, caller, false);
  }

  private answer(number: Uint8Array, reply: NetlinkReply, caller: Task, one: boolean): number {
    if (number.length < 4) return -ERANGE;
    const id = u32At(number, 0);
    const task = caller.pids.tasks.get(id);
    if (task === undefined) return -ESRCH;
    const w = reply.begin(FAMILY_ID);
    header(w);
    const pids = { of: (t: Task) => t.tidFor(caller), group: (g: ThreadGroup) => g.pidFor(caller.group) };
    if (one) this.putTask(w, id, task, 0, pids);
    else this.putGroup(w, id, task.group);
    reply.end();
    return 0;
  }

  // Those that end ------------------------------------------------------------------------------------------

  private register(text: string, add: boolean, caller: Task, socket: NetlinkSocket): number {
    if (text.length > MASK_MAX) return -E2BIG;
    const cpus = parseList(text);
    if (cpus === null) return -EINVAL;
    for (const cpu of cpus) if (cpu >= this.network.kernel.cpus) return -ERANGE;
    if (caller.cred.userNs.parent !== null || caller.pids.parent !== null) return -EINVAL;
    const had = this.listeners.get(socket) ?? new Set<number>();
    for (const cpu of cpus) {
      if (add) had.add(cpu);
      else had.delete(cpu);
    }
    if (had.size > 0) this.listeners.set(socket, had);
    else this.listeners.delete(socket);
    this.watch();
    return 0;
  }

  released(socket: NetlinkSocket): void {
    if (this.listeners.delete(socket)) this.watch();
  }

  /** Processes are watched while somebody is registered. */
  private watch(): void {
    const { watchers } = this.network.kernel.hooks;
    const at = watchers.indexOf(this);
    const wanted = this.listeners.size > 0;
    if (wanted === at >= 0) return;
    if (wanted) watchers.push(this);
    else watchers.splice(at, 1);
  }

  exiting(task: Task, last: boolean): void {
    const { group } = task;
    // A process that had one thread only is told as that.
    const many = group.dead.elapsed > 0;
    const w = this.writer.reset();
    w.begin(FAMILY_ID, 0, this.sequence++, 0);
    header(w);
    this.putTask(w, task.tid, task, last ? AGROUP : 0, FIRST);
    if (many && last) this.putGroup(w, group.pid, group);
    w.finish();
    const bytes = w.take();
    for (const [socket, cpus] of this.listeners) if (cpus.has(currentCpu(task))) socket.tell(bytes);
  }

  // Statistics ----------------------------------------------------------------------------------------------

  private putTask(w: NetlinkWriter, id: number, task: Task, flags: number, pids: Numbering): void {
    const nest = w.nest(TASKSTATS_TYPE_AGGR_PID);
    w.u32(TASKSTATS_TYPE_PID, id);
    const at = w.attribute(TASKSTATS_TYPE_STATS, TASKSTATS.SIZE);
    const { group, cred, mm } = task;
    const s = TASKSTATS;
    const now = task.kernel.clock.monotonic();
    const age = now - task.startTime;
    const begin = Math.floor(task.kernel.clock.realtimeSec() - age / 1e9);
    const ended = task.signals.exiting;
    w.set16(at + s.version, TASKSTATS_VERSION);
    if (ended) w.set32(at + s.ac_exitcode, task.exitCode);
    let flag = flags;
    if (task === group.leader && !group.didExec) flag |= AFORK;
    if (ended && (task.exitCode & 0x7f) !== 0) flag |= AXSIG;
    w.set8(at + s.ac_flag, flag);
    w.set8(at + s.ac_nice, task.attributes.nice & 0xff);
    w.set8(at + s.ac_sched, task.attributes.policy);
    for (let i = 0; i < Math.min(task.comm.length, COMM); i++)
      w.set8(at + s.ac_comm + i, task.comm.charCodeAt(i));
    w.set32(at + s.ac_uid, cred.uid);
    w.set32(at + s.ac_gid, cred.gid);
    w.set32(at + s.ac_pid, pids.of(task));
    w.set32(at + s.ac_tgid, pids.group(group));
    w.set32(at + s.ac_ppid, group.parent === null ? 0 : pids.group(group.parent));
    w.set32(at + s.ac_btime, begin);
    w.set64(at + s.ac_btime64, begin);
    w.set64(at + s.ac_etime, Math.floor(age / USEC));
    w.set64(at + s.ac_tgetime, Math.floor((now - group.leader.startTime) / USEC));
    const user = Math.floor(taskUserTime(task) / USEC);
    const system = Math.floor(taskSystemTime(task) / USEC);
    w.set64(at + s.ac_utime, user);
    w.set64(at + s.ac_stime, system);
    w.set64(at + s.ac_utimescaled, user);
    w.set64(at + s.ac_stimescaled, system);
    w.set64(at + s.ac_minflt, task.minflt);
    w.set64(at + s.ac_majflt, task.majflt);
    w.set64(at + s.nvcsw, task.nvcsw);
    w.set64(at + s.nivcsw, task.nivcsw);
    for (const [member, field] of [
      [s.read_char, RCHAR],
      [s.write_char, WCHAR],
      [s.read_syscalls, SYSCR],
      [s.write_syscalls, SYSCW],
    ] as const)
      w.set64(at + member, wholeKib(task.io[field]));
    if (task.state < TASK_ZOMBIE) {
      w.set64(at + s.hiwater_rss, Math.floor(mm.peakRss / 1024));
      w.set64(at + s.hiwater_vm, Math.floor(mm.peakVm / 1024));
      const inode = mm.exec.exeFile?.inode;
      if (inode !== undefined) {
        w.set64(at + s.ac_exe_dev, inode.fs.dev);
        w.set64(at + s.ac_exe_inode, inode.ino);
      }
    }
    w.endNest(nest);
  }

  /** Of a process as a whole there are times and switches only. */
  private putGroup(w: NetlinkWriter, id: number, group: ThreadGroup): void {
    const nest = w.nest(TASKSTATS_TYPE_AGGR_TGID);
    w.u32(TASKSTATS_TYPE_TGID, id);
    const at = w.attribute(TASKSTATS_TYPE_STATS, TASKSTATS.SIZE);
    const now = this.network.kernel.clock.monotonic();
    let elapsed = group.dead.elapsed;
    let { nvcsw, nivcsw } = group.dead;
    for (const task of group.tasks) {
      elapsed += now - task.startTime;
      nvcsw += task.nvcsw;
      nivcsw += task.nivcsw;
    }
    w.set16(at + TASKSTATS.version, TASKSTATS_VERSION);
    w.set64(at + TASKSTATS.ac_etime, Math.floor(elapsed / USEC));
    w.set64(at + TASKSTATS.ac_utime, Math.floor(processUserTime(group) / USEC));
    w.set64(at + TASKSTATS.ac_stime, Math.floor(processSystemTime(group) / USEC));
    w.set64(at + TASKSTATS.nvcsw, nvcsw);
    w.set64(at + TASKSTATS.nivcsw, nivcsw);
    w.endNest(nest);
  }
}

/** In whose pid namespace numbers are told. */
interface Numbering {
  of(task: Task): number;
  group(group: ThreadGroup): number;
}

const FIRST: Numbering = { of: (task) => task.tid, group: (group) => group.pid };

function header(w: NetlinkWriter): void {
  const at = w.header(GENL_HEADER);
  w.set8(at, TASKSTATS_CMD_NEW);
  w.set8(at + 1, VERSION);
}

/** Whole KiB of it, as Linux tells even how many calls there were. */
function wholeKib(n: number): number {
  return n - (n % KIB_MASK);
}

/** A list such as "0-3,8" (cpulist_parse); null: it is none. */
function parseList(text: string): number[] | null {
  const found: number[] = [];
  for (const part of text.trim().split(',')) {
    const m = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(part.trim());
    if (m === null) return null;
    const to = Number(m[2] ?? m[1]);
    if (to < Number(m[1])) return null;
    for (let cpu = Number(m[1]); cpu <= to && found.length <= MOST_CPUS; cpu++) found.push(cpu);
  }
  return found;
}
