import { ESTALE } from '@sandbox/abi';
import { hostReadlinkat } from '@sandbox/native';
import { HostSpecial } from './host-inode.host.js';

/** A symbolic link: only its text is read; whoever follows it does so in the guest's tree. */
export class HostSymlink extends HostSpecial {
  private target: string | null = null;

  override readlink(): string | number {
    if (this.target !== null && this.fs.exclusive) return this.target;
    if (this.parent === null) return this.target ?? -ESTALE;
    const dir = this.fs.access.dirFd(this.parent);
    if (dir < 0) return dir;
    const target = hostReadlinkat(dir, this.name);
    if (typeof target === 'string') this.target = target;
    return target;
  }

  /** Known because we made it. */
  remember(target: string): void {
    this.target = target;
  }
}
