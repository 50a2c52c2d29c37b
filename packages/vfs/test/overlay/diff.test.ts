import { createTree, overlay, TmpfsFileSystem, tmpfs } from '@sandbox/vfs';
import { describe, expect, it } from 'vitest';

/** An overlay over a few files. */
async function changed(change: (tree: ReturnType<typeof createTree>) => Promise<void>) {
  const below = {
    kind: 'below',
    create: (env: ConstructorParameters<typeof TmpfsFileSystem>[0]) => {
      const fs = new TmpfsFileSystem(env);
      const made = (dir: typeof fs.root, name: string, mode: number) => {
        const inode = dir.mknod(name, { mode, uid: 0, gid: 0, rdev: 0 });
        if (typeof inode === 'number') throw new Error(name);
        return inode as typeof fs.root;
      };
      const d = made(fs.root, 'd', 0o40755);
      made(d, 'a', 0o100644);
      made(d, 'b', 0o100644);
      made(made(d, 'sub', 0o40755), 'deep', 0o100644);
      made(fs.root, 'f', 0o100644);
      return fs;
    },
  };
  const tree = createTree(overlay({ lower: below, upper: tmpfs() }));
  await change(tree);
  return (await tree.diff()).map((c) => `${c.kind[0]} ${c.path}`);
}

describe('the changes of an overlay', () => {
  it('are none at first', async () => {
    expect(await changed(async () => {})).toEqual([]);
  });

  it('tell what is new, changed and gone', async () => {
    const list = await changed(async (t) => {
      await t.writeFile('/new', 'x');
      await t.mkdir('/n/e/w', { recursive: true });
      await t.chmod('/d/a', 0o600);
      await t.rm('/d/b');
      await t.rm('/f');
    });
    expect([...list].sort(byPath)).toEqual(
      ['c /d', 'd /f', 'a /n', 'a /new', 'c /d/a', 'd /d/b', 'a /n/e', 'a /n/e/w'].sort(byPath),
    );
  });

  it('know directories that were made anew', async () => {
    const list = await changed(async (t) => {
      await t.rm('/d', { recursive: true });
      await t.mkdir('/d');
      await t.writeFile('/d/a', 'again');
    });
    expect(list).toContain('c /d');
    expect(list.filter((l) => l.startsWith('d')).sort()).toEqual(['d /d/b', 'd /d/sub']);
  });

  it('are asked of overlays only', async () => {
    await expect(createTree(tmpfs()).diff()).rejects.toMatchObject({ code: 'EOPNOTSUPP' });
  });
});

/** Depth first, as they are listed. */
function byPath(x: string, y: string): number {
  return x.slice(2) < y.slice(2) ? -1 : 1;
}
