import { O_WRONLY, S_IFDIR, S_IFLNK, S_IFREG } from '@sandbox/abi';
import {
  BytesIo,
  type FileSystemSpec,
  type Inode,
  KERNEL_CREDENTIALS,
  type NewInode,
  releaseFile,
  tmpfs,
} from '@sandbox/vfs';

/**
 * A directory as data: text is a file, an object a directory, `->x` a symbolic link, `=x` a hard link to a
 * sibling made before.
 */
export type Content = { readonly [name: string]: string | Content };

const init = (mode: number): NewInode => ({ mode, uid: 1, gid: 2, rdev: 0 });

export function fill(dir: Inode, content: Content): void {
  for (const [name, what] of Object.entries(content)) {
    if (typeof what !== 'string') fill(made(dir.mknod(name, init(S_IFDIR | 0o755))), what);
    else if (what.startsWith('->')) made(dir.symlink(name, what.slice(2), init(S_IFLNK | 0o777)));
    else if (what.startsWith('=')) dir.link(name, made(dir.lookup(what.slice(1))));
    else writeFile(made(dir.mknod(name, init(S_IFREG | 0o644))), what);
  }
}

function made(inode: Inode | number): Inode {
  if (typeof inode === 'number') throw new Error(`cannot make test content: ${inode}`);
  return inode;
}

function writeFile(inode: Inode, text: string): void {
  const f = inode.open(O_WRONLY, KERNEL_CREDENTIALS);
  if (typeof f === 'number') throw new Error(`cannot write test content: ${f}`);
  f.write(new BytesIo(Buffer.from(text, 'latin1')), 0);
  releaseFile(f);
}

/** `spec` with content put in before it is mounted. */
export function prepared(content: Content, spec: FileSystemSpec = tmpfs({ mode: 0o755 })): FileSystemSpec {
  return {
    kind: spec.kind,
    create: (env) => {
      const fs = spec.create(env);
      fill(fs.root, content);
      return fs;
    },
  };
}
