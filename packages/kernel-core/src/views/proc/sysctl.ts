import { __NEW_UTS_LEN, EACCES, EINVAL, EPERM } from '@sandbox/abi';
import { ATTR_GID, ATTR_MODE, ATTR_UID, type Credentials, type Inode, type SetAttr } from '@sandbox/vfs';
import { mqueuesOf } from '../../files/mqueue/mqueue.js';
import { SYSV_PARAMETERS } from '../../files/sysv/limits.js';
import { sysvOf } from '../../files/sysv/state.js';
import { ttysOf } from '../../files/tty/ttys.js';
import type { KernelCore } from '../../process/kernel/kernel-core.js';
import type { KeyLimits } from '../../process/keys/key-user.js';
import { UTS_MACHINE, UTS_RELEASE, UTS_SYSNAME, UTS_VERSION } from '../../process/ns/uts.js';
import { PseudoDir } from '../../pseudo/inode.js';
import { type Content, parseDecimal, TextInode } from '../../pseudo/text.js';
import { ENTROPY_BITS } from '../dev/random-device.js';
import type { ProcFs } from './procfs.js';
import { SYSCTL_CONSTANTS } from './sysctl-constants.js';
import { ipcOf } from './sysvipc.js';

const MAY_WRITE = 2;

/**
 * A kernel parameter (sysctl(8)). Its mode is Linux's and binds root as well (sysctl_perm); those that are
 * fixed here refuse to be opened for writing all the same.
 */
class SysctlFile extends TextInode {
  constructor(
    fs: ProcFs,
    private readonly value: () => string,
    private readonly assign: ((text: string) => number) | null,
    mode = 0o644,
  ) {
    super(fs, mode);
  }

  override get sequential(): boolean {
    return false;
  }

  /** Only times can be changed, and a size, to no effect. */
  override setattr(attr: SetAttr): number {
    return (attr.valid & (ATTR_MODE | ATTR_UID | ATTR_GID)) !== 0 ? -EPERM : super.setattr(attr);
  }

  override permission(mask: number, cred: Credentials): number {
    if ((mask & MAY_WRITE) === 0) return 0;
    return this.assign !== null && cred.fsuid === 0 ? 0 : -EACCES;
  }

  override content(): Content {
    return `${this.value()}\n`;
  }

  override store(bytes: Uint8Array, offset: number, _cred: Credentials): number {
    if (this.assign === null) return -EPERM;
    if (offset !== 0) return bytes.length;
    const e = this.assign(Buffer.from(bytes).toString('latin1'));
    return e < 0 ? e : bytes.length;
  }
}

/** proc_dostring: up to the end of the line. */
function line(text: string, max: number): string {
  const end = text.search(/[\n\0]/);
  return (end < 0 ? text : text.slice(0, end)).slice(0, max);
}

function uuid(kernel: KernelCore): string {
  const b = new Uint8Array(16);
  kernel.random.fill(b, 0, 16);
  b[6] = (b[6]! & 0x0f) | 0x40;
  b[8] = (b[8]! & 0x3f) | 0x80;
  const h = Buffer.from(b).toString('hex');
  return `${h.slice(0, 8)}-${h.slice(8, 12)}-${h.slice(12, 16)}-${h.slice(16, 20)}-${h.slice(20)}`;
}

/** Parameters that are more than a constant: path, value, and how to set it. */
function variables(kernel: KernelCore): [string, () => string, ((text: string) => number)?][] {
  const bootId = uuid(kernel);
  const { limits } = kernel;
  const ttys = ttysOf(kernel);
  const uts = () => kernel.currentNs.uts;
  return [
    ['kernel/ostype', () => UTS_SYSNAME],
    ['kernel/osrelease', () => UTS_RELEASE],
    ['kernel/version', () => UTS_VERSION],
    ['kernel/arch', () => UTS_MACHINE],
    [
      'kernel/hostname',
      () => uts().hostname,
      (t) => {
        uts().hostname = line(t, __NEW_UTS_LEN);
        return 0;
      },
    ],
    [
      'kernel/domainname',
      () => uts().domainname,
      (t) => {
        uts().domainname = line(t, __NEW_UTS_LEN);
        return 0;
      },
    ],
    ['kernel/core_pattern', () => kernel.coreSettings.pattern, (t) => kernel.coreSettings.setPattern(t)],
    [
      'kernel/core_uses_pid',
      () => (kernel.coreSettings.usesPid ? '1' : '0'),
      (t) => {
        const n = parseDecimal(t);
        if (n === null) return -EINVAL;
        kernel.coreSettings.usesPid = n !== 0;
        return 0;
      },
    ],
    ['kernel/pid_max', () => String(kernel.pids.max)],
    ['kernel/threads-max', () => String(limits.processes)],
    ['kernel/random/boot_id', () => bootId],
    ['kernel/random/uuid', () => uuid(kernel)],
    ['kernel/random/entropy_avail', () => String(ENTROPY_BITS)],
    ['kernel/random/poolsize', () => String(ENTROPY_BITS)],
    [
      'kernel/pty/max',
      () => String(ttys.max),
      (t) => {
        const n = parseDecimal(t);
        if (n === null || n < 0 || n > 1048576) return -EINVAL;
        ttys.max = n;
        return 0;
      },
    ],
    ['kernel/pty/nr', () => String(ttys.count)],
    ['kernel/pty/reserve', () => String(ttys.reserve)],
    ['fs/file-max', () => String(limits.openFiles)],
    ...protections(kernel),
    ...network(kernel),
    ...messageQueues(kernel),
    ...sysvObjects(kernel),
    ...keyQuotas(kernel),
    ['fs/file-nr', () => `${kernel.vfs.openFiles}\t0\t${limits.openFiles}`],
  ];
}

/** fs/protected_*: what files in sticky directories are guarded against (proc(5)). */
function protections(kernel: KernelCore): [string, () => string, (text: string) => number][] {
  const guard = kernel.vfs.protection;
  const made = (name: 'hardlinks' | 'symlinks' | 'fifos' | 'regular', max: number) =>
    [
      `fs/protected_${name}`,
      () => String(guard[name]),
      (t: string) => {
        const n = parseDecimal(t);
        if (n === null || n < 0 || n > max) return -EINVAL;
        guard[name] = n;
        return 0;
      },
    ] as [string, () => string, (text: string) => number];
  return [made('hardlinks', 1), made('symlinks', 1), made('fifos', 2), made('regular', 2)];
}

/** Bounds of what root may set fs/mqueue/* to (Linux: mq_sysctls). */
const MQUEUE_BOUNDS = [
  ['queues_max', 0, 0x7fffffff],
  ['msg_max', 1, 65536],
  ['msg_default', 1, 65536],
  ['msgsize_max', 128, 16 * 1024 * 1024],
  ['msgsize_default', 128, 16 * 1024 * 1024],
] as const;

function messageQueues(kernel: KernelCore): [string, () => string, (text: string) => number][] {
  return MQUEUE_BOUNDS.map(([name, min, max]) => [
    `fs/mqueue/${name}`,
    () => String(mqueuesOf(ipcOf(kernel)).limits[name]),
    (t) => {
      const n = parseDecimal(t);
      if (n === null || n < min || n > max) return -EINVAL;
      mqueuesOf(ipcOf(kernel)).limits[name] = n;
      return 0;
    },
  ]);
}

/** Of the ipc namespace of who reads or writes them. */
function sysvObjects(kernel: KernelCore): [string, () => string, (text: string) => number][] {
  return Object.entries(SYSV_PARAMETERS).map(([name, { get, set }]) => [
    `kernel/${name}`,
    () => get(sysvOf(ipcOf(kernel)).limits),
    (text) => set(sysvOf(ipcOf(kernel)).limits, text),
  ]);
}

/** What users may have of keys (keyrings(7)). */
function keyQuotas(kernel: KernelCore): [string, () => string, (text: string) => number][] {
  const { limits } = kernel.keys;
  const names = Object.keys(limits) as (keyof KeyLimits & string)[];
  return names.map((name) => [
    `kernel/keys/${name}`,
    () => String(limits[name]),
    (t) => {
      const n = parseDecimal(t);
      if (n === null || n < 0 || n > 0x7fffffff) return -EINVAL;
      Object.assign(limits, { [name]: n });
      return 0;
    },
  ]);
}

/** What the network goes by, set before it is there or afterwards. */
function network(kernel: KernelCore): [string, () => string, (text: string) => number][] {
  const settings = () => kernel.currentNs.net.network.settings;
  return kernel.networks.sysctls.map((path) => [
    path,
    () => settings().get(path),
    (text) => settings().set(path, text),
  ]);
}

/** Parameters nobody can set on Linux either. */
const READ_ONLY = new Set([
  'kernel/ostype',
  'kernel/osrelease',
  'kernel/version',
  'kernel/arch',
  'kernel/ngroups_max',
  'kernel/cap_last_cap',
  'kernel/random/boot_id',
  'kernel/random/uuid',
  'kernel/random/entropy_avail',
  'kernel/random/poolsize',
  'kernel/pty/nr',
  'kernel/seccomp/actions_avail',
  'fs/aio-nr',
  'fs/dentry-state',
  'fs/file-nr',
  'fs/inode-nr',
  'fs/inode-state',
  'net/ipv4/tcp_available_congestion_control',
]);

function modeOf(path: string): number {
  return READ_ONLY.has(path) ? 0o444 : 0o644;
}

/** /proc/sys */
export function sysctlDir(fs: ProcFs): Inode {
  return new PseudoDir(fs, 0o555, undefined, (root) => fillSysctls(fs, root));
}

function fillSysctls(fs: ProcFs, root: PseudoDir): void {
  const place = (path: string, make: (dir: PseudoDir, name: string) => void): void => {
    const parts = path.split('/');
    const name = parts.pop()!;
    let dir = root;
    for (const part of parts) dir = dir.dir(part);
    make(dir, name);
  };
  for (const [path, value] of Object.entries(SYSCTL_CONSTANTS)) {
    place(path, (dir, name) => dir.add(name, new SysctlFile(fs, () => value, null, modeOf(path))));
  }
  for (const [path, value, assign] of variables(fs.kernel)) {
    place(path, (dir, name) => dir.add(name, new SysctlFile(fs, value, assign ?? null, modeOf(path))));
  }
}
