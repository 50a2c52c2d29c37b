import { EFAULT, EINVAL, EMSGSIZE, ENODATA } from '@sandbox/abi';
import {
  type FileSystem,
  FsLog,
  type FsParam,
  type FsSetup,
  type FsTypeFactory,
  type IoBuf,
  type Mount,
} from '@sandbox/vfs';
import { AnonFile } from '../../process/files/anon-file.js';
import type { KernelCore } from '../../process/kernel/kernel-core.js';
import { OptionSetup } from './option-setup.js';

/** How far a file system under construction is (Linux: enum fs_context_phase). */
export const CREATE_PARAMS = 0;
export const AWAITING_MOUNT = 1;
export const RECONF_PARAMS = 2;
export const FAILED = 3;

/** Parameters every file system has; but for 'ro' and 'rw' they change nothing (vfs_parse_sb_flag). */
const COMMON = ['sync', 'async', 'dirsync', 'lazytime', 'nolazytime', 'mand', 'nomand'];

/**
 * What fsopen(2) and fspick(2) give: parameters are collected until a command makes, or changes, a file
 * system of them.
 */
export class FsContextFile extends AnonFile {
  protected readonly kind = 'fscontext';
  phase = CREATE_PARAMS;
  source = '';
  readOnly = false;
  /** Made by FSCONFIG_CMD_CREATE, until fsmount(2) takes it. */
  made: FileSystem | null = null;
  private readonly log = new FsLog();
  private readonly options: OptionSetup;
  private readonly setup: FsSetup;

  constructor(
    kernel: KernelCore,
    flags: number,
    private readonly type: string,
    private readonly factory: FsTypeFactory,
    /** fspick(2): the mount whose file system is to change. */
    readonly picked: Mount | null,
  ) {
    super(kernel.anonInode, flags);
    this.options = new OptionSetup(type, factory, kernel.vfs.env, this.log);
    this.setup = (picked === null ? factory.setup?.(this.log) : undefined) ?? this.options;
    if (picked !== null) {
      this.phase = RECONF_PARAMS;
      this.readOnly = picked.fs.readOnly;
      picked.pins++;
    }
  }

  /** One parameter (vfs_parse_fs_param). 0 or -errno. */
  set(param: FsParam): number {
    const { key } = param;
    if (key === 'ro' || key === 'rw') {
      this.readOnly = key === 'ro';
      return 0;
    }
    if (COMMON.includes(key)) return 0;
    if (key === 'source') return this.setSource(param);
    if (this.phase === RECONF_PARAMS && this.factory.setup !== undefined) {
      this.log.error(`${this.type}: No changes allowed in reconfigure`);
      return -EINVAL;
    }
    return this.setup.set(param);
  }

  private setSource(param: FsParam): number {
    if (param.kind !== 'string') this.log.error('Non-string source');
    else if (this.source !== '') this.log.error('Multiple sources');
    else {
      this.source = param.text;
      return 0;
    }
    return -EINVAL;
  }

  /** The file system of what was collected, or -errno. */
  create(): FileSystem | number {
    return this.setup.create(this.source);
  }

  /** The parameters for a change, as mount(2) has them; none are left. */
  takeOptions(): string {
    return this.options.take();
  }

  /** One message a read: what went wrong. */
  override read(io: IoBuf): number {
    const text = this.log.next;
    if (text === undefined) return -ENODATA;
    if (text.length > io.remaining) return -EMSGSIZE;
    this.log.take();
    const n = io.put(Buffer.from(text, 'latin1'), 0, text.length);
    return n < text.length ? -EFAULT : n;
  }

  override release(): void {
    this.setup.release();
    this.made?.dispose();
    this.made = null;
    if (this.picked !== null && --this.picked.pins === 0) this.picked.retireIfIdle();
  }
}
