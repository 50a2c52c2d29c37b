import {
  CN_IDX_PROC,
  CN_MSG,
  CN_VAL_PROC,
  CONNECTOR_MAX_MSG_SIZE,
  EINVAL,
  NETLINK_CONNECTOR,
  NLMSG_DONE,
  NLMSGHDR,
  PROC_CN_MCAST_IGNORE,
  PROC_CN_MCAST_LISTEN,
  PROC_EVENT,
  PROC_EVENT_COMM,
  PROC_EVENT_COREDUMP,
  PROC_EVENT_EXEC,
  PROC_EVENT_EXIT,
  PROC_EVENT_FORK,
  PROC_EVENT_GID,
  PROC_EVENT_NONE,
  PROC_EVENT_NONZERO_EXIT,
  PROC_EVENT_PTRACE,
  PROC_EVENT_SID,
  PROC_EVENT_UID,
  PROC_INPUT,
} from '@sandbox/abi';
import type { ProcessWatcher, Task } from '@sandbox/kernel-core/process';
import { TASK_ZOMBIE } from '@sandbox/kernel-core/process';
import { NetlinkWriter, u16At, u32At } from '@sandbox/net';
import type { Network } from '../network.js';
import type { NetlinkService } from './domain.js';
import type { NetlinkSocket } from './socket.js';

const EVENTS =
  (PROC_EVENT_FORK |
    PROC_EVENT_EXEC |
    PROC_EVENT_UID |
    PROC_EVENT_GID |
    PROC_EVENT_SID |
    PROC_EVENT_PTRACE |
    PROC_EVENT_COMM |
    PROC_EVENT_NONZERO_EXIT |
    PROC_EVENT_COREDUMP |
    PROC_EVENT_EXIT) >>>
  0;
const COMM = 15;
/** Whom a thread's end is told to: only processes tell their parent. */
const NO_SIGNAL = 0xffffffff;

/** What a socket asked for. */
interface Listener {
  /** PROC_CN_MCAST_*. */
  op: number;
  /** PROC_EVENT_*. */
  events: number;
}

/**
 * NETLINK_CONNECTOR with the one part of the kernel that is behind it, the process connector: what becomes of
 * processes is told to its group while some socket listens. Events count in the first pid and user
 * namespaces, so requests from others are ignored.
 */
export class ConnectorService implements NetlinkService, ProcessWatcher {
  private readonly listeners = new Map<NetlinkSocket, Listener>();
  private readonly writer = new NetlinkWriter();
  private sequence = 0;
  private at = 0;

  constructor(private readonly network: Network) {}

  serve(): number {
    return 0;
  }

  /** cn_rx_skb: one message, unanswered by netlink itself; what is malformed is dropped. */
  receive(socket: NetlinkSocket, bytes: Uint8Array, caller: Task): void {
    if (bytes.length < NLMSGHDR.SIZE + CN_MSG.SIZE) return;
    const length = u32At(bytes, NLMSGHDR.nlmsg_len) - NLMSGHDR.SIZE;
    if (length < CN_MSG.SIZE || length > CONNECTOR_MAX_MSG_SIZE || length > bytes.length - NLMSGHDR.SIZE)
      return;
    const message = bytes.subarray(NLMSGHDR.SIZE, NLMSGHDR.SIZE + length);
    if (u32At(message, CN_MSG.idx) !== CN_IDX_PROC || u32At(message, CN_MSG.val) !== CN_VAL_PROC) return;
    if (caller.cred.userNs.parent !== null || caller.pids.parent !== null) return;
    const size = u16At(message, CN_MSG.len);
    const data = message.subarray(CN_MSG.SIZE);
    if (data.length < size || (size !== PROC_INPUT.SIZE && size !== PROC_INPUT.event_type)) return;
    const op = u32At(data, PROC_INPUT.mcast_op);
    const asked = size === PROC_INPUT.SIZE ? (u32At(data, PROC_INPUT.event_type) & EVENTS) >>> 0 : 0;
    this.control(socket, op, asked === PROC_EVENT_NONE ? EVENTS : asked);
    const known = op === PROC_CN_MCAST_LISTEN || op === PROC_CN_MCAST_IGNORE;
    this.acknowledge(known ? 0 : EINVAL, u32At(message, CN_MSG.ack));
  }

  private control(socket: NetlinkSocket, op: number, events: number): void {
    this.listeners.set(socket, { op, events: op === PROC_CN_MCAST_IGNORE ? PROC_EVENT_NONE : events });
    this.watch();
  }

  released(socket: NetlinkSocket): void {
    if (this.listeners.delete(socket)) this.watch();
  }

  /** Processes are watched while somebody listens. */
  private watch(): void {
    const { watchers } = this.network.kernel.hooks;
    const at = watchers.indexOf(this);
    if (this.heard === at >= 0) return;
    if (at < 0) watchers.push(this);
    else watchers.splice(at, 1);
  }

  private get heard(): boolean {
    for (const { op } of this.listeners.values()) if (op === PROC_CN_MCAST_LISTEN) return true;
    return false;
  }

  // Events --------------------------------------------------------------------------------------------------

  /** Begin an event: where it lies in the message; -1: nobody listens. */
  private begin(what: number, ack = 0): number {
    const members = this.network.netlink.members(NETLINK_CONNECTOR, CN_IDX_PROC);
    if (members.next().done === true) return -1;
    const w = this.writer.reset();
    w.begin(NLMSG_DONE, 0, this.sequence, 0);
    const message = w.header(CN_MSG.SIZE + PROC_EVENT.SIZE);
    w.set32(message + CN_MSG.idx, CN_IDX_PROC);
    w.set32(message + CN_MSG.val, CN_VAL_PROC);
    w.set32(message + CN_MSG.seq, this.sequence);
    w.set32(message + CN_MSG.ack, ack);
    w.set16(message + CN_MSG.len, PROC_EVENT.SIZE);
    this.sequence = (this.sequence + 1) >>> 0;
    const at = message + CN_MSG.SIZE;
    w.set32(at + PROC_EVENT.what, what);
    w.set64(at + PROC_EVENT.timestamp_ns, this.network.kernel.clock.monotonic());
    this.at = at;
    return at;
  }

  /** An event of `task`. False: nobody listens. */
  private beginOf(what: number, task: Task): boolean {
    if (this.begin(what) < 0) return false;
    this.put(PROC_EVENT.process_pid, task.tid, task.group.pid);
    return true;
  }

  private put(member: number, first: number, second: number): void {
    this.writer.set32(this.at + member, first);
    this.writer.set32(this.at + member + 4, second);
  }

  /** Tell what was begun to the sockets of the group that want it (cn_filter). */
  private send(what: number, code = 0): void {
    this.writer.finish();
    const bytes = this.writer.take();
    for (const socket of this.network.netlink.members(NETLINK_CONNECTOR, CN_IDX_PROC)) {
      const listener = this.listeners.get(socket);
      if (listener === undefined || wants(listener, what, code)) socket.announce(bytes, CN_IDX_PROC);
    }
  }

  private acknowledge(error: number, ack: number): void {
    if (!this.heard || this.begin(PROC_EVENT_NONE, (ack + 1) >>> 0) < 0) return;
    this.writer.set32(this.at + PROC_EVENT.err, error);
    this.send(PROC_EVENT_NONE);
  }

  forked(child: Task): void {
    if (this.begin(PROC_EVENT_FORK) < 0) return;
    this.put(PROC_EVENT.parent_pid, parentTid(child), parentPid(child));
    this.put(PROC_EVENT.child_pid, child.tid, child.group.pid);
    this.send(PROC_EVENT_FORK);
  }

  execed(task: Task): void {
    if (this.beginOf(PROC_EVENT_EXEC, task)) this.send(PROC_EVENT_EXEC);
  }

  uidChanged(task: Task): void {
    if (!this.beginOf(PROC_EVENT_UID, task)) return;
    this.put(PROC_EVENT.ruid, task.cred.uid, task.cred.euid);
    this.send(PROC_EVENT_UID);
  }

  gidChanged(task: Task): void {
    if (!this.beginOf(PROC_EVENT_GID, task)) return;
    this.put(PROC_EVENT.ruid, task.cred.gid, task.cred.egid);
    this.send(PROC_EVENT_GID);
  }

  sessionBegan(task: Task): void {
    if (this.beginOf(PROC_EVENT_SID, task)) this.send(PROC_EVENT_SID);
  }

  traced(task: Task, tracer: Task | null): void {
    if (!this.beginOf(PROC_EVENT_PTRACE, task)) return;
    if (tracer !== null) this.put(PROC_EVENT.tracer_pid, tracer.tid, tracer.group.pid);
    this.send(PROC_EVENT_PTRACE);
  }

  renamed(task: Task): void {
    if (!this.beginOf(PROC_EVENT_COMM, task)) return;
    const { comm } = task;
    for (let i = 0; i < Math.min(comm.length, COMM); i++)
      this.writer.set8(this.at + PROC_EVENT.comm + i, comm.charCodeAt(i));
    this.send(PROC_EVENT_COMM);
  }

  dumping(task: Task): void {
    if (!this.beginOf(PROC_EVENT_COREDUMP, task)) return;
    this.put(PROC_EVENT.coredump_parent_pid, parentTid(task), parentPid(task));
    this.send(PROC_EVENT_COREDUMP);
  }

  exited(task: Task, status: number): void {
    if (!this.beginOf(PROC_EVENT_EXIT, task)) return;
    const signal = task === task.group.leader ? task.group.exitSignal : NO_SIGNAL;
    this.put(PROC_EVENT.exit_code, status, signal);
    // Nobody waits for what is gone at once.
    if (task.state === TASK_ZOMBIE) this.put(PROC_EVENT.exit_parent_pid, parentTid(task), parentPid(task));
    this.send(PROC_EVENT_EXIT, status);
  }
}

/** Whoever made it; when that thread has ended, the process its process is a child of. */
function parentTid(task: Task): number {
  return task.group.creator?.tid ?? parentPid(task);
}

function parentPid(task: Task): number {
  return task.group.parent?.pid ?? 0;
}

function wants(listener: Listener, what: number, code: number): boolean {
  if (listener.op === PROC_CN_MCAST_IGNORE) return false;
  const { events } = listener;
  if (events === EVENTS) return true;
  if ((events & PROC_EVENT_NONZERO_EXIT) !== 0 && what === PROC_EVENT_EXIT && code !== 0) return true;
  return (events & what) !== 0;
}
