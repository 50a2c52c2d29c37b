import { S_IFLNK } from '@sandbox/abi';
import type { Credentials } from '../core/credentials.js';
import type { Path } from '../core/path.js';
import type { SyntheticFileSystem } from './filesystem.js';
import { SyntheticInode } from './inode.js';

/** A symbolic link whose target (a byte string, or -errno) may be made up anew each time: /proc/self. */
export class SyntheticSymlink extends SyntheticInode {
  private readonly target: () => string | number;

  constructor(fs: SyntheticFileSystem, target: string | (() => string | number)) {
    super(fs, S_IFLNK | 0o777);
    this.target = typeof target === 'string' ? () => target : target;
  }
  override readlink(): string | number {
    return this.target();
  }
}

/** A link to an object rather than a path (/proc/pid/exe, fd/N): following it goes there directly. */
export class MagicLink extends SyntheticInode {
  constructor(
    fs: SyntheticFileSystem,
    /** Where it leads for `cred`, or -errno. */
    private readonly object: (cred: Credentials) => Path | number,
    /** What readlink(2) says. */
    private readonly text: () => string | number,
    permissions = 0o777,
  ) {
    super(fs, S_IFLNK | permissions);
  }
  override followMagic(cred: Credentials): Path | number {
    return this.object(cred);
  }
  override readlink(): string | number {
    return this.text();
  }
}
