/**
 * A host directory that a guest and a process of the host change at once: nothing outside of it is seen or
 * touched.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kernel } from '@sandbox/kernel';
import { hostfs, overlay, tmpfs } from '@sandbox/vfs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const SECRET = 'SECRET OF THE HOST';
const SECONDS = 3;
let base: string;
let outside: string;
let racer: ChildProcess;

/**
 * Directories become links out and back, files are swapped, links of /proc appear, names move in and out of
 * the tree.
 */
const HOST = `
const fs = require('fs');
const [root, outside] = process.argv.slice(1);
process.chdir(root);
const tries = [
  () => { fs.renameSync('d', 'aside'); fs.symlinkSync(outside, 'd'); },
  () => { fs.unlinkSync('d'); fs.renameSync('aside', 'd'); },
  () => { fs.renameSync('f', 'f2'); fs.symlinkSync(outside + '/secret', 'f'); },
  () => { fs.unlinkSync('f'); fs.renameSync('f2', 'f'); },
  () => { fs.symlinkSync('/proc/' + process.pid + '/cwd/../outside', 'magic'); },
  () => { fs.unlinkSync('magic'); },
  () => { fs.renameSync('d/e', '../stray'); },
  () => { fs.renameSync('../stray', 'd/e'); },
  () => { fs.symlinkSync('../../outside', 'd/e/up'); },
  () => { fs.unlinkSync('d/e/up'); },
  () => { fs.mkdirSync('d/e', { recursive: true }); },
];
for (;;) for (const t of tries) { try { t(); } catch {} }`;

/** The guest does all it can think of, in threads, and tells whatever it read that is not its own. */
const GUEST = `
import os, sys, threading, time
os.chdir('/host'); end = time.time() + ${SECONDS}; seen = set(); counts = {}
paths = ['d/secret', 'd/e/secret', 'f', 'magic/secret', 'd/e/up/secret', '../outside/secret', 'd/../../outside/secret', 'd/e/../../../outside/secret', 'g/secret', 'd/e/up/../secret']
def attempt(work):
    try: return work()
    except OSError: return None
def note(r):
    if isinstance(r, bytes) and b'SECRET' in r: seen.add(r)
    if isinstance(r, list) and 'outsider' in r: seen.add('listed')
def read(p):
    fd = os.open(p, os.O_RDONLY)
    try: return os.read(fd, 100)
    finally: os.close(fd)
def write(p, flags):
    fd = os.open(p, os.O_WRONLY | flags)
    try: os.write(fd, b'dropped by the guest')
    finally: os.close(fd)
def held(n):
    d = os.open('d/e', os.O_RDONLY | os.O_DIRECTORY)
    try:
        for p in ('..', '../..', '../../..', '../../../outside'):
            note(attempt(lambda: os.listdir(os.open(p, os.O_RDONLY | os.O_DIRECTORY, dir_fd=d))))
        note(attempt(lambda: read('/proc/self/fd/%d/../../outside/secret' % d)))
        attempt(lambda: os.symlink('/proc/self/fd/%d' % d, 'g%d' % n)); attempt(lambda: os.unlink('g%d' % n))
    finally: os.close(d)
def worker(n):
    i = 0
    while time.time() < end:
        i += 1; p = paths[i % len(paths)]
        note(attempt(lambda: read(p))); note(attempt(lambda: os.listdir(os.path.dirname(p) or '.')))
        if n == 0: attempt(lambda: write(p, os.O_CREAT)); attempt(lambda: os.truncate(p, 3))
        if n == 1: attempt(lambda: os.link(p, 'hard%d' % (i % 5))); note(attempt(lambda: read('hard%d' % (i % 5)))); attempt(lambda: os.rename('hard%d' % (i % 5), 'd/moved'))
        if n == 2: attempt(lambda: held(n)); attempt(lambda: os.chmod(p, 0o777)); attempt(lambda: os.utime(p, (1, 1))); attempt(lambda: os.chown(p, 1, 1))
        if n == 3: attempt(lambda: os.unlink(p)); attempt(lambda: os.rename('d', 'g')); attempt(lambda: os.rename('g', 'd')); attempt(lambda: os.mkdir('d/e/made')); attempt(lambda: os.rmdir('d/e/made'))
    counts[n] = i
ts = [threading.Thread(target=worker, args=(n,)) for n in range(4)]; [t.start() for t in ts]; [t.join() for t in ts]
print(sorted(map(str, seen)), min(counts.values()) > 0)
`;

describe.runIf(existsSync('/usr/bin/python3'))('a host directory changed from both sides', () => {
  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), 'hostfs-race-'));
    outside = join(base, 'outside');
    mkdirSync(join(base, 'root/d/e'), { recursive: true });
    mkdirSync(outside);
    writeFileSync(join(outside, 'secret'), SECRET);
    writeFileSync(join(outside, 'outsider'), '');
    writeFileSync(join(outside, 'linked'), 'shared by a hard link of the host');
    for (const name of ['d/secret', 'd/e/secret', 'f']) writeFileSync(join(base, 'root', name), 'inside');
    // A hard link is a file of the directory, whatever else it is called.
    linkSync(join(outside, 'linked'), join(base, 'root/linked'));
    racer = spawn(process.execPath, ['-e', HOST, join(base, 'root'), outside], { stdio: 'ignore' });
  });
  afterEach(() => {
    racer.kill('SIGKILL');
    rmSync(base, { recursive: true, force: true });
  });

  it.each(['shared', 'exclusive'] as const)(
    'shows nothing of the outside, and leaves it alone (%s)',
    async (cache) => {
      const before = statSync(join(outside, 'secret'));
      await using kernel = await Kernel.create({
        root: overlay({ lower: hostfs('/', { readOnly: true }), upper: tmpfs() }),
        // Nothing of the host's /tmp: links to it lead nowhere in the guest's tree.
        mounts: { [tmpdir()]: tmpfs(), '/host': hostfs(join(base, 'root'), { cache }) },
      });
      const { stdout, stderr, code } = await kernel.run('/usr/bin/python3', ['-c', GUEST], {
        timeout: 120_000,
      });
      expect({ stdout, stderr, code }).toEqual({ stdout: '[] True\n', stderr: '', code: 0 });
      expect(racer.exitCode).toBe(null);
      // The host's side may make `e` there itself: where the guest has moved things about, its own `d/e`
      // leads out.
      const found = readdirSync(outside).filter((name) => name !== 'e');
      expect(found.sort()).toEqual(['linked', 'outsider', 'secret']);
      expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe(SECRET);
      const after = statSync(join(outside, 'secret'));
      expect([after.mode, after.uid, after.mtimeMs, after.nlink]).toEqual([
        before.mode,
        before.uid,
        before.mtimeMs,
        before.nlink,
      ]);
      expect(readdirSync(base).filter((name) => !['root', 'outside', 'stray'].includes(name))).toEqual([]);
    },
    180_000,
  );
});
