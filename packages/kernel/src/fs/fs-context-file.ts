import { ENODATA } from '@sandbox/abi';
import type { FileSystem, FsTypeFactory, Mount } from '@sandbox/vfs';
import type { KernelCore } from '../kernel/kernel-core.js';
import { AnonFile } from './anon-file.js';

/** How far a file system under construction is (Linux: enum fs_context_phase). */
export const CREATE_PARAMS = 0;
export const AWAITING_MOUNT = 1;
export const RECONF_PARAMS = 2;
export const FAILED = 3;

/** What fsopen(2) and fspick(2) give: options are collected until a command makes, or changes, a file system of them. */
export class FsContextFile extends AnonFile {
  protected readonly kind = 'fscontext';
  phase = CREATE_PARAMS;
  source = '';
  readOnly = false;
  readonly options: string[] = [];
  /** Made by FSCONFIG_CMD_CREATE, until fsmount(2) takes it. */
  made: FileSystem | null = null;

  constructor(
    kernel: KernelCore,
    flags: number,
    readonly factory: FsTypeFactory,
    /** fspick(2): the mount whose file system is to change. */
    readonly picked: Mount | null,
  ) {
    super(kernel.io.anonInode, flags);
    if (picked !== null) {
      this.phase = RECONF_PARAMS;
      this.readOnly = picked.fs.readOnly;
      picked.pins++;
    }
  }

  /** Messages about what went wrong: there are none. */
  override read(): number {
    return -ENODATA;
  }

  override release(): void {
    this.made?.dispose();
    this.made = null;
    if (this.picked !== null && --this.picked.pins === 0) this.picked.retireIfIdle();
  }
}
