import { EINVAL, ENOSPC, S_IFDIR, TMPFS_MAGIC } from '@sandbox/abi';
import { VfsError } from '../core/errors.js';
import { FileSystem, type FileSystemSpec, type FsStats, type MountEnvironment } from '../core/filesystem.js';
import { FileHandles } from '../core/handles.js';
import type { NewInode } from '../core/inode.js';
import { checkOptionNames } from '../core/option-names.js';
import { PAGE_SIZE } from '../core/page-store.js';
import { type QuotaDefaults, Quotas } from '../core/quota.js';
import { TmpfsDirectory } from './directory.js';
import type { PageBudget } from './extents.js';
import { TmpfsRegular } from './regular.js';

export interface TmpfsOptions {
  /** Bytes of file content; default: as much as the page store gives. */
  size?: number;
  /**
   * Files, directories and further hard links; default: what the environment bounds all file systems to, else
   * 524288. Long symlink targets and attributes count too.
   */
  inodes?: number;
  /** Permission bits of the root; default 0o1777. */
  mode?: number;
  uid?: number;
  gid?: number;
  /**
   * Keep quotas of users, of groups (quotactl(2)); the limits are those of whoever is given none of his own.
   */
  userQuota?: QuotaDefaults;
  groupQuota?: QuotaDefaults;
}

const DEFAULT_INODES = 524288;

/** tmpfs(5): files in the page store, names on the heap. */
export class TmpfsFileSystem extends FileSystem implements PageBudget {
  readonly typeName: string = 'tmpfs';
  readonly root: TmpfsDirectory;
  maxPages: number;
  usedPages = 0;
  maxInodes: number;
  usedInodes = 0;
  /** What users and groups may use. */
  override readonly quotas: Quotas | null;
  readonly refusal = ENOSPC;
  private nextIno = 1;
  private readonly given: TmpfsOptions;

  constructor(env: MountEnvironment, given: TmpfsOptions = {}) {
    super(env);
    this.given = { ...given };
    this.source = 'tmpfs';
    this.maxPages = given.size === undefined ? Number.POSITIVE_INFINITY : Math.ceil(given.size / PAGE_SIZE);
    this.maxInodes = given.inodes ?? env.objects?.limit ?? DEFAULT_INODES;
    const { userQuota = null, groupQuota = null } = given;
    this.quotas = userQuota === null && groupQuota === null ? null : new Quotas(env, userQuota, groupQuota);
    this.chargeInodes(1);
    this.quotas?.charge(given.uid ?? 0, given.gid ?? 0, 0, 1);
    this.root = new TmpfsDirectory(this, {
      mode: S_IFDIR | (given.mode ?? 0o1777),
      uid: given.uid ?? 0,
      gid: given.gid ?? 0,
      rdev: 0,
    });
  }

  override get allowsIdMap(): boolean {
    return this.typeName === 'tmpfs';
  }
  override get ownsNames(): boolean {
    return true;
  }

  private ownHandles: FileHandles | null = null;
  override get handles(): FileHandles {
    return (this.ownHandles ??= new FileHandles());
  }

  freshIno(): number {
    return this.nextIno++;
  }

  // PageBudget
  /** Pages that can be had beyond those in use, whether anybody has filled them or not. */
  get freePages(): number {
    const capacity = this.env.pages.capacity?.();
    const most =
      capacity === undefined ? this.maxPages : Math.min(this.maxPages, Math.floor(capacity / PAGE_SIZE));
    return most - this.usedPages;
  }
  reserve(pages: number): boolean {
    if (pages > this.freePages) return false;
    this.usedPages += pages;
    return true;
  }
  unreserve(pages: number): void {
    this.usedPages -= pages;
  }

  /** Count `n` inodes' worth of heap; false when the limit is reached. */
  chargeInodes(n: number): boolean {
    if (this.usedInodes + n > this.maxInodes) return false;
    if (this.env.objects !== undefined && !this.env.objects.charge(n)) return false;
    this.usedInodes += n;
    return true;
  }
  unchargeInodes(n: number): void {
    this.usedInodes -= n;
    this.env.objects?.uncharge(n);
  }
  /** Count a new inode of `init`'s owners, with `weight` more. 0, -ENOSPC, -EDQUOT. */
  chargeNew(init: NewInode, weight = 0): number {
    if (!this.chargeInodes(1 + weight)) return -ENOSPC;
    if (this.quotas === null) return 0;
    const e = this.quotas.charge(init.uid, init.gid, 0, 1);
    if (e !== 0) this.unchargeInodes(1 + weight);
    return e;
  }
  unchargeNew(init: NewInode): void {
    this.unchargeInodes(1);
    this.quotas?.uncharge(init.uid, init.gid, 0, 1);
  }
  /**
   * A regular file without a name: memfd_create(2), shared anonymous memory, O_TMPFILE. -ENOSPC at the inode
   * limit.
   */
  createUnlinked(init: NewInode): TmpfsRegular | number {
    const charged = this.chargeNew(init);
    if (charged !== 0) return charged;
    const inode = new TmpfsRegular(this, init);
    inode.nlink = 0;
    const e = inode.inheritAcls(init);
    if (e !== 0) inode.evict();
    return e === 0 ? inode : e;
  }

  override statfs(): FsStats {
    let blocks = this.maxPages;
    let free = blocks - this.usedPages;
    if (!Number.isFinite(blocks)) {
      // Without a limit of its own it can take what memory there is: 0 would read as a full file system.
      const available = this.env.pages.available?.();
      free = Math.floor((available ?? 0) / PAGE_SIZE);
      blocks = available === undefined ? 0 : this.usedPages + free;
    }
    return {
      type: TMPFS_MAGIC,
      bsize: PAGE_SIZE,
      blocks,
      bfree: free,
      bavail: free,
      files: this.maxInodes,
      ffree: this.maxInodes - this.usedInodes,
      namelen: 255,
    };
  }

  override get options(): string {
    const o: string[] = [];
    if (this.given.size !== undefined) o.push(`size=${Math.ceil(this.given.size / 1024)}k`);
    if (this.given.inodes !== undefined) o.push(`nr_inodes=${this.given.inodes}`);
    if (this.given.mode !== undefined && this.given.mode !== 0o1777)
      o.push(`mode=${this.given.mode.toString(8)}`);
    if (this.given.uid) o.push(`uid=${this.given.uid}`);
    if (this.given.gid) o.push(`gid=${this.given.gid}`);
    o.push(...quotaText('usr', this.given.userQuota), ...quotaText('grp', this.given.groupQuota));
    return o.join(',');
  }

  /** New limits; -EINVAL when more is in use, as on Linux. */
  override reconfigure(data: string): number {
    const o = parseTmpfsOptions(data, this.maxPages * PAGE_SIZE);
    if (typeof o === 'number') return o;
    if (o.userQuota !== undefined && this.given.userQuota === undefined) return -EINVAL;
    if (o.groupQuota !== undefined && this.given.groupQuota === undefined) return -EINVAL;
    if (o.size !== undefined && Math.ceil(o.size / PAGE_SIZE) < this.usedPages) return -EINVAL;
    if (o.inodes !== undefined && o.inodes < this.usedInodes) return -EINVAL;
    if (o.size !== undefined) {
      this.given.size = o.size;
      this.maxPages = Math.ceil(o.size / PAGE_SIZE);
    }
    if (o.inodes !== undefined) this.given.inodes = this.maxInodes = o.inodes;
    return 0;
  }

  /** The last mount is gone: all pages return to the store. */
  override dispose(): void {
    this.root.disposeTree();
  }
}

/** Options as in /proc/mounts; limits in bytes. */
function quotaText(kind: 'usr' | 'grp', quota: QuotaDefaults | undefined): string[] {
  if (quota === undefined) return [];
  const o = [`${kind}quota`];
  if (quota.size) o.push(`${kind}quota_block_hardlimit=${quota.size}`);
  if (quota.inodes) o.push(`${kind}quota_inode_hardlimit=${quota.inodes}`);
  return o;
}

const NAMES: Record<keyof TmpfsOptions, true> = {
  size: true,
  inodes: true,
  mode: true,
  uid: true,
  gid: true,
  userQuota: true,
  groupQuota: true,
};
const QUOTA_NAMES: Record<keyof QuotaDefaults, true> = { size: true, inodes: true };

function checkNumbers(prefix: string, options: object): void {
  for (const [name, value] of Object.entries(options) as [string, unknown][]) {
    if (value === undefined || (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0))
      continue;
    throw new VfsError(
      'ERR_VFS_INVALID_OPTION',
      `tmpfs: ${prefix}${name} must be a whole number, not negative`,
    );
  }
}

/** A file system in memory: `tmpfs({ size: 64 * MiB })`. Throws `VfsError` (ERR_VFS_INVALID_OPTION). */
export function tmpfs(options: TmpfsOptions = {}): FileSystemSpec {
  const { userQuota, groupQuota, ...numbers } = checkOptionNames('tmpfs', options, NAMES);
  checkNumbers('', numbers);
  if (userQuota !== undefined)
    checkNumbers('userQuota.', checkOptionNames('tmpfs: userQuota', userQuota, QUOTA_NAMES));
  if (groupQuota !== undefined)
    checkNumbers('groupQuota.', checkOptionNames('tmpfs: groupQuota', groupQuota, QUOTA_NAMES));
  return { kind: 'tmpfs', create: (env) => new TmpfsFileSystem(env, options) };
}

/** Its parameters (Linux: shmem_fs_parameters). */
export const TMPFS_PARAMS: Readonly<Record<string, 'flag' | 'value'>> = {
  gid: 'value',
  huge: 'value',
  mode: 'value',
  mpol: 'value',
  nr_blocks: 'value',
  nr_inodes: 'value',
  size: 'value',
  uid: 'value',
  inode32: 'flag',
  inode64: 'flag',
  noswap: 'flag',
  quota: 'flag',
  usrquota: 'flag',
  grpquota: 'flag',
  usrquota_block_hardlimit: 'value',
  usrquota_inode_hardlimit: 'value',
  grpquota_block_hardlimit: 'value',
  grpquota_inode_hardlimit: 'value',
};

/**
 * mount(2) data of tmpfs, "size=10m,mode=755": options, or -EINVAL. `memory`: bytes that percentages refer
 * to.
 */
export function parseTmpfsOptions(data: string, memory: number): TmpfsOptions | number {
  const o: TmpfsOptions = {};
  const kept = new Set<string>();
  const limits: Record<string, { size?: number; inodes?: number }> = { usr: {}, grp: {} };
  for (const part of data.split(',')) {
    if (part === '') continue;
    const eq = part.indexOf('=');
    const key = eq < 0 ? part : part.slice(0, eq);
    const value = eq < 0 ? '' : part.slice(eq + 1);
    const n = parseSize(value, memory);
    switch (key) {
      case 'size':
        if (n > 0) o.size = n;
        break;
      case 'nr_blocks':
        if (n > 0) o.size = n * PAGE_SIZE;
        break;
      case 'nr_inodes':
        if (n > 0) o.inodes = n;
        break;
      case 'mode':
        if (!/^[0-7]{1,5}$/.test(value)) return -EINVAL;
        o.mode = Number.parseInt(value, 8) & 0o7777;
        continue;
      case 'uid':
        o.uid = n;
        break;
      case 'gid':
        o.gid = n;
        break;
      case 'quota':
        kept.add('usr').add('grp');
        continue;
      case 'usrquota':
      case 'grpquota':
        kept.add(key.slice(0, 3));
        continue;
      case 'usrquota_block_hardlimit':
      case 'grpquota_block_hardlimit':
        limits[key.slice(0, 3)]!.size = n;
        break;
      case 'usrquota_inode_hardlimit':
      case 'grpquota_inode_hardlimit':
        limits[key.slice(0, 3)]!.inodes = n;
        break;
      case 'huge':
      case 'mpol':
      case 'inode32':
      case 'inode64':
      case 'noswap':
        continue;
      default:
        return -EINVAL;
    }
    if (Number.isNaN(n)) return -EINVAL;
  }
  if (kept.has('usr')) o.userQuota = limits.usr!;
  if (kept.has('grp')) o.groupQuota = limits.grp!;
  return o;
}

/** A number with the suffix k, m or g, or a percentage of memory; NaN when it is none. */
function parseSize(text: string, memory: number): number {
  const m = /^(\d{1,15})([kmg%]?)$/i.exec(text);
  if (m === null) return Number.NaN;
  const n = Number(m[1]);
  switch (m[2]!.toLowerCase()) {
    case 'k':
      return n * 1024;
    case 'm':
      return n * 1024 ** 2;
    case 'g':
      return n * 1024 ** 3;
    case '%':
      return Math.floor((memory * n) / 100);
    default:
      return n;
  }
}
