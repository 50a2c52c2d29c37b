import { CAP_SYS_ADMIN, EINVAL, EIO } from '@sandbox/abi';
import {
  type File,
  type FileSystem,
  type FsLog,
  type FsParam,
  type FsSetup,
  LOOKUP_FOLLOW,
  mountOverlay,
  type NamedPlace,
  OverlayConfig,
  type Path,
  type UpperUse,
} from '@sandbox/vfs';
import type { KernelCore } from '../../process/kernel/kernel-core.js';
import { INITIAL_USER_NS, type UserNamespace } from '../../process/ns/user-ns.js';

/** Lower directories of one overlay (Linux: OVL_MAX_STACK). */
const MAX_LOWER = 500;
const LAYERS = ['lowerdir', 'lowerdir+', 'datadir+', 'upperdir', 'workdir'];

/**
 * An overlay under construction, for mount(2) and fsconfig(2). Directories are looked up when they are named,
 * with the rights of whoever does.
 */
export class OverlaySetup implements FsSetup {
  private readonly config = new OverlayConfig();
  private readonly userNs: UserNamespace;
  private lowerText: string | null = null;
  private lowers: NamedPlace[] = [];
  private upper: NamedPlace | null = null;
  private work: NamedPlace | null = null;

  constructor(
    private readonly kernel: KernelCore,
    private readonly use: UpperUse,
    private readonly log: FsLog,
  ) {
    this.userNs = kernel.current!.cred.userNs;
  }

  set(param: FsParam): number {
    const { key } = param;
    if (LAYERS.includes(key)) return this.setLayer(param);
    switch (OverlayConfig.kindOf(key)) {
      case 'flag':
        if (param.kind !== 'flag') return this.wrong(`Unexpected value for '${key}'`);
        this.config.flag(key);
        return 0;
      case 'enum':
        if (param.kind !== 'string' || this.config.choose(key, param.text) !== 0) return this.bad(key);
        return 0;
      default:
        this.log.error(`overlay: Unknown parameter '${key}'`);
        return -EINVAL;
    }
  }

  private wrong(text: string): number {
    this.log.error(`overlay: ${text}`);
    return -EINVAL;
  }
  private bad(key: string): number {
    return this.wrong(`Bad value for '${key}'`);
  }

  private setLayer(param: FsParam): number {
    const { key } = param;
    if (param.kind === 'file' && key !== 'lowerdir') return this.addFile(key, param.file);
    if (param.kind !== 'string') return this.bad(key);
    if (key === 'lowerdir') return this.setLowers(param.text);
    if (param.text === '') return this.bad(key);
    const upper = key === 'upperdir' || key === 'workdir';
    return this.add(key, param.text, upper ? plain(param.text) : param.text);
  }

  /** All lower directories at once, with colons between them; what there was before is forgotten. */
  private setLowers(text: string): number {
    this.forgetLowers();
    if (text === '') return 0;
    const names = splitLowers(text);
    if (names === null || names.length > MAX_LOWER) return -EINVAL;
    this.lowerText = text;
    for (const name of names) {
      const e = this.add('lowerdir', name, plain(name));
      if (e !== 0) return e;
    }
    return 0;
  }

  private addFile(key: string, file: File): number {
    const { path } = file;
    if (path === null || !path.mount.attached) return -EINVAL;
    const name = this.kernel.vfs.pathText(this.kernel.current!.fs, path);
    return this.place(key, name, path);
  }

  private add(key: string, name: string, path: string): number {
    if (path === '') return -EINVAL;
    const { fs, cred } = this.kernel.current!;
    const place = this.kernel.vfs.resolve(fs, cred, null, path, LOOKUP_FOLLOW);
    return typeof place === 'number' ? place : this.place(key, name, place);
  }

  private place(key: string, name: string, place: Path): number {
    if (!place.inode.isDirectory) return this.wrong(`${name} is not a directory`);
    if (key === 'upperdir' || key === 'workdir') {
      if (place.mount.fs.typeName === 'overlay')
        return this.wrong(`filesystem on ${name} not supported as upperdir`);
      if (place.mount.readOnly) return this.wrong(`filesystem on ${name} is read-only`);
      const was = key === 'upperdir' ? this.upper : this.work;
      const named = { name, place: place.pin() };
      if (key === 'upperdir') this.upper = named;
      else this.work = named;
      was?.place.unpin();
      return 0;
    }
    if (this.lowerText !== null && key !== 'lowerdir')
      return this.wrong('lowerdir+ and datadir+ cannot follow lowerdir');
    if (this.lowers.length === MAX_LOWER)
      return this.wrong(`too many lower directories, limit is ${MAX_LOWER}`);
    // Layers of content alone are for copies without any, which are not made here.
    if (key === 'datadir+') return this.bad(key);
    this.lowers.push({ name, place: place.pin() });
    return 0;
  }

  create(_source: string): FileSystem | number {
    const { lowerText, lowers, upper, work, config } = this;
    const { cred } = this.kernel.current!;
    if (cred.userNs !== this.userNs) return -EIO;
    const trusted = this.userNs === INITIAL_USER_NS && cred.capable(CAP_SYS_ADMIN);
    const parts = { lowerText, lowers, upper, work: upper === null ? null : work, config, trusted };
    return mountOverlay(this.kernel.vfs, parts, this.use);
  }

  release(): void {
    this.forgetLowers();
    this.upper?.place.unpin();
    this.work?.place.unpin();
    this.upper = this.work = null;
  }

  private forgetLowers(): void {
    for (const { place } of this.lowers) place.unpin();
    this.lowers = [];
    this.lowerText = null;
  }
}

/**
 * The names between single colons, with their backslashes; null: colons where none may be, or layers of
 * content alone.
 */
function splitLowers(text: string): string[] | null {
  const names: string[] = [''];
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (c === ':') names.push('');
    else if (c === '\\' && i + 1 < text.length) names[names.length - 1] += c + text[++i]!;
    else names[names.length - 1] += c;
  }
  return names.includes('') ? null : names;
}

function plain(text: string): string {
  return text.replace(/\\(.?)/gs, '$1');
}

/**
 * The options of mount(2), each with its value, split at commas that have no backslash in front
 * (ovl_next_opt).
 */
export function* overlayOptions(data: string): Generator<FsParam> {
  for (const [option] of data.matchAll(/(?:\\.|[^,\\])+/gs)) {
    const at = option.indexOf('=');
    if (at === 0) continue;
    if (at < 0) yield { key: option, kind: 'flag' };
    else yield { key: option.slice(0, at), kind: 'string', text: option.slice(at + 1) };
  }
}
