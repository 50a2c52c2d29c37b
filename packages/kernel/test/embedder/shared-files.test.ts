/**
 * Host files that do not change are in memory once for all kernels of a process: and what guests do to them
 * stays theirs.
 */
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SharedPages } from '@sandbox/platform';
import { hostfs } from '@sandbox/vfs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeKernel } from './support.js';

const BYTES = 300_000;
const shared = (): { bytes: number; idle: number } => SharedPages.forThisThread()!.stats();

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'shared-files-'));
  writeFileSync(join(directory, 'data'), Buffer.alloc(BYTES, 'original '));
});
afterAll(() => rmSync(directory, { recursive: true }));

const make = () =>
  makeKernel({ mounts: { '/mnt': hostfs(directory, { readOnly: true, cache: 'exclusive' }) } });
const python = (script: string): [string, string[]] => ['/usr/bin/python3', ['-c', script]];

const SUM = `
import hashlib, mmap
f = open('/mnt/data', 'rb')
m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
print(hashlib.md5(m).hexdigest(), hashlib.md5(f.read()).hexdigest())
`;
/** Everything a guest can try in order to write there: a private copy may change, and nothing else. */
const ATTACK = `
import ctypes, mmap, os
f = open('/mnt/data', 'rb')
m = mmap.mmap(f.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
for i in range(0, len(m), 4096): m[i] = 0x58
print(m[0], len(m))
try:
    mmap.mmap(f.fileno(), 0, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ | mmap.PROT_WRITE)
except OSError as e: print(e.errno)
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
s = libc.mmap(None, 65536, 1, 1, f.fileno(), 0)
print(ctypes.string_at(s, 8), libc.mprotect(s, 65536, 3), ctypes.get_errno())
p = libc.mmap(None, 65536, 1, 2, f.fileno(), 0)
mem = os.open('/proc/self/mem', os.O_RDWR)
print(os.pwrite(mem, b'forced', p), ctypes.string_at(p, 6), ctypes.string_at(s, 6))
`;

it('one copy serves them all', async () => {
  await using first = await make();
  const { stdout } = await first.run(...python(SUM));
  const held = shared().bytes;
  expect(held).toBeGreaterThan(BYTES);
  await using second = await make();
  expect((await second.run(...python(SUM))).stdout).toBe(stdout);
  expect(shared().bytes).toBe(held);
  expect(second.core.memory.committedBytes()).toBeGreaterThan(BYTES);
});

it('a guest cannot change what others see', async () => {
  await using victim = await make();
  const before = (await victim.run(...python(SUM))).stdout;
  await using hostile = await make();
  expect((await hostile.run(...python(ATTACK))).stdout).toBe(
    `88 ${BYTES}\n13\nb'original' -1 13\n6 b'forced' b'origin'\n`,
  );
  expect((await victim.run(...python(SUM))).stdout).toBe(before);
  expect((await hostile.run(...python(SUM))).stdout).toBe(before);
});

it('a file that has changed is another', async () => {
  await using first = await make();
  const before = (await first.run(...python(SUM))).stdout;
  writeFileSync(join(directory, 'data'), Buffer.alloc(BYTES, 'changed! '));
  utimesSync(join(directory, 'data'), 1, 1);
  await using second = await make();
  expect((await second.run(...python(SUM))).stdout).not.toBe(before);
  expect((await first.run(...python(SUM))).stdout).toBe(before);
});

it('what no kernel uses is given back after a while', async () => {
  {
    await using kernel = await make();
    await kernel.run(...python(SUM));
    const { bytes, idle } = shared();
    expect(bytes).toBeGreaterThan(idle);
  }
  const { bytes, idle } = shared();
  expect(idle).toBe(bytes);
  await expect.poll(() => shared().bytes, { timeout: 30_000, interval: 500 }).toBe(0);
});
