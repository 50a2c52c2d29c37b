import { EIO, OVERLAYFS_SUPER_MAGIC } from '@sandbox/abi';
import { VfsError } from '../core/errors.js';
import { FileSystem, type FileSystemSpec, type FsStats, type MountEnvironment } from '../core/filesystem.js';
import {
  ATTR_ATIME,
  ATTR_GID,
  ATTR_MODE,
  ATTR_MTIME,
  ATTR_UID,
  type Inode,
  type SetAttr,
} from '../core/inode.js';
import { checkOptionNames } from '../core/option-names.js';
import { isEmpty } from './clear.js';
import { OverlayDirectory } from './directory.js';
import { OverlayIndex, WORK_NAME } from './index.js';
import { OverlayInode } from './inode.js';
import { type Layer, type Layers, mergedBelow, redirectOf } from './layers.js';
import { ListingCache } from './listing-cache.js';
import { HIDDEN_MARKS, LINKS, type Marks, METACOPY, ORIGIN } from './marks.js';
import type { SharedLayers } from './shared.js';

export interface OverlayOptions {
  /** What shines through, unchanged: one layer, or several, topmost first. */
  readonly lower: FileSystemSpec | readonly FileSystemSpec[];
  /** Takes every change; without it the overlay is read-only. */
  readonly upper?: FileSystemSpec;
}

const NAMES: Record<keyof OverlayOptions, true> = { lower: true, upper: true };

/** Layers number their inodes from here on upwards, each in a range of its own. */
const LAYER_SHIFT = 2 ** 48;
const MAX_LAYERS = 30;

/** How an overlay keeps what it knows. */
export interface OverlayRules {
  readonly marks: Marks;
  /**
   * Directories that merge with lower ones can be renamed (Linux: redirect_dir=on); `follow`: only those that
   * were are found.
   */
  readonly redirects: 'on' | 'follow' | 'off';
  readonly index: OverlayIndex;
  /**
   * Changed attributes are copied without the content of the file (Linux: metacopy=on), and such copies are
   * found.
   */
  readonly metacopy: boolean;
  /** Content found elsewhere is to have a digest (Linux: verity); no file here has any. */
  readonly verity: 'off' | 'on' | 'require';
  /**
   * New directories among merged ones are marked as merging with nothing, lest something comes to lie below
   * them later.
   */
  readonly marksNew: boolean;
  /** The layers are parts of trees that others see; null: they belong to the overlay alone. */
  readonly shared: SharedLayers | null;
}

/** Layers shown as one tree. See `overlay`, and `mountOverlay` for mount(2)'s. */
export class OverlayFileSystem extends FileSystem {
  readonly typeName: string = 'overlay';
  readonly root: OverlayDirectory;
  readonly lowerRoots: Layers;
  readonly marks: Marks;
  readonly index: OverlayIndex;
  readonly shared: SharedLayers | null;
  /** What directories were found to hold; null: names may change behind the overlay's back. */
  readonly listings: ListingCache | null;
  private readonly kept = new Set<OverlayInode>();
  /** What each layer's inode numbers begin at. */
  private readonly lowerBases: readonly number[];
  private readonly upperBase: number;

  constructor(
    env: MountEnvironment,
    readonly lowerLayers: readonly Layer[],
    readonly upperLayer: Layer | null,
    private readonly rules: OverlayRules,
  ) {
    super(env);
    this.source = 'overlay';
    this.readOnly = upperLayer === null || upperLayer.fs.readOnly;
    this.marks = rules.marks;
    this.index = rules.index;
    this.shared = rules.shared;
    const all = upperLayer === null ? lowerLayers : [upperLayer, ...lowerLayers];
    this.listings = rules.shared === null && all.every(({ fs }) => fs.ownsNames) ? new ListingCache() : null;
    this.lowerRoots = {
      lowers: lowerLayers.map((layer) => layer.root),
      layers: lowerLayers.map((_, i) => i),
      path: '',
    };
    // The topmost lower layer keeps its own numbers, and so do all that are of the same file system.
    const systems = [lowerLayers[0]!.fs];
    const baseOf = (fs: FileSystem): number => {
      if (!systems.includes(fs)) systems.push(fs);
      return systems.indexOf(fs) * LAYER_SHIFT;
    };
    this.upperBase = upperLayer === null ? 0 : baseOf(upperLayer.fs);
    this.lowerBases = lowerLayers.map((layer) => baseOf(layer.fs));
    this.root = this.directory(upperLayer === null ? null : upperLayer.root, this.lowerRoots);
  }

  /** st_ino of a file in lower layer `layer`. */
  lowerIno(layer: number, ino: number): number {
    return ino + this.lowerBases[layer]!;
  }
  upperIno(ino: number): number {
    return ino + this.upperBase;
  }

  /** By which inode of this overlay is `real`, of a layer, shown? Null: none is in memory. */
  shownBy(real: Inode): OverlayInode | null {
    return this.shared === null ? (real.above as OverlayInode | null) : this.shared.inodeOf(real);
  }
  /** `inode` shows `real`. `lower`: it is one of a lower layer, not copied up. */
  shows(real: Inode, inode: OverlayInode, lower = false): void {
    if (this.shared === null) real.above = inode;
    // Names of one lower file are separate files if a copy of it will be (ovl_hash_bylower).
    else if (!lower || this.index.used || this.upperLayer === null || real.isDirectory || real.nlink === 1)
      this.shared.remember(real, inode);
  }

  /** A file can have its content in another layer than its attributes. */
  get findsContent(): boolean {
    return this.rules.metacopy;
  }
  /** Files are copied up without their content. */
  get leavesContent(): boolean {
    return this.rules.metacopy && this.rules.verity !== 'require';
  }
  /**
   * May the content of `inode` be used? 0, -EIO: it should have a digest, and cannot be held against one
   * (ovl_validate_verity).
   */
  mayUse(inode: OverlayInode): number {
    if (inode.data === null || this.rules.verity === 'off') return 0;
    const digest = (this.marks.get(inode.real, METACOPY)?.length ?? 0) > 0;
    return digest || this.rules.verity === 'require' ? -EIO : 0;
  }

  get makesRedirects(): boolean {
    return this.rules.redirects === 'on';
  }
  get marksNew(): boolean {
    return this.rules.marksNew;
  }
  /**
   * Where a renamed directory of a layer was: an absolute path or a name; null: it was not, or that does not
   * count here.
   */
  redirectOf(dir: Inode): string | null {
    return this.rules.redirects === 'off' ? null : redirectOf(this, dir);
  }

  /** Does the name hold what the overlay keeps for itself? */
  isWork(dir: OverlayDirectory, name: string): boolean {
    return this.shared === null && name === WORK_NAME && dir === this.root;
  }
  /** No layer shows a directory that another layer, or the place for work, begins with. */
  isTrap(dir: Inode): boolean {
    return this.shared?.traps.has(dir) === true;
  }
  /** `name` in the upper directory of `dir` is not what it was. */
  changed(dir: OverlayInode, name: string): void {
    this.shared?.changed(dir, name);
  }
  /** `name` came into the upper directory of `dir`, which shows it with its number below. */
  copiedUp(dir: OverlayInode, name: string): void {
    if (this.shared === null) return;
    this.marks.setImpure(dir.upper!);
    this.shared.changed(dir, name);
  }

  /** fsync(2) and syncfs(2) do nothing (Linux: "volatile"). */
  get keepsNothing(): boolean {
    return false;
  }

  directory(upper: Inode | null, below: Layers): OverlayDirectory {
    const { lowers, layers, path } = below;
    const ino = lowers.length > 0 ? this.lowerIno(layers[0]!, lowers[0]!.ino) : this.upperIno(upper!.ino);
    return new OverlayDirectory(this, upper, lowers, layers, path, ino);
  }

  /** Keep `inode` in memory: what it knows of itself is nowhere else. */
  keep(inode: OverlayInode): void {
    if (this.shared === null) this.kept.add(inode);
  }
  unkeep(inode: OverlayInode): void {
    this.kept.delete(inode);
  }

  /** A file of a lower layer, or the copy of it that was made under another of its names. */
  lowerFile(lower: Inode, layer: number): OverlayInode {
    const ino = this.lowerIno(layer, lower.ino);
    const copy = lower.nlink > 1 ? this.index.find(ino) : null;
    if (copy === null) return new OverlayInode(this, null, lower, ino);
    return this.shownBy(copy) ?? this.indexed(copy, lower, ino);
  }

  /** A file of the upper layer, made there or copied up. */
  upperFile(upper: Inode): OverlayInode {
    const ino = this.marks.getNumber(upper, ORIGIN) ?? this.upperIno(upper.ino);
    if (upper.nlink > 1 && this.marks.getNumber(upper, LINKS) !== null) return this.indexed(upper, null, ino);
    return new OverlayInode(this, upper, null, ino);
  }

  private indexed(copy: Inode, lower: Inode | null, ino: number): OverlayInode {
    const inode = new OverlayInode(this, copy, lower, ino);
    inode.linkDelta = this.marks.getNumber(copy, LINKS) ?? 0;
    if (lower !== null && this.rules.metacopy && this.marks.get(copy, METACOPY) !== null) inode.data = lower;
    this.index.add(inode);
    inode.sync();
    return inode;
  }

  /** The lower directories at `path` (absolute, '' the root), or -errno. */
  lowersAt(path: string): Layers | number {
    let at = this.lowerRoots;
    for (const name of path.split('/')) {
      if (name === '') continue;
      const next = mergedBelow(this, at, name);
      if (typeof next === 'number') return next;
      at = next;
    }
    return at;
  }

  override get allowsIdMap(): boolean {
    return true;
  }
  override get ownsNames(): boolean {
    return this.listings !== null;
  }

  override statfs(): FsStats {
    const stats = (this.upperLayer ?? this.lowerLayers[0]!).fs.statfs();
    stats.type = OVERLAYFS_SUPER_MAGIC;
    return stats;
  }

  override get options(): string {
    const lower = `lowerdir=${this.lowerLayers.map((layer) => layer.fs.source).join(':')}`;
    return this.upperLayer === null ? lower : `${lower},upperdir=${this.upperLayer.fs.source}`;
  }

  override sync(): number {
    return this.keepsNothing ? 0 : (this.upperLayer?.fs.sync() ?? 0);
  }

  override dispose(): void {
    this.upperLayer?.release();
    for (const layer of this.lowerLayers) layer.release();
  }
}

/** A fresh upper layer gets the looks of what it will hide. */
function dressRoot(upper: Inode, lower: Inode): void {
  if (!isEmpty(upper)) return;
  const attr: SetAttr = {
    valid: ATTR_MODE | ATTR_UID | ATTR_GID | ATTR_ATIME | ATTR_MTIME,
    mode: lower.mode,
    uid: lower.uid,
    gid: lower.gid,
    size: 0,
    atimeSec: lower.atimeSec,
    atimeNsec: lower.atimeNsec,
    mtimeSec: lower.mtimeSec,
    mtimeNsec: lower.mtimeNsec,
  };
  upper.setattr(attr);
}

function wholeLayer(fs: FileSystem): Layer {
  return { fs, root: fs.root, release: () => fs.dispose() };
}

function createOverlay(
  lower: readonly FileSystemSpec[],
  upper: FileSystemSpec | null,
  env: MountEnvironment,
): OverlayFileSystem {
  const made: FileSystem[] = [];
  try {
    for (const spec of lower) made.push(spec.createLayer?.(env, false) ?? spec.create(env));
    const top = upper === null ? null : (upper.createLayer?.(env, true) ?? upper.create(env));
    if (top !== null && !top.readOnly) dressRoot(top.root, made[0]!.root);
    const index = new OverlayIndex(top === null ? null : top.root, WORK_NAME, true);
    const rules: OverlayRules = {
      marks: HIDDEN_MARKS,
      redirects: 'on',
      index,
      metacopy: false,
      verity: 'off',
      marksNew: false,
      shared: null,
    };
    return new OverlayFileSystem(env, made.map(wholeLayer), top === null ? null : wholeLayer(top), rules);
  } catch (error) {
    for (const fs of made) fs.dispose();
    throw error;
  }
}

/**
 * Several file systems as one tree: `overlay({ lower: hostfs('/'), upper: tmpfs() })` shows the host's files,
 * and what the guest changes is kept in memory. The layers belong to the overlay alone.
 *
 * @throws VfsError ERR_VFS_INVALID_OPTION at once, and what the layers throw when they are built.
 */
export function overlay(options: OverlayOptions): FileSystemSpec {
  checkOptionNames('overlay', options, NAMES);
  const lower = Array.isArray(options.lower)
    ? [...(options.lower as readonly FileSystemSpec[])]
    : [options.lower as FileSystemSpec];
  if (lower.length === 0 || lower.length > MAX_LAYERS || !lower.every(isSpec)) {
    throw new VfsError('ERR_VFS_INVALID_OPTION', `overlay: lower must be 1 to ${MAX_LAYERS} file systems`);
  }
  if (options.upper !== undefined && !isSpec(options.upper)) {
    throw new VfsError('ERR_VFS_INVALID_OPTION', 'overlay: upper must be a file system');
  }
  const upper = options.upper ?? null;
  return { kind: 'overlay', create: (env) => createOverlay(lower, upper, env) };
}

function isSpec(spec: FileSystemSpec): boolean {
  return typeof spec === 'object' && spec !== null && typeof spec.create === 'function';
}
