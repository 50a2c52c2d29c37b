import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { ENOENT, O_CREAT, O_TRUNC, O_WRONLY } from '@sandbox/abi';
import { hostfs } from '@sandbox/vfs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Tree } from '../support/tree.js';

const SECRET = 'SECRET OF THE HOST';
let base: string;
let root: string;
let outside: string;

beforeEach(() => {
  base = fs.mkdtempSync(path.join(os.tmpdir(), 'hostfs-'));
  root = path.join(base, 'root');
  outside = path.join(base, 'outside');
  fs.mkdirSync(root);
  fs.mkdirSync(outside);
  fs.writeFileSync(path.join(outside, 'file'), SECRET);
});
afterEach(() => fs.rmSync(base, { recursive: true, force: true }));

describe('links that lead out of the tree', () => {
  it("are resolved in the guest's tree", () => {
    fs.symlinkSync(path.join(outside, 'file'), path.join(root, 'absolute'));
    fs.symlinkSync('../outside/file', path.join(root, 'relative'));
    fs.symlinkSync('../outside', path.join(root, 'dir'));
    fs.symlinkSync('/proc/self/cwd', path.join(root, 'magic'));
    fs.symlinkSync('/proc/self/root/etc/passwd', path.join(root, 'magicroot'));
    fs.symlinkSync('/etc/passwd', path.join(root, 'passwd'));
    const tree = new Tree(hostfs(root));
    for (const name of ['absolute', 'relative', 'dir/file', 'magic/package.json', 'magicroot', 'passwd']) {
      expect(tree.read(`/${name}`), name).toBe(-ENOENT);
      expect(tree.open(`/${name}`, O_WRONLY | O_CREAT | O_TRUNC), name).toBe(-ENOENT);
    }
    expect(tree.read('/../outside/file')).toBe(-ENOENT);
    expect(tree.read('/../../../../../../etc/passwd')).toBe(-ENOENT);
    expect(fs.readFileSync(path.join(outside, 'file'), 'utf8')).toBe(SECRET);
    // A guest's own link is text to the host as well.
    expect(tree.symlink('../outside/file', '/mine')).toBe(0);
    expect(tree.read('/mine')).toBe(-ENOENT);
    expect(tree.chmod('/mine', 0o777)).toBeLessThan(0);
    expect(tree.vfs.utimens(tree.place('/mine'), tree.cred, 1, 0, 1, 0)).toBe(0);
    expect(fs.statSync(path.join(outside, 'file')).mtimeMs).not.toBe(1000);
    tree.fs.dispose();
  });
});

/** Swaps directory `d` and file `f` with links to the outside, over and over. */
const RACER = `
const fs = require('fs');
const [root, outside] = process.argv.slice(1);
process.chdir(root);
for (;;) {
  for (const [name, target] of [['d', outside], ['f', outside + '/file'], ['d/e', outside]]) {
    try {
      fs.renameSync(name, 'aside');
      fs.symlinkSync(target, name);
      fs.unlinkSync(name);
      fs.renameSync('aside', name);
    } catch {}
  }
}`;

describe('somebody who swaps names for links meanwhile', () => {
  let racer: ChildProcess;
  beforeEach(() => {
    fs.mkdirSync(path.join(root, 'd/e'), { recursive: true });
    for (const name of ['d/file', 'd/e/file', 'f']) fs.writeFileSync(path.join(root, name), 'inside');
    racer = spawn(process.execPath, ['-e', RACER, root, outside], { stdio: 'ignore' });
  });
  afterEach(() => racer.kill('SIGKILL'));

  it.each(['shared', 'exclusive'] as const)('never lets the guest out (%s)', async (cache) => {
    const tree = new Tree(hostfs(root, { cache, maxHostFds: 8 }));
    const end = Date.now() + 1200;
    let inside = 0;
    const leaks: unknown[] = [];
    while (Date.now() < end) {
      for (let i = 0; i < 20; i++) {
        for (const name of ['/d/file', '/d/e/file', '/f']) {
          const r = tree.read(name);
          if (r === 'inside') inside++;
          else if (typeof r === 'string' && r !== 'W') leaks.push(r);
          // Names that only the outside has, or that would come to be there.
          tree.write(`${path.dirname(name)}/${path.basename(name)}`, 'inside', O_TRUNC);
          tree.write(`${path.dirname(name)}/dropped`, 'x');
          tree.mkdir(`${path.dirname(name)}/dropdir`);
          tree.unlink(`${path.dirname(name)}/dropped`);
        }
        const list = tree.list('/d');
        if (Array.isArray(list) && list.includes('outsider')) leaks.push(list);
        if (i % 5 === 0) await new Promise((done) => setImmediate(done));
      }
    }
    tree.fs.dispose();
    expect(leaks.filter((l) => l !== '')).toEqual([]);
    expect(inside).toBeGreaterThan(0);
    expect(fs.readFileSync(path.join(outside, 'file'), 'utf8')).toBe(SECRET);
    expect(fs.readdirSync(outside)).toEqual(['file']);
  });
});
