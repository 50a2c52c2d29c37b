/**
 * `TSX_TSCONFIG_PATH=tsconfig.base.json npx tsx bench/million.ts [FILES]`: a million empty files (or FILES)
 * in a tmpfs, a thousand a directory. What making one costs (open, close), listing a directory of a thousand,
 * and stat, natively on the host's tmpfs and in the sandbox; and the memory of this process each file takes.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Kernel } from '@sandbox/kernel';
import { hostfs, overlay, tmpfs } from '@sandbox/vfs';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;
const files = Number(process.argv[2] ?? 1e6);
const dir = mkdtempSync(join(tmpdir(), 'sandbox-million-'));
const shared = mkdtempSync('/dev/shm/sandbox-million-');

/** Bytes of this process that hold objects and their buffers. */
function held(): number {
  gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

try {
  const binary = join(dir, 'million');
  execFileSync('gcc', ['-O2', '-static', '-o', binary, new URL('million.c', import.meta.url).pathname]);
  mkdirSync(join(shared, 'native'));
  const native = execFileSync(binary, [join(shared, 'native'), String(files)], { encoding: 'utf8' });
  rmSync(shared, { recursive: true, force: true });
  await using kernel = await Kernel.create({
    root: overlay({ lower: hostfs('/', { readOnly: true }), upper: tmpfs() }),
    mounts: {
      '/warm': tmpfs(),
      '/t': tmpfs(),
      '/bin-here': hostfs(dir, { readOnly: true }),
    },
  });
  await kernel.run('/bin-here/million', ['/warm', '20000']);
  const before = held();
  const { code, stdout, stderr } = await kernel.run('/bin-here/million', ['/t', String(files)]);
  if (code !== 0) throw new Error(`it ended with ${code}: ${stderr}`);
  const bytes = (held() - before) / files;
  const there = native.trim().split(' ').map(Number);
  const here = stdout.trim().split(' ').map(Number);
  console.log(`${files} files               native ns      here ns      ratio`);
  for (const [i, name] of ['create', 'list 1,000', 'stat'].entries()) {
    const cells = [there[i]!.toFixed(0), here[i]!.toFixed(0), (here[i]! / there[i]!).toFixed(2)];
    console.log(name.padEnd(20) + cells.map((c) => c.padStart(13)).join(''));
  }
  console.log(`memory: ${bytes.toFixed(0)} bytes a file`);
} finally {
  rmSync(dir, { recursive: true, force: true });
  rmSync(shared, { recursive: true, force: true });
}
