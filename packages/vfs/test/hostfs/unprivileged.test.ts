import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { EACCES, EPERM } from '@sandbox/abi';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/** Runs in a process of an ordinary user: prints what became of some operations. */
const PROGRAM = `
import { hostfs } from '@sandbox/vfs';
import { Tree } from ${JSON.stringify(fileURLToPath(new URL('../support/tree.ts', import.meta.url)))};
const [dir, metadata] = process.argv.slice(2);
const tree = new Tree(hostfs(dir, { metadata }));
const st = (p) => { const s = tree.attributes(p); return [s.mode & 0o7777, s.uid, s.gid]; };
const out = {};
out.secret = tree.read('/secret');
out.write = tree.write('/new', 'x');
out.shown = st('/new');
out.chown = tree.chown('/new', 33, 33);
out.chmod = tree.chmod('/new', 0o4755);
out.after = st('/new');
out.mkdir = tree.mkdir('/d', 0o500);
out.inside = tree.write('/d/f', 'x');
console.log(JSON.stringify(out));
`;

const USER = 65534;
let dir: string;

beforeEach(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'hostfs-'));
  fs.chmodSync(dir, 0o777);
  fs.writeFileSync(path.join(dir, 'secret'), 'of root', { mode: 0o600 });
});
afterEach(() => fs.rmSync(dir, { recursive: true, force: true }));

const root = fileURLToPath(new URL('../../../../', import.meta.url));

/** Root can become somebody else; who can read the sources only where the checkout lets others in. */
function canRunAsOther(): boolean {
  if (process.getuid?.() !== 0) return false;
  try {
    execFileSync('cat', [path.join(root, 'package.json')], { uid: USER, gid: USER, stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe.runIf(canRunAsOther())('an embedder without privileges', () => {
  const run = (metadata: string): Record<string, unknown> => {
    const program = path.join(dir, '..', `${path.basename(dir)}.mts`);
    fs.writeFileSync(program, PROGRAM);
    try {
      const text = execFileSync(
        process.execPath,
        ['--import', path.join(root, 'node_modules/tsx/dist/esm/index.mjs'), program, dir, metadata],
        {
          cwd: root,
          uid: USER,
          gid: USER,
          encoding: 'utf8',
          env: {
            ...process.env,
            HOME: '/',
            TSX_DISABLE_CACHE: '1',
            TSX_TSCONFIG_PATH: path.join(root, 'tsconfig.json'),
          },
        },
      );
      return JSON.parse(text) as Record<string, unknown>;
    } finally {
      fs.rmSync(program);
    }
  };

  it('owns what guests make, and is told what it may not', () => {
    const out = run('host');
    expect(out).toMatchObject({ secret: -EACCES, write: 1, shown: [0o644, USER, USER], chown: -EPERM });
    expect(out).toMatchObject({ chmod: 0, after: [0o4755, USER, USER], mkdir: 0, inside: -EACCES });
  });

  it('lets guests have their own owners and modes', () => {
    const out = run('guest');
    expect(out).toMatchObject({ secret: -EACCES, write: 1, shown: [0o644, 0, 0], chown: 0, chmod: 0 });
    expect(out).toMatchObject({ after: [0o4755, 33, 33], mkdir: 0, inside: 1 });
    expect(fs.statSync(path.join(dir, 'new'))).toMatchObject({ uid: USER, gid: USER, mode: 0o100755 });
  });
});
