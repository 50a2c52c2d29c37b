import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Kernel, straceTo } from '@sandbox/kernel';
import { hostfs, overlay, tmpfs } from '@sandbox/vfs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let dir: string;
let kernel: Kernel;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'sandbox-strace-'));
  kernel = await Kernel.create({
    root: overlay({ lower: hostfs('/', { readOnly: true }), upper: tmpfs() }),
    mounts: { '/guests': hostfs(dir, { readOnly: true }), '/tmp': tmpfs() },
  });
});
afterAll(async () => {
  await kernel.dispose();
  rmSync(dir, { recursive: true });
});

/** What is printed while a program runs, line by line. */
async function trace(path: string, args: string[] = []): Promise<string[]> {
  const log = join(dir, 'log');
  const stop = await straceTo(kernel, log);
  await kernel.run(path, args);
  stop();
  return readFileSync(log, 'latin1').trimEnd().split('\n');
}

const body = (line: string): string => line.replace(/^\d+ +/, '');

describe.skipIf(spawnSync('gcc', ['--version']).status !== 0)('like strace(1), given gcc', () => {
  it('prints what it printed of the same program on Linux', async () => {
    const source = fileURLToPath(new URL('./calls.c', import.meta.url));
    execFileSync('gcc', ['-w', '-o', join(dir, 'calls'), source]);
    const pids: string[] = [];
    const lines = (await trace('/guests/calls')).map((line) => {
      const [, pid, text] = /^(\d+) +(.*)$/.exec(line)!;
      if (!pids.includes(pid!)) pids.push(pid!);
      return { pid: pids.indexOf(pid!), text: text! };
    });
    const marks = lines.flatMap(({ text }, i) => (text.startsWith('getpgrp()') ? [i] : []));
    const last = lines.findIndex(({ text }) => text.startsWith('execve("/bin/true", ["true"'));
    const shown = [
      ...lines.slice(marks[0]! + 1, marks[1]),
      ...lines.slice(marks[1]! + 1, last + 1),
      lines.at(-1)!,
    ];
    const ours = shown.map(({ pid, text }) => {
      let plain = text.replace(/0x[0-9a-f]{8,}/g, 'ADDRESS').replace(/\) +=/, ') =');
      // Their numbers only where they are numbers of processes.
      plain = plain.replace(/\b(si_pid=|kill\()(\d+)/g, (_, what, n) => `${what}P${pids.indexOf(n)}`);
      if (/^(getpid|<\.\.\. vfork|wait4\(-1, \[)/.test(plain)) {
        plain = plain.replace(/= (\d+)$/, (_, n) => `= P${pids.indexOf(n)}`);
      }
      return `P${pid} ${plain}`;
    });
    const expected = readFileSync(new URL('./calls.expected.txt', import.meta.url), 'utf8')
      .trimEnd()
      .split('\n');
    expect(ours).toEqual(expected);
  });
});

describe('several threads of control', () => {
  it('cuts a line where another comes between, and takes it up again', async () => {
    const lines = await trace('/bin/sh', ['-c', '(sleep 0.05; exit 0); exit 3']);
    const text = lines.map(body).join('\n');
    expect(text).toMatch(/wait4\(-1, +<unfinished \.\.\.>\n/);
    expect(text).toMatch(/<\.\.\. wait4 resumed>\[\{WIFEXITED\(s\) && WEXITSTATUS\(s\) == 0\}\], /);
    expect(lines.every((line) => /^\d+ +\S/.test(line))).toBe(true);
    expect(body(lines.at(-1)!)).toBe('+++ exited with 3 +++');
  });

  it('says who was killed, in the middle of what', async () => {
    const log = join(dir, 'log2');
    const stop = await straceTo(kernel, log);
    const child = kernel.spawn('/bin/sleep', ['60']);
    await expect.poll(() => readFileSync(log, 'latin1')).toContain('nanosleep(');
    child.kill('SIGKILL');
    await child.exited;
    stop();
    const lines = readFileSync(log, 'latin1').trimEnd().split('\n').map(body);
    expect(lines.at(-2)).toMatch(/nanosleep\(.*\) = \? /);
    expect(lines.at(-1)).toBe('+++ killed by SIGKILL +++');
  });

  it('begins with the program the embedder starts, and tells of signals that are ignored', async () => {
    const lines = (await trace('/usr/bin/perl', ['-e', 'system("/bin/true")'])).map(body);
    expect(lines[0]).toMatch(
      /^execve\("\/usr\/bin\/perl", \["\/usr\/bin\/perl", "-e", "system\(\\"\/bin\/true\\"\)"\], 0x[0-9a-f]+ \/\* \d+ vars \*\/\) += 0$/,
    );
    expect(lines.join('\n')).toMatch(/^--- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, /m);
  });

  it('aligns results', async () => {
    const lines = await trace('/bin/true');
    const close = lines.find((line) => line.includes('close(3)'))!;
    expect(close.indexOf('= 0')).toBe(40);
  });
});
