import { OVERLAYFS_SUPER_MAGIC } from '@sandbox/abi';
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
import { OverlayDirectory } from './directory.js';
import { OverlayIndex } from './index.js';
import { OverlayInode } from './inode.js';
import { type Layers, mergedBelow } from './layers.js';
import { getNumberMark, LINKS, ORIGIN } from './marks.js';

export interface OverlayOptions {
  /** What shines through, unchanged: one layer, or several, topmost first. */
  readonly lower: FileSystemSpec | readonly FileSystemSpec[];
  /** Takes every change; without it the overlay is read-only. */
  readonly upper?: FileSystemSpec;
}

/** Layers number their inodes from here on upwards, each in a range of its own. */
const LAYER_SHIFT = 2 ** 48;
const MAX_LAYERS = 30;

/** Layers shown as one tree. See `overlay`. */
export class OverlayFileSystem extends FileSystem {
  readonly typeName: string = 'overlay';
  readonly root: OverlayDirectory;
  readonly index: OverlayIndex;
  private readonly kept = new Set<OverlayInode>();

  constructor(
    env: MountEnvironment,
    readonly lowerLayers: readonly FileSystem[],
    readonly upperLayer: FileSystem | null,
  ) {
    super(env);
    this.source = 'overlay';
    this.readOnly = upperLayer === null || upperLayer.readOnly;
    this.index = new OverlayIndex(upperLayer === null ? null : upperLayer.root);
    if (upperLayer !== null && !this.readOnly) dressRoot(upperLayer.root, lowerLayers[0]!.root);
    this.root = this.directory(upperLayer === null ? null : upperLayer.root, this.lowerRoots());
  }

  private lowerRoots(): Layers {
    return {
      lowers: this.lowerLayers.map((fs) => fs.root),
      layers: this.lowerLayers.map((_, i) => i),
      path: '',
    };
  }

  /** st_ino of a file in lower layer `layer`: its own where that is the topmost. */
  lowerIno(layer: number, ino: number): number {
    return layer === 0 ? ino : ino + (layer + 1) * LAYER_SHIFT;
  }
  upperIno(ino: number): number {
    return ino + LAYER_SHIFT;
  }

  directory(upper: Inode | null, below: Layers): OverlayDirectory {
    const { lowers, layers, path } = below;
    const ino = lowers.length > 0 ? this.lowerIno(layers[0]!, lowers[0]!.ino) : this.upperIno(upper!.ino);
    return new OverlayDirectory(this, upper, lowers, layers, path, ino);
  }

  /** Keep `inode` in memory: what it knows of itself is nowhere else. */
  keep(inode: OverlayInode): void {
    this.kept.add(inode);
  }
  unkeep(inode: OverlayInode): void {
    this.kept.delete(inode);
  }

  /** A file of a lower layer, or the copy of it that was made under another of its names. */
  lowerFile(lower: Inode, layer: number): OverlayInode {
    const ino = this.lowerIno(layer, lower.ino);
    const copy = lower.nlink > 1 ? this.index.find(ino) : null;
    if (copy === null) return new OverlayInode(this, null, lower, ino);
    return (copy.above as OverlayInode | null) ?? this.indexed(copy, lower, ino);
  }

  /** A file of the upper layer, made there or copied up. */
  upperFile(upper: Inode): OverlayInode {
    const ino = getNumberMark(upper, ORIGIN) ?? this.upperIno(upper.ino);
    if (upper.nlink > 1 && getNumberMark(upper, LINKS) !== null) return this.indexed(upper, null, ino);
    return new OverlayInode(this, upper, null, ino);
  }

  private indexed(copy: Inode, lower: Inode | null, ino: number): OverlayInode {
    const inode = new OverlayInode(this, copy, lower, ino);
    inode.linkDelta = getNumberMark(copy, LINKS) ?? 0;
    this.index.add(inode);
    inode.sync();
    return inode;
  }

  /** The lower directories at `path` (absolute, '' the root), or -errno. */
  lowersAt(path: string): Layers | number {
    let at = this.lowerRoots();
    for (const name of path.split('/')) {
      if (name === '') continue;
      const next = mergedBelow(at, name);
      if (typeof next === 'number') return next;
      at = next;
    }
    return at;
  }

  override get allowsIdMap(): boolean {
    return true;
  }

  override statfs(): FsStats {
    const stats = (this.upperLayer ?? this.lowerLayers[0]!).statfs();
    stats.type = OVERLAYFS_SUPER_MAGIC;
    return stats;
  }

  override get options(): string {
    const lower = `lowerdir=${this.lowerLayers.map((fs) => fs.source).join(':')}`;
    return this.upperLayer === null ? lower : `${lower},upperdir=${this.upperLayer.source}`;
  }

  override sync(): number {
    return this.upperLayer?.sync() ?? 0;
  }

  override dispose(): void {
    this.upperLayer?.dispose();
    for (const fs of this.lowerLayers) fs.dispose();
  }
}

/** A fresh upper layer gets the looks of what it will hide. */
function dressRoot(upper: Inode, lower: Inode): void {
  let empty = true;
  upper.readdir(2, () => {
    empty = false;
    return false;
  });
  if (!empty) return;
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

function createOverlay(
  lower: readonly FileSystemSpec[],
  upper: FileSystemSpec | null,
  env: MountEnvironment,
): OverlayFileSystem {
  const made: FileSystem[] = [];
  try {
    for (const spec of lower) made.push(spec.createLayer?.(env, false) ?? spec.create(env));
    const top = upper === null ? null : (upper.createLayer?.(env, true) ?? upper.create(env));
    return new OverlayFileSystem(env, made, top);
  } catch (error) {
    for (const fs of made) fs.dispose();
    throw error;
  }
}

/**
 * Several file systems as one tree: `overlay({ lower: hostfs('/'), upper: tmpfs() })` shows the host's files, and what the
 * guest changes is kept in memory. The layers belong to the overlay alone.
 *
 * @throws VfsError ERR_VFS_INVALID_OPTION at once, and what the layers throw when they are built.
 */
export function overlay(options: OverlayOptions): FileSystemSpec {
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
