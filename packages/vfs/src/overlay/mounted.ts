import { EBUSY, EEXIST, EINVAL, ELOOP, ENOTDIR, S_IFCHR, S_IFDIR, S_IFREG } from '@sandbox/abi';
import type { Dentry } from '../core/dentry.js';
import type { Inode, NewInode } from '../core/inode.js';
import type { Mount } from '../core/mount.js';
import type { Vfs } from '../core/ops/vfs.js';
import type { Path } from '../core/path.js';
import { clearDirectory } from './clear.js';
import type { OverlayConfig } from './config.js';
import { OverlayIndex } from './index.js';
import type { Layer } from './layers.js';
import { IMPURE, isWhiteout, Marks, UUID } from './marks.js';
import { OverlayFileSystem, type OverlayRules } from './overlay.js';
import { SharedLayers } from './shared.js';

/** Overlays that may lie on each other (Linux: FILESYSTEM_MAX_STACK_DEPTH). */
const MAX_DEPTH = 2;
const MAX_FILE_SYSTEMS = 30;

/** A directory, and how whoever mounts the overlay called it. */
export interface NamedPlace {
  readonly name: string;
  readonly place: Path;
}

/** What an overlay is made of. Lower directories come topmost first. */
export interface OverlayParts {
  /** The option lowerdir as it was given; null: they came one by one (lowerdir+). */
  readonly lowerText: string | null;
  readonly lowers: readonly NamedPlace[];
  readonly upper: NamedPlace | null;
  readonly work: NamedPlace | null;
  readonly config: OverlayConfig;
  /** May the overlay use attributes named `trusted.`? */
  readonly trusted: boolean;
}

/** Upper and work directories of overlays that are mounted. */
export class UpperUse {
  private readonly used = new Map<Inode, number>();

  has(inode: Inode): boolean {
    return this.used.has(inode);
  }
  take(inode: Inode): void {
    this.used.set(inode, (this.used.get(inode) ?? 0) + 1);
  }
  leave(inode: Inode): void {
    const n = this.used.get(inode)! - 1;
    if (n === 0) this.used.delete(inode);
    else this.used.set(inode, n);
  }
}

/** An overlay of directories of mounted file systems. */
class MountedOverlay extends OverlayFileSystem {
  constructor(
    vfs: Vfs,
    private readonly parts: OverlayParts,
    lowers: readonly Layer[],
    upper: Layer | null,
    rules: OverlayRules,
    private readonly use: UpperUse,
  ) {
    super(vfs.env, lowers, upper, rules);
    this.source = 'none';
    this.stackDepth =
      1 + Math.max(0, ...[...lowers, ...(upper === null ? [] : [upper])].map((l) => l.fs.stackDepth));
  }

  override get keepsNothing(): boolean {
    return this.parts.config.has('volatile');
  }
  override get allowsIdMap(): boolean {
    return false;
  }
  override get canWrite(): boolean {
    return this.upperLayer !== null;
  }

  override get options(): string {
    const { lowerText, lowers, upper, work, config } = this.parts;
    const dirs =
      lowerText !== null ? [`lowerdir=${octal(lowerText)}`] : lowers.map((l) => `lowerdir+=${octal(l.name)}`);
    if (upper !== null) dirs.push(`upperdir=${octal(upper.name)}`, `workdir=${octal(work!.name)}`);
    const first = (this.upperLayer ?? this.lowerLayers[0]!).fs;
    return dirs.join(',') + config.text(this.lowerLayers.every((l) => l.fs === first));
  }

  override dispose(): void {
    const { upper, work } = this.parts;
    if (upper !== null) this.use.leave(upper.place.inode);
    if (work !== null) this.use.leave(work.place.inode);
    super.dispose();
  }
}

/** As seq_show_option does: what would end the option, or a field. */
function octal(text: string): string {
  return text.replace(/[,=\\ \t\n]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`);
}

/**
 * The overlay that mount(2) of type "overlay" makes, or -errno: -EINVAL (parts that do not fit), -ELOOP
 * (directories within each other), -EBUSY (the upper one belongs to another overlay, with index=on), or what
 * making things in the work directory answers (ovl_fill_super).
 */
export function mountOverlay(vfs: Vfs, parts: OverlayParts, use: UpperUse): OverlayFileSystem | number {
  const { lowers, upper, work, config } = parts;
  const e = config.verify(upper !== null, parts.trusted) || checkParts(parts);
  if (e !== 0) return e;
  const marks = upper === null ? marksOf(parts) : prepareUpper(vfs, parts, use);
  if (typeof marks === 'number') return marks;
  if (upper === null && lowers.length === 1) return -EINVAL;
  const all = [...lowers, ...(upper === null ? [] : [upper])];
  if (all.some((l) => l.place.mount.fs.stackDepth >= MAX_DEPTH)) return -EINVAL;
  if (new Set(all.map((l) => l.place.mount.fs)).size > MAX_FILE_SYSTEMS) return -EINVAL;
  const traps = new Set<Inode>();
  for (const { place } of [...(upper === null ? [] : [upper, work!]), ...lowers]) {
    if (traps.has(place.inode)) return -ELOOP;
    traps.add(place.inode);
  }
  if (upper !== null) nameOverlay(vfs, upper.place.inode, marks, config);
  const inUse = checkOverlap(parts, use, traps);
  if (inUse !== 0) return inUse;
  const index = indexOf(vfs, parts);
  if (typeof index === 'number') return index;
  const rules: OverlayRules = {
    marks,
    redirects:
      config.values.redirect_dir === 'nofollow' ? 'off' : (config.values.redirect_dir as 'on' | 'follow'),
    index,
    metacopy: config.values.metacopy === 'on',
    verity: config.values.verity as OverlayRules['verity'],
    marksNew: config.keepsLower,
    shared: new SharedLayers(vfs, upper === null ? null : upper.place.dentry, traps),
  };
  if (upper !== null) {
    use.take(upper.place.inode);
    use.take(work!.place.inode);
  }
  return new MountedOverlay(
    vfs,
    parts,
    lowers.map((l) => layerAt(vfs, l.place)),
    upper === null ? null : layerAt(vfs, upper.place),
    rules,
    use,
  );
}

function checkParts({ lowers, upper, work }: OverlayParts): number {
  if (lowers.length === 0) return -EINVAL;
  // Owners would have to be translated.
  if ([...lowers, ...(upper === null ? [] : [upper])].some((l) => l.place.mount.ids !== null)) return -EINVAL;
  if (upper === null) return 0;
  if (work === null || upper.place.mount.readOnly) return -EINVAL;
  const u = upper.place;
  const w = work.place;
  return u.mount !== w.mount || u.dentry.isWithin(w.dentry) || w.dentry.isWithin(u.dentry) ? -EINVAL : 0;
}

function marksOf({ config, trusted }: OverlayParts): Marks {
  if (config.has('userxattr')) return USER_MARKS;
  return new Marks(trusted ? ['trusted.overlay.'] : [], true);
}

/** Can `dir` have them? */
function keeps(marks: Marks, dir: Inode): boolean {
  return marks.setOpaque(dir) === 0 && marks.remove(dir, 'opaque') === 0;
}

const DIRECTORY: NewInode = { mode: S_IFDIR, uid: 0, gid: 0, rdev: 0 };
const PROBE = '#0';
const USER_MARKS = new Marks(['user.overlay.'], true);

/**
 * The place for work, and what the upper layer can keep (ovl_make_workdir): the marks it takes, or -errno.
 */
function prepareUpper(vfs: Vfs, parts: OverlayParts, use: UpperUse): Marks | number {
  const { upper, work, config } = parts;
  const busy = use.has(upper!.place.inode) || use.has(work!.place.inode);
  if (busy && config.values.index === 'on') return -EBUSY;
  const dir = emptyDirectory(vfs, work!.place.dentry, 'work');
  if (typeof dir === 'number') return dir;
  // Names that are gone need a mark of their own.
  const probe = dir.mknod(PROBE, { mode: S_IFCHR, uid: 0, gid: 0, rdev: 0 });
  if (typeof probe === 'number' || !isWhiteout(probe)) return -EINVAL;
  dir.unlink(PROBE, probe);
  probe.evict();
  let marks = marksOf(parts);
  if (!keeps(marks, dir) && parts.trusted && keeps(USER_MARKS, dir)) {
    // A directory of the host takes no trusted attributes from guests: there they are the other ones.
    marks = USER_MARKS;
  } else if (!keeps(marks, dir)) config.withoutMarks();
  const r = config.has('volatile') ? noteVolatile(dir) : 0;
  return r < 0 ? r : marks;
}

/**
 * What a mount left in its work directory; one whose changes were never written back: not without somebody's
 * word.
 */
function staysInWork(name: string, inode: Inode): number {
  if (name === 'incompat') return -EINVAL;
  return inode.isDirectory ? 1 : 0;
}

/** `name` in `parent`, an empty directory nobody may use; or -errno. */
function emptyDirectory(vfs: Vfs, parent: Dentry, name: string): Inode | number {
  const dir = parent.inode!;
  const old = dir.lookup(name);
  if (typeof old !== 'number') {
    const e = old.isDirectory ? clearDirectory(old, staysInWork) : -ENOTDIR;
    if (e !== 0) return e;
    return old;
  }
  const made = dir.mknod(name, DIRECTORY);
  vfs.forget(parent, name);
  return made;
}

/** work/incompat/volatile/dirty: the upper layer is not to be used again. */
function noteVolatile(work: Inode): number {
  let at = work;
  for (const name of ['incompat', 'volatile', 'dirty']) {
    const known = at.lookup(name);
    const next =
      typeof known === 'number'
        ? at.mknod(name, { ...DIRECTORY, mode: name === 'dirty' ? S_IFREG : S_IFDIR })
        : known;
    if (typeof next === 'number') return next === -EEXIST ? 0 : next;
    at = next;
  }
  return 0;
}

function indexOf(vfs: Vfs, { work, config }: OverlayParts): OverlayIndex | number {
  if (work === null || config.values.index !== 'on') return new OverlayIndex(null, '', false);
  const parent = work.place.inode;
  const known = parent.lookup('index');
  if (typeof known === 'number') {
    const made = parent.mknod('index', DIRECTORY);
    vfs.forget(work.place.dentry, 'index');
    if (typeof made === 'number') return made;
  }
  return new OverlayIndex(parent, 'index', true);
}

/**
 * The upper layer remembers which overlay it is of, unless it is of one from before there were such names
 * (ovl_init_uuid_xattr).
 */
function nameOverlay(vfs: Vfs, upper: Inode, marks: Marks, { values }: OverlayConfig): void {
  if ((values.uuid !== 'auto' && values.uuid !== 'on') || marks.get(upper, UUID)?.length === 16) return;
  if (values.uuid === 'auto' && marks.get(upper, IMPURE) !== null) {
    values.uuid = 'null';
    return;
  }
  const uuid = Buffer.alloc(16);
  for (let i = 0; i < 16; i += 4) uuid.writeUInt32LE(vfs.env.random() >>> 0, i);
  // A random one (RFC 9562, version 4).
  uuid[6] = (uuid[6]! & 0x0f) | 0x40;
  uuid[8] = (uuid[8]! & 0x3f) | 0x80;
  values.uuid = marks.set(upper, UUID, uuid) === 0 ? 'on' : 'null';
}

/**
 * No lower directory may lie within another layer, or within the upper or work directory of any overlay
 * (ovl_check_overlapping_layers).
 */
function checkOverlap({ lowers, config }: OverlayParts, use: UpperUse, traps: ReadonlySet<Inode>): number {
  const strict = config.values.index === 'on';
  for (const place of lowers.map((l) => l.place)) {
    if (strict && use.has(place.inode)) return -EBUSY;
    for (let d = place.dentry.parent; d !== null; d = d.parent) {
      if (traps.has(d.inode!)) return -ELOOP;
      if (strict && use.has(d.inode!)) return -EBUSY;
    }
  }
  return 0;
}

/** `place` as a layer: what it is in stays, wherever it is mounted (clone_private_mount). */
function layerAt(vfs: Vfs, { mount, dentry }: Path): Layer {
  const own: Mount = vfs.createMount(mount.fs, mount.flags, dentry);
  own.pins++;
  return {
    fs: mount.fs,
    root: dentry.inode!,
    release: () => {
      if (--own.pins === 0) own.retireIfIdle();
    },
  };
}
