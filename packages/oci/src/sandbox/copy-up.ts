import type { Container } from '@sandbox/kernel';

type Tree = Container['fs'];

/**
 * A file as `snapshot` keeps it: with its bytes, what a link says, or what a directory holds. Devices and
 * sockets are left out.
 */
type Kept = {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
} & (
  | { readonly bytes: Buffer }
  | { readonly target: string }
  | { readonly entries: ReadonlyMap<string, Kept> }
);

/**
 * What is at `path`, to be put on what is mounted over it (the mount option tmpcopyup); null: there is no
 * directory.
 */
export async function snapshot(fs: Tree, path: string): Promise<Kept | null> {
  const stat = await fs.lstat(path).catch(() => null);
  return stat?.isDirectory() ? keep(fs, path) : null;
}

async function keep(fs: Tree, path: string): Promise<Kept | null> {
  const stat = await fs.lstat(path);
  const { uid, gid } = stat;
  const of = { mode: stat.mode & 0o7777, uid, gid };
  if (stat.isSymbolicLink()) return { ...of, target: String(await fs.readlink(path)) };
  if (stat.isFile()) return { ...of, bytes: (await fs.readFile(path)) as Buffer };
  if (!stat.isDirectory()) return null;
  const entries = new Map<string, Kept>();
  for (const name of (await fs.readdir(path)) as string[]) {
    const kept = await keep(fs, `${path}/${name}`);
    if (kept !== null) entries.set(name, kept);
  }
  return { ...of, entries };
}

/** Put what a directory held into the directory `path`, with its owners and modes. */
export async function restore(fs: Tree, path: string, kept: Kept): Promise<void> {
  if ('target' in kept) {
    await fs.symlink(kept.target, path);
    await fs.lchown(path, kept.uid, kept.gid);
    return;
  }
  if ('bytes' in kept) await fs.writeFile(path, kept.bytes);
  else {
    await fs.mkdir(path, { recursive: true });
    for (const [name, entry] of kept.entries) await restore(fs, `${path}/${name}`, entry);
  }
  await fs.chown(path, kept.uid, kept.gid);
  await fs.chmod(path, kept.mode);
}
