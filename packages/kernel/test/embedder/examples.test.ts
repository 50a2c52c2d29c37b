/** The examples run and show what they say. */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../../../', import.meta.url));

async function example(name: string, ...args: string[]): Promise<string> {
  const tsx = join(root, 'node_modules/tsx/dist/cli.mjs');
  const { stdout } = await promisify(execFile)(process.execPath, [tsx, `examples/${name}.ts`, ...args], {
    cwd: root,
    timeout: 240_000,
    killSignal: 'SIGKILL',
  });
  return stdout;
}

it('tour', async () => {
  const out = await example('tour', 'kernel', 'Pipelines', 'Nothing');
  expect(out).toContain('A kernel is up after');
  expect(out).toMatch(/Linux sandbox \S+ x86_64/);
  expect(out).toContain('WRITTEN BY THE EMBEDDER');
  expect(out).toContain('ended with 137');
  expect(out).toContain('Sun Sep  9 02:46:40 UTC 2001');
  expect(out).toMatch(/\d+ system calls were served/);
}, 240_000);

it('embed', async () => {
  const out = await example('embed');
  expect(out).toContain("stdout: 'hello from box\\n/work\\n1000\\n'");
  expect(out).toContain('997\n998\n999\n');
  expect(out).toContain('apple\nfig\npear\n');
  expect(out).toContain('timedOut: true');
  expect(out).toContain('typed\r\ntyped\r\n');
  expect(out).toContain('ERR_SPAWN ENOENT');
  expect(out.trimEnd().endsWith('ERR_KERNEL_DISPOSED')).toBe(true);
}, 240_000);

it('strace', async () => {
  const out = await example('strace', 'echo', 'traced');
  expect(out).toContain('write(1, "traced\\n", 7) ');
  expect(out).toContain('+++ exited with 0 +++');
  expect(out).toContain('it printed "traced\\n" and ended with 0');
}, 240_000);

it.skipIf(spawnSync('python3', ['-c', 'import sqlite3']).status !== 0)(
  'test-harness (python3 with sqlite3)',
  async () => {
    expect((await example('test-harness')).match(/^ok {2}/gm)).toHaveLength(4);
  },
  240_000,
);

it.skipIf(!existsSync('/usr/bin/bash'))(
  'untrusted (/usr/bin/bash)',
  async () => {
    const lines = (await example('untrusted')).split('\n');
    expect(lines.filter((line) => line.includes(';'))).toEqual([
      'does what was asked: exit status 0; answer "42\\n"; added /answer',
      'looks around: exit status 0; answer "nothing to see\\n"; added /answer',
      'calls home: exit status 1; answer null; nothing changed',
      'never ends: out of time; answer null; nothing changed',
      'takes all memory: out of memory; answer null; nothing changed',
      'starts too many: exit status 2; answer null; nothing changed',
      'says too much: too much output; answer null; nothing changed',
      'removes everything: exit status 0; answer "gone\\n"; added /answer, deleted /numbers',
    ]);
  },
  240_000,
);

it('record', async () => {
  const out = await example('record');
  expect(out).toMatch(
    /^Sun Sep {2}9 01:46:40 UTC 2001\ntoken {2}[0-9a-f]{8}\nSun Sep {2}9 02:46:40 UTC 2001\ntold: \d+\n/,
  );
  expect(out).toContain('added /out, added /out/kept');
  expect(out).toContain('replayed: the same\nwith another seed: different\n');
}, 240_000);

/** The program of README.md, as it is printed there. */
it('the README', async () => {
  const [, code] = /```ts\n(.*?)```/s.exec(readFileSync(join(root, 'README.md'), 'utf8'))!;
  // In the repository: packages are found from where the file lies.
  const file = join(root, `examples/.readme-${process.pid}.ts`);
  writeFileSync(file, code);
  try {
    const out = await example(`.readme-${process.pid}`);
    expect(out).toMatch(/^hello, guest\n.+\n0 null Linux sandbox /);
    expect(out).toContain("'/a': 'x'");
  } finally {
    rmSync(file);
  }
}, 240_000);

it('lazy', async () => {
  expect((await example('lazy')).split('\n')).toEqual([
    'line 99999',
    'fetched a part',
    'line 99999',
    'changed here',
    '20',
    'cat: /js/never: Input/output error',
    'left: 2',
    '',
  ]);
}, 240_000);

it.skipIf(spawnSync('python3', ['--version']).status !== 0)(
  'guest-network (python3)',
  async () => {
    const out = await example('guest-network');
    expect(out).toContain('denied: dns example.com:53\n');
    expect(out).toContain('denied: tcp 192.0.2.1:80\n');
    expect(out.slice(out.indexOf('the embedder'))).toBe(
      [
        'the embedder says hello to /world',
        'http://example.com/ failed',
        'http://192.0.2.1/ failed',
        'from a: b says hello',
        'from the host: b says hello',
        'from here: b says hello',
        'captured: true',
        '',
      ].join('\n'),
    );
  },
  240_000,
);
