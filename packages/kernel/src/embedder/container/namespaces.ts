import type { KernelCore } from '@sandbox/kernel-core/process';
import {
  CgroupNamespace,
  ContainerCore,
  type IdMap,
  type IdRange,
  INITIAL_USER_NS,
  IpcNamespace,
  type NetNamespace,
  type NsSet,
  PidTable,
  TimeNamespace,
  UserNamespace,
  UtsNamespace,
} from '@sandbox/kernel-core/process';
import { checkList, checkObject } from '../check.js';
import { InvalidOptionError } from '../errors.js';

/**
 * `count` ids from `inside` on in the container are those from `outside` on in the kernel, and in its file
 * systems.
 */
export interface IdMapOption {
  inside: number;
  outside: number;
  count: number;
}

/** A user namespace: how ids are spelled in it. */
export interface IdMapsOption {
  readonly uids: readonly IdMapOption[];
  readonly gids: readonly IdMapOption[];
}

/** What is added to these clocks, in nanoseconds (time_namespaces(7)). */
export interface TimeOffsets {
  readonly monotonic?: number;
  readonly boottime?: number;
}

const ID_MAP: Record<keyof IdMapOption, true> = { inside: true, outside: true, count: true };
const ID_MAPS: Record<keyof IdMapsOption, true> = { uids: true, gids: true };
const TIME_OFFSETS: Record<keyof TimeOffsets, true> = { monotonic: true, boottime: true };

export type NamespaceKind = 'pid' | 'ipc' | 'uts' | 'net' | 'cgroup';

/** The core of another container, where a namespace is shared with one. */
export type NamespaceSource = 'new' | 'kernel' | ContainerCore;

const DEFAULTS: Readonly<Record<NamespaceKind, NamespaceSource>> = {
  pid: 'new',
  ipc: 'new',
  uts: 'new',
  cgroup: 'new',
  net: 'kernel',
};

export function isNamespaceKind(kind: string): kind is NamespaceKind {
  return Object.hasOwn(DEFAULTS, kind);
}

/** The namespaces of a new container. Throws InvalidOptionError. */
export function makeContainerCore(
  core: KernelCore,
  wanted: Readonly<Partial<Record<NamespaceKind, NamespaceSource>>>,
  ids: IdMapsOption | null,
  offsets: TimeOffsets | null,
): ContainerCore {
  const { initial } = core.namespaces;
  const ino = (): number => core.namespaces.nextIno();
  const userNs = ids === null ? INITIAL_USER_NS : makeUserNs(ino(), ids);
  const pick = <T>(kind: NamespaceKind, own: () => T, of: (ns: NsSet) => T): T => {
    const from = wanted[kind] ?? DEFAULTS[kind];
    if (from === 'new') return own();
    return of(from === 'kernel' ? initial : from.ns);
  };
  const pids = pick(
    'pid',
    () => new PidTable(core.pids.max, core.pids, ino(), userNs),
    (ns) => ns.pidForChildren,
  );
  if (pids.ended) throw new InvalidOptionError('namespaces.pid', 'its first process has ended');
  const owner = (map: IdMap): number => Math.max(0, map.toKernel(0));
  const cgroup = core.cgroups.makeFixed(owner(userNs.uids), owner(userNs.gids));
  const time = offsets === null ? initial.time : makeTime(core, userNs, offsets);
  const { hostname, domainname } = initial.uts;
  const ns: NsSet = {
    uts: pick(
      'uts',
      () => new UtsNamespace(ino(), userNs, hostname, domainname),
      (n) => n.uts,
    ),
    ipc: pick(
      'ipc',
      () => new IpcNamespace(core, ino(), userNs),
      (n) => n.ipc,
    ),
    net: pick(
      'net',
      () => makeNet(core, userNs),
      (n) => n.net,
    ),
    cgroup: pick(
      'cgroup',
      () => new CgroupNamespace(ino(), userNs, cgroup),
      (n) => n.cgroup,
    ),
    time,
    timeForChildren: time,
    pidForChildren: pids,
  };
  // Until the container is disposed of.
  ns.net.hold();
  return new ContainerCore(ns, pids, userNs, cgroup);
}

function makeNet(core: KernelCore, userNs: UserNamespace): NetNamespace {
  const made = core.namespaces.makeNet(core, userNs);
  if (typeof made === 'number') throw new InvalidOptionError('namespaces.net', 'there are too many');
  return made;
}

/** Linux's bound of an offset: some 146 years (timens_set_vvar_page, KTIME_SEC_MAX / 2). */
const MOST_OFFSET = 2 ** 62;

function makeTime(core: KernelCore, userNs: UserNamespace, offsets: TimeOffsets): TimeNamespace {
  const { monotonic = 0, boottime = 0 } = checkObject('timeOffsets', offsets, TIME_OFFSETS);
  const now = core.clock.monotonic();
  for (const ns of [monotonic, boottime]) {
    if (typeof ns !== 'number' || !Number.isFinite(ns) || Math.abs(ns) > MOST_OFFSET || now + ns < 0)
      throw new InvalidOptionError('timeOffsets', 'nanoseconds are needed that leave the clock above zero');
  }
  const time = new TimeNamespace(core.namespaces.nextIno(), userNs);
  time.monotonic = monotonic;
  time.boottime = boottime;
  time.entered = true;
  return time;
}

/** The same as the kernel keeps it. Throws InvalidOptionError about `option`. */
export function idRanges(option: string, list: readonly IdMapOption[]): IdRange[] {
  return checkList(option, list).map((entry, i) => {
    const { inside, outside, count } = checkObject(`${option}[${i}]`, entry, ID_MAP);
    for (const n of [inside, outside, count]) {
      if (!Number.isSafeInteger(n) || n < 0 || n > 0xffffffff)
        throw new InvalidOptionError(option, 'ids from 0 to 2^32 - 1 are needed');
    }
    return { inner: inside, outer: outside, count };
  });
}

function makeUserNs(ino: number, ids: IdMapsOption): UserNamespace {
  checkObject('ids', ids, ID_MAPS);
  const uids = idRanges('ids.uids', ids.uids);
  const gids = idRanges('ids.gids', ids.gids);
  const ns = new UserNamespace(INITIAL_USER_NS, ino, 0, 0);
  ns.uids.ranges = uids;
  ns.gids.ranges = gids;
  return ns;
}
