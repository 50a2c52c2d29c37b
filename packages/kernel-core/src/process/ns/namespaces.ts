import {
  CLONE_NEWCGROUP,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWTIME,
  CLONE_NEWUTS,
  ENOSPC,
} from '@sandbox/abi';
import type { MountNamespace } from '@sandbox/vfs';
import { Timer } from '../../time/timers.js';
import type { Cgroup } from '../cgroup/cgroup.js';
import type { KernelCore } from '../kernel/kernel-core.js';
import type { PidTable } from '../kernel/pid-table.js';
import { NetworkLoader } from './network-loader.js';
import { INITIAL_USER_NS, type UserNamespace } from './user-ns.js';

/** A stack of its own costs the embedder memory. */
const MAX_NET_NAMESPACES = 1024;

/** What /proc/PID/ns links to, and setns(2) takes. */
export interface Namespace {
  readonly kind: string;
  /** Its CLONE_NEW* flag. */
  readonly flag: number;
  readonly ino: number;
  /** The user namespace that owns it. */
  readonly userNs: UserNamespace;
}

/** uts_namespaces(7) */
export class UtsNamespace implements Namespace {
  readonly kind = 'uts';
  readonly flag = CLONE_NEWUTS;
  constructor(
    readonly ino: number,
    readonly userNs: UserNamespace,
    public hostname: string,
    public domainname: string,
  ) {}
}

/** ipc_namespaces(7): System V objects and POSIX message queues. */
export class IpcNamespace implements Namespace {
  readonly kind = 'ipc';
  readonly flag = CLONE_NEWIPC;
  constructor(
    readonly kernel: KernelCore,
    readonly ino: number,
    readonly userNs: UserNamespace,
  ) {}
}

/**
 * network_namespaces(7): interfaces, routes, sockets' ports, filters and abstract Unix names of its own. It
 * lives as long as processes are in it, sockets were made in it, or an open or mounted /proc/PID/ns/net
 * stands for it; then its interfaces go.
 */
export class NetNamespace implements Namespace {
  readonly kind = 'net';
  readonly flag = CLONE_NEWNET;
  /** Its stack, once somebody asked for it. */
  readonly network: NetworkLoader;
  private users = 0;
  private readonly end: Timer;

  constructor(
    private readonly kernel: KernelCore,
    readonly ino: number,
    readonly userNs: UserNamespace,
  ) {
    this.network = new NetworkLoader(kernel, this);
    this.end = new Timer(() => this.vanish());
  }

  /** A process, socket, file or mount refers to it; `drop` ends that. */
  hold(): void {
    this.users++;
  }
  drop(): void {
    // Whoever lets go may be in the midst of its stack; Linux has a worker do it, too.
    if (--this.users === 0 && !this.network.initial)
      this.kernel.timers.arm(this.end, this.kernel.clock.monotonic());
  }

  private vanish(): void {
    if (this.users > 0) return;
    const { namespaces } = this.kernel;
    namespaces.netEnded(this);
    this.network.retire(namespaces.initial.net.network);
  }
}

/** cgroup_namespaces(7) */
export class CgroupNamespace implements Namespace {
  readonly kind = 'cgroup';
  readonly flag = CLONE_NEWCGROUP;
  constructor(
    readonly ino: number,
    readonly userNs: UserNamespace,
    /** Where its paths begin: the group its maker was in. */
    readonly root: Cgroup,
  ) {}
}

/** time_namespaces(7): what is added to CLOCK_MONOTONIC and CLOCK_BOOTTIME, in nanoseconds. */
export class TimeNamespace implements Namespace {
  readonly kind = 'time';
  readonly flag = CLONE_NEWTIME;
  monotonic = 0;
  boottime = 0;
  /** A process is in it: the offsets are fixed. */
  entered = false;
  constructor(
    readonly ino: number,
    readonly userNs: UserNamespace,
  ) {}
}

/**
 * The namespaces of a task but for those of users (in its credentials), mounts (its `fs`) and pids (Linux:
 * struct nsproxy).
 */
export interface NsSet {
  readonly uts: UtsNamespace;
  readonly ipc: IpcNamespace;
  readonly net: NetNamespace;
  readonly cgroup: CgroupNamespace;
  readonly time: TimeNamespace;
  /** Those its children get. */
  readonly timeForChildren: TimeNamespace;
  readonly pidForChildren: PidTable;
}

/** Inode numbers of the first namespaces, as in Linux (PROC_*_INIT_INO). */
const FIRST = {
  ipc: 4026531839,
  uts: 4026531838,
  cgroup: 4026531835,
  time: 4026531834,
  net: 4026531840,
  mnt: 4026531841,
};
const FIRST_OWN_INO = 4026532128;

/** The namespaces a kernel begins with, and the numbers of those made later. */
export class Namespaces {
  readonly initial: NsSet;
  private nextNumber = FIRST_OWN_INO;
  /** Mount namespaces live in the VFS, which knows no users: who owns them is kept here. */
  private readonly mounts = new WeakMap<
    MountNamespace,
    { readonly userNs: UserNamespace; readonly ino: number }
  >();

  constructor(kernel: KernelCore) {
    const time = new TimeNamespace(FIRST.time, INITIAL_USER_NS);
    time.entered = true;
    this.initial = {
      uts: new UtsNamespace(FIRST.uts, INITIAL_USER_NS, 'sandbox', '(none)'),
      ipc: new IpcNamespace(kernel, FIRST.ipc, INITIAL_USER_NS),
      net: new NetNamespace(kernel, FIRST.net, INITIAL_USER_NS),
      cgroup: new CgroupNamespace(FIRST.cgroup, INITIAL_USER_NS, kernel.cgroups.root),
      time,
      timeForChildren: time,
      pidForChildren: kernel.pids,
    };
  }

  /** Network namespaces there are, but for the first. */
  private readonly nets = new Set<NetNamespace>();

  /** A new network namespace, or -ENOSPC. */
  makeNet(kernel: KernelCore, userNs: UserNamespace): NetNamespace | number {
    if (this.nets.size >= MAX_NET_NAMESPACES) return -ENOSPC;
    const ns = new NetNamespace(kernel, this.nextIno(), userNs);
    this.nets.add(ns);
    return ns;
  }

  /** All network namespaces, the first one first. */
  *allNets(): Generator<NetNamespace> {
    yield this.initial.net;
    yield* this.nets;
  }

  /** @internal */
  netEnded(ns: NetNamespace): void {
    this.nets.delete(ns);
    for (const other of this.allNets()) other.network.current?.namespaceEnded(ns);
  }

  /** The kernel goes. */
  dispose(): void {
    for (const ns of this.nets) ns.network.dispose();
    this.nets.clear();
    this.initial.net.network.dispose();
  }

  nextIno(): number {
    return this.nextNumber++;
  }

  /** A mount namespace made by a task whose user namespace is `userNs`. */
  ownMounts(ns: MountNamespace, userNs: UserNamespace): void {
    this.mounts.set(ns, { userNs, ino: this.nextIno() });
  }

  /** The user namespace that owns `ns`: the first one's, unless a task made it. */
  ownerOf(ns: MountNamespace): UserNamespace {
    return this.mounts.get(ns)?.userNs ?? INITIAL_USER_NS;
  }

  mountNamespace(ns: MountNamespace): Namespace {
    const known = this.mounts.get(ns);
    return {
      kind: 'mnt',
      flag: CLONE_NEWNS,
      ino: known?.ino ?? FIRST.mnt,
      userNs: known?.userNs ?? INITIAL_USER_NS,
    };
  }
}
