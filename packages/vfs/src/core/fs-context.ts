import type { MountNamespace } from './mount.js';
import { Path } from './path.js';

/**
 * Where a process stands in the tree (Linux: fs_struct): root and working directory, umask, mount namespace.
 * Shared by CLONE_FS. Starts with one user; the last `release` lets go of the directories.
 */
export class FsContext {
  users = 1;

  private constructor(
    private rootPath: Path,
    private cwdPath: Path,
    public umask: number,
    private mounts: MountNamespace,
  ) {
    mounts.users++;
    rootPath.pin();
    cwdPath.pin();
  }

  /** A context at the root of `namespace`. */
  static atRoot(namespace: MountNamespace, umask = 0o022): FsContext {
    let mount = namespace.root;
    // Something mounted over the very root is what newcomers see.
    for (let top = mount.children.get(mount.root); top; top = mount.children.get(mount.root)) mount = top;
    const root = new Path(mount, mount.root);
    return new FsContext(root, root, umask, namespace);
  }

  get root(): Path {
    return this.rootPath;
  }
  set root(path: Path) {
    path.pin();
    this.rootPath.unpin();
    this.rootPath = path;
  }

  get cwd(): Path {
    return this.cwdPath;
  }
  set cwd(path: Path) {
    path.pin();
    this.cwdPath.unpin();
    this.cwdPath = path;
  }

  get namespace(): MountNamespace {
    return this.mounts;
  }
  set namespace(namespace: MountNamespace) {
    namespace.users++;
    this.mounts.dropUser();
    this.mounts = namespace;
  }

  /** A copy of its own for a new process (clone(2) without CLONE_FS). */
  clone(): FsContext {
    return new FsContext(this.rootPath, this.cwdPath, this.umask, this.mounts);
  }

  /** One more task shares it (CLONE_FS). */
  acquire(): this {
    this.users++;
    return this;
  }

  release(): void {
    if (--this.users > 0) return;
    this.rootPath.unpin();
    this.cwdPath.unpin();
    this.mounts.dropUser();
  }
}
