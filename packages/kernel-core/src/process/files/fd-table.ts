import { EBADF, EMFILE } from '@sandbox/abi';
import { type File, releaseFile } from '@sandbox/vfs';

/**
 * File descriptors of a process (Linux: files_struct), shared by CLONE_FILES.
 *
 * Slots hold references: `install` takes over the caller's reference, `close` drops it.
 */
export class FdTable {
  private files: (File | null)[] = [];
  private cloexec: boolean[] = [];
  private lowestFree = 0;
  /**
   * Descriptors the table has had room for so far (Linux: fdt->max_fds): select(2) looks no further. Programs
   * are started by programs that have (or had) some more open than they pass on.
   */
  capacity = 256;
  /** Tasks that use this table. */
  users = 1;

  get(fd: number): File | null {
    return fd >= 0 && fd < this.files.length ? this.files[fd]! : null;
  }

  /** Highest descriptor in use plus one. */
  get size(): number {
    return this.files.length;
  }

  /** A descriptor below `limit` is free: asked before a call does what cannot be undone. */
  hasRoom(limit: number): boolean {
    let fd = this.lowestFree;
    while (fd < this.files.length && this.files[fd]) fd++;
    return fd < limit;
  }

  /** Put `file` at the lowest free descriptor >= `min` below `limit` (RLIMIT_NOFILE). -EMFILE when none. */
  install(file: File, closeOnExec: boolean, limit: number, min = 0): number {
    let fd = Math.max(min, this.lowestFree);
    while (fd < this.files.length && this.files[fd]) fd++;
    if (fd >= limit) return -EMFILE;
    this.put(fd, file, closeOnExec);
    if (min <= this.lowestFree) this.lowestFree = fd + 1;
    return fd;
  }

  /** Put `file` at exactly `fd`, which must be free or is replaced (its old file is closed). */
  installAt(fd: number, file: File, closeOnExec: boolean): void {
    const old = this.get(fd);
    this.put(fd, file, closeOnExec);
    if (old) this.drop(old);
  }

  private put(fd: number, file: File, closeOnExec: boolean): void {
    while (this.capacity <= fd) this.capacity *= 2;
    while (this.files.length <= fd) {
      this.files.push(null);
      this.cloexec.push(false);
    }
    this.files[fd] = file;
    this.cloexec[fd] = closeOnExec;
  }

  /** close(2): 0, -EBADF, or what the file's flush reports. */
  close(fd: number): number {
    const file = this.get(fd);
    if (!file) return -EBADF;
    this.files[fd] = null;
    if (fd < this.lowestFree) this.lowestFree = fd;
    while (this.files.length > 0 && this.files[this.files.length - 1] === null) {
      this.files.pop();
      this.cloexec.pop();
    }
    return this.drop(file);
  }

  private drop(file: File): number {
    // Closing any descriptor of a file drops the process's record locks on it (fcntl_locking(2)).
    if (file.inode.locks !== null) file.inode.locks.dropOwner(this);
    const r = file.flush();
    releaseFile(file);
    return r;
  }

  getCloexec(fd: number): boolean {
    return this.cloexec[fd] === true;
  }
  setCloexec(fd: number, on: boolean): void {
    if (this.get(fd)) this.cloexec[fd] = on;
  }

  /** A copy for fork: the same files, one more reference each. */
  clone(): FdTable {
    const t = new FdTable();
    t.files = this.files.slice();
    t.cloexec = this.cloexec.slice();
    t.lowestFree = this.lowestFree;
    t.capacity = 64;
    while (t.capacity < t.files.length) t.capacity *= 2;
    for (const f of t.files) if (f) f.refs++;
    return t;
  }

  closeOnExec(): void {
    for (let fd = 0; fd < this.files.length; fd++) if (this.files[fd] && this.cloexec[fd]) this.close(fd);
  }

  closeAll(): void {
    for (let fd = this.files.length - 1; fd >= 0; fd--) if (this.files[fd]) this.close(fd);
  }
}
