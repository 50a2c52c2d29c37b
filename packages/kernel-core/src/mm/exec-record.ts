import { allowWrite, denyWrite, type File, releaseFile } from '@sandbox/vfs';

/**
 * What execve remembers of the program in an address space (Linux: mm_struct's start_code and its kin), for
 * /proc and prctl.
 */
export class ExecRecord {
  startCode = 0;
  endCode = 0;
  startData = 0;
  endData = 0;
  startBrk = 0;
  brk = 0;
  startStack = 0;
  argStart = 0;
  argEnd = 0;
  envStart = 0;
  envEnd = 0;
  /** The auxiliary vector as laid out for the guest. */
  auxv = new Uint8Array(0);
  /** The executable; holds one reference. */
  exeFile: File | null = null;
  private denied = false;
  /** Address of the vDSO, 0 when there is none. */
  vdso = 0;

  /**
   * While it is set, the program's file cannot be written (ETXTBSY), unless it is open for writing already.
   */
  setExeFile(file: File | null): void {
    const old = this.exeFile;
    const denied = this.denied;
    if (file) file.refs++;
    this.denied = file !== null && denyWrite(file.inode) === 0;
    this.exeFile = file;
    if (!old) return;
    if (denied) allowWrite(old.inode);
    releaseFile(old);
  }

  copyFrom(o: ExecRecord): void {
    this.startCode = o.startCode;
    this.endCode = o.endCode;
    this.startData = o.startData;
    this.endData = o.endData;
    this.startBrk = o.startBrk;
    this.brk = o.brk;
    this.startStack = o.startStack;
    this.argStart = o.argStart;
    this.argEnd = o.argEnd;
    this.envStart = o.envStart;
    this.envEnd = o.envEnd;
    this.auxv = o.auxv;
    this.vdso = o.vdso;
    this.setExeFile(o.exeFile);
  }
}
