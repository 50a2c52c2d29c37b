/**
 * tmpfs and overlays beside file systems of the host: its tmpfs (/dev/shm), and what its directory for
 * temporary files lies on (ext4, mostly).
 */
import { existsSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TMPFS_MAGIC } from '@sandbox/abi';
import { hostfs, overlay, tmpfs } from '@sandbox/vfs';
import { afterAll, describe, it } from 'vitest';
import { agreesWithHost } from '../support/host-model.js';
import { CONTENT } from '../support/model.js';
import { type Content, prepared } from '../support/specs.js';
import { Tree } from '../support/tree.js';

const shm = '/dev/shm';
const isRoot = process.getuid?.() === 0;
const hasTmpfs = isRoot && existsSync(shm) && statfsSync(shm).type === TMPFS_MAGIC;
/** CONTENT in two layers. */
const TOP: Content = { a: { b: { a: 'aba' } }, b: { b: {} }, c: 'c' };
const LOW: Content = { a: { a: 'aa', b: { a: 'hidden', c: 'abc' }, c: '=a' }, b: { a: 'ba' }, c: 'hidden' };
const lower = mkdtempSync(join(tmpdir(), 'vfs-lower-'));
afterAll(() => rmSync(lower, { recursive: true, force: true }));

const layered = () => overlay({ lower: [prepared(TOP), prepared(LOW)], upper: tmpfs({ mode: 0o755 }) });

describe('a file system and the host', () => {
  it.skipIf(!hasTmpfs)('tmpfs and tmpfs, blocks and all', { timeout: 60_000 }, () =>
    agreesWithHost({
      base: shm,
      spec: () => tmpfs({ mode: 0o755 }),
      blocks: true,
      numRuns: 400,
      seed: 20240607,
    }),
  );

  it.skipIf(!isRoot)('tmpfs and the file system of temporary files', { timeout: 60_000 }, () =>
    agreesWithHost({ base: tmpdir(), spec: () => tmpfs({ mode: 0o755 }), numRuns: 200, seed: 314159 }),
  );

  it.skipIf(!hasTmpfs)('an overlay and tmpfs', { timeout: 60_000 }, () =>
    agreesWithHost({
      base: shm,
      spec: layered,
      content: CONTENT,
      directoryLinks: false,
      numRuns: 200,
      seed: 271828,
    }),
  );

  it.skipIf(!isRoot)(
    'an overlay over a directory and the file system it lies on',
    { timeout: 60_000 },
    () => {
      new Tree(prepared(CONTENT, hostfs(lower))).fs.dispose();
      const spec = () => overlay({ lower: hostfs(lower), upper: tmpfs({ mode: 0o755 }) });
      agreesWithHost({
        base: tmpdir(),
        spec,
        content: CONTENT,
        directoryLinks: false,
        numRuns: 100,
        seed: 161803,
      });
    },
  );
});
