import {
  DEVPTS_SUPER_MAGIC,
  DT_CHR,
  EINVAL,
  ENOENT,
  ENOSPC,
  makedev,
  PTMX_MINOR,
  S_IFCHR,
  S_IFDIR,
  TTYAUX_MAJOR,
  UNIX98_PTY_SLAVE_MAJOR,
} from '@sandbox/abi';
import type { Credentials, DirEmitter, Inode } from '@sandbox/vfs';
import { PseudoFs, PseudoInode } from '../../pseudo/inode.js';
import { Tty } from './tty.js';
import type { Ttys } from './ttys.js';

const ROOT_INO = 1;
const PTMX_INO = 2;
/** Inode number of node 0. */
const FIRST_INO = 3;

/** Device number of /dev/pts/N. Beyond 2^20 there are none. */
function slaveRdev(index: number): number {
  return makedev(UNIX98_PTY_SLAVE_MAJOR, index);
}

/** Mount options (Documentation/filesystems/devpts). */
export interface DevptsOptions {
  /** Owner of new nodes; default: whoever opened ptmx. */
  uid?: number;
  /** Group of new nodes; default: the opener's. */
  gid?: number;
  mode?: number;
  ptmxmode?: number;
  max?: number;
}

/** One node: /dev/pts/N. */
export class PtsInode extends PseudoInode {
  constructor(
    fs: Devpts,
    readonly tty: Tty,
    mode: number,
  ) {
    super(fs, S_IFCHR | mode, FIRST_INO + tty.index);
    this.rdev = tty.rdev;
    this.blksize = 1024;
  }
}

/** /dev/pts/ptmx: makes terminals in this very instance. */
export class PtmxInode extends PseudoInode {
  constructor(
    readonly devpts: Devpts,
    mode: number,
  ) {
    super(devpts, S_IFCHR | mode, PTMX_INO);
    this.rdev = makedev(TTYAUX_MAJOR, PTMX_MINOR);
    this.blksize = 1024;
  }
}

class DevptsRoot extends PseudoInode {
  constructor(private readonly devpts: Devpts) {
    super(devpts, S_IFDIR | 0o755, ROOT_INO);
    this.nlink = 2;
    this.blksize = 1024;
  }

  override lookup(name: string): Inode | number {
    if (name === 'ptmx') return this.devpts.ptmx;
    return this.devpts.nodes.get(indexOf(name)) ?? -ENOENT;
  }

  /** Nodes come and go with their masters. */
  override revalidate(name: string, child: Inode | null): boolean {
    return this.lookup(name) === (child ?? -ENOENT);
  }

  override readdir(pos: number, emit: DirEmitter): number {
    if (pos <= 2 && !emit('ptmx', PTMX_INO, DT_CHR, 3)) return 0;
    const first = Math.max(pos - 3, 0);
    const indices = [...this.devpts.nodes.keys()].filter((n) => n >= first).sort((a, b) => a - b);
    for (const n of indices) if (!emit(String(n), FIRST_INO + n, DT_CHR, n + 4)) return 0;
    return 0;
  }
}

/** The number a node name stands for; -1 when it is none. */
function indexOf(name: string): number {
  return /^(0|[1-9]\d{0,6})$/.test(name) ? Number(name) : -1;
}

/** devpts: the nodes of pseudo-terminals (pts(4)). */
export class Devpts extends PseudoFs {
  readonly typeName = 'devpts';
  readonly root: Inode;
  readonly ptmx: PtmxInode;
  readonly nodes = new Map<number, PtsInode>();

  constructor(
    readonly ttys: Ttys,
    private readonly given: DevptsOptions = { gid: 5, mode: 0o620, ptmxmode: 0o666 },
  ) {
    super(ttys.kernel.mountEnv, DEVPTS_SUPER_MAGIC);
    this.source = 'devpts';
    this.root = new DevptsRoot(this);
    this.ptmx = new PtmxInode(this, given.ptmxmode ?? 0);
  }

  /** A new pseudo-terminal for `cred`; -ENOSPC when there are too many. */
  create(cred: Credentials): PtsInode | number {
    const { ttys } = this;
    const limit = Math.min(this.given.max ?? ttys.max, ttys.max);
    if (ttys.count >= ttys.max) return -ENOSPC;
    let index = 0;
    while (this.nodes.has(index)) index++;
    if (index >= limit) return -ENOSPC;
    const tty = new Tty(ttys.kernel, this, index, slaveRdev(index));
    const node = new PtsInode(this, tty, this.given.mode ?? 0o600);
    node.uid = this.given.uid ?? cred.fsuid;
    node.gid = this.given.gid ?? cred.fsgid;
    this.nodes.set(index, node);
    ttys.count++;
    return node;
  }

  /** The master is closed: the name is free. */
  remove(tty: Tty): void {
    const node = this.nodes.get(tty.index);
    if (node === undefined || node.tty !== tty) return;
    node.nlink = 0;
    this.nodes.delete(tty.index);
  }

  override get options(): string {
    const { uid, gid, mode, ptmxmode, max } = this.given;
    let s = '';
    if (uid !== undefined) s += `uid=${uid},`;
    if (gid !== undefined) s += `gid=${gid},`;
    s += `mode=${octal(mode ?? 0o600)},ptmxmode=${octal(ptmxmode ?? 0)}`;
    if (max !== undefined) s += `,max=${max}`;
    return s;
  }
}

function octal(mode: number): string {
  return mode.toString(8).padStart(3, '0');
}

/** Options of mount(2) for devpts: "gid=5,mode=620"; -EINVAL for one that is not known. */
export function parseDevptsOptions(data: string): DevptsOptions | number {
  const o: DevptsOptions = {};
  for (const part of data.split(',')) {
    const [key = '', value = ''] = part.split('=', 2);
    const octalValue = /^[0-7]{1,5}$/.test(value) ? Number.parseInt(value, 8) & 0o777 : -1;
    const decimal = /^\d{1,10}$/.test(value) ? Number(value) : -1;
    if (key === '' || key === 'newinstance') continue;
    if (key === 'mode' && octalValue >= 0) o.mode = octalValue;
    else if (key === 'ptmxmode' && octalValue >= 0) o.ptmxmode = octalValue;
    else if (key === 'uid' && decimal >= 0) o.uid = decimal;
    else if (key === 'gid' && decimal >= 0) o.gid = decimal;
    else if (key === 'max' && decimal >= 0) o.max = decimal;
    else return -EINVAL;
  }
  return o;
}
