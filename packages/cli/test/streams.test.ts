import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { probePlatforms } from '@sandbox/kernel';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useCli } from './support/cli.js';

const { sandbox, start, script } = useCli();
let dir: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'sandbox-cli-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** A shell command line of the host in which "$S" is `sandbox run --`. */
async function shell(line: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn('bash', ['-c', `S="${process.execPath} ${script} run --"; ${line}`], {
    timeout: 25_000,
  });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdin.end();
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  const [code] = await once(child, 'close');
  return { code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() };
}

describe('input', () => {
  const every = Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * 7 + (i >> 8)) & 255));

  it('through a socket: every byte, then the end', async () => {
    const child = start(['run', '--', 'cat']);
    const out: Buffer[] = [];
    child.stdout!.on('data', (chunk: Buffer) => out.push(chunk));
    child.stdin!.end(every);
    await once(child, 'close');
    expect(Buffer.concat(out).equals(every)).toBe(true);
  });

  it('through a pipe', async () => {
    const r = await shell('printf "a\\0b" | $S od -An -c');
    expect(r.stdout).toBe('   a  \\0   b\n');
    expect((await shell('seq 200000 | $S tail -n 1')).stdout).toBe('200000\n');
  });

  it('from a file, which is read no further than the guest reads', async () => {
    writeFileSync(join(dir, 'in'), every);
    const r = await shell(`{ $S dd bs=1000 count=3 status=none of=/dev/null; wc -c; } < ${dir}/in`);
    expect(r.stdout).toBe('67000\n');
  });

  it('/dev/null, a directory, nothing', async () => {
    expect((await shell('$S wc -c < /dev/null')).stdout).toBe('0\n');
    expect((await shell('$S sh -c "read x || echo end" <&-')).stdout).toBe('end\n');
    expect((await shell('$S sh -c "cat >/dev/null; echo \\$?" < /')).stdout).toMatch(/^[01]\n$/);
  });

  it('is not touched by a program that does not read', async () => {
    const r = await shell('printf "one\\ntwo\\n" | { $S true; cat; }');
    expect(r.stdout).toBe('one\ntwo\n');
  });

  it('a reader that is gone stops the writer', async () => {
    const r = await shell(`yes | $S true; echo \${PIPESTATUS[@]}`);
    expect(r.stdout).toBe('141 0\n');
  });
});

describe('output', () => {
  it('SIGPIPE when the reader is gone, and nothing is said', async () => {
    const r = await shell(`$S yes | head -n 1; echo \${PIPESTATUS[@]}`);
    expect(r).toMatchObject({ stdout: 'y\n141 0\n', stderr: '' });
  });

  it('EPIPE for one that ignores SIGPIPE', async () => {
    const r = await shell(`$S sh -c 'trap "" PIPE; yes; echo "ends $?" >&2' | head -n 1`);
    expect(r).toMatchObject({ stdout: 'y\n', stderr: 'yes: standard output: Broken pipe\nends 1\n' });
  });

  it('a slow reader holds the writer back, and nothing is lost', async () => {
    const count = 12 * 1024 * 1024;
    const r = await shell(
      `$S head -c ${count} /dev/zero | { sleep 0.3; head -c 100000 | wc -c; sleep 0.3; wc -c; }`,
    );
    expect(r.stdout).toBe(`100000\n${count - 100_000}\n`);
  });

  it('what is in flight at the end still arrives', async () => {
    const r = await shell(
      `$S sh -c "head -c 200000 /dev/zero; exit 3" | { sleep 0.5; wc -c; }; echo \${PIPESTATUS[@]}`,
    );
    expect(r.stdout).toBe('200000\n3 0\n');
  });

  it('to a file, at its own offset, both streams', async () => {
    const r = await shell(
      `{ echo first; $S sh -c 'echo out; echo err >&2; echo out2' 2>&1; echo last; } > ${dir}/log; cat ${dir}/log`,
    );
    expect(r.stdout).toBe('first\nout\nerr\nout2\nlast\n');
  });

  it('order of both streams in one pipe', async () => {
    const loop = 'i=0; while [ $i -lt 200 ]; do echo o$i; echo e$i >&2; i=$((i+1)); done';
    const r = await shell(`$S sh -c '${loop}' 2>&1 | cat`);
    expect(r.stdout).toBe(Array.from({ length: 200 }, (_, i) => `o${i}\ne${i}\n`).join(''));
  });

  it('a full disk is ENOSPC', async () => {
    const r = await shell('$S /bin/echo x > /dev/full');
    expect(r.stderr).toMatch(/No space left on device/);
  });

  it('/dev/stdout and /proc/self/fd/1 lead to it', async () => {
    const r = await shell(
      '$S sh -c "echo a > /dev/stdout; echo b > /proc/self/fd/1; echo c > /dev/fd/2" 2>&1 | cat',
    );
    expect(r.stdout).toBe('a\nb\nc\n');
  });

  it('leaves pipes blocking for others', async () => {
    // A non-blocking description would let the second writer fail with EAGAIN.
    const r = await shell('{ $S true; head -c 300000 /dev/zero; } | { sleep 0.4; wc -c; }');
    expect(r).toMatchObject({ stdout: '300000\n', stderr: '' });
  });
});

const platform = process.env.SANDBOX_PLATFORM || (await probePlatforms()).find((p) => p.result.ok)?.name;

describe('signals', () => {
  /** Start `body` in a guest's shell and wait until it said "ready". */
  async function ready(body: string, more: string[] = []) {
    const child = start(['run', ...more, '--', 'sh', '-c', body]);
    let stdout = '';
    let stderr = '';
    child.stderr!.on('data', (chunk: Buffer) => (stderr += chunk));
    await new Promise<void>((resolve) => {
      child.stdout!.on('data', (chunk: Buffer) => {
        stdout += chunk;
        if (stdout.includes('ready')) resolve();
      });
    });
    const end = async () => {
      const [code] = await once(child, 'close');
      return { code, stdout, stderr };
    };
    return { child, end };
  }
  const WAIT = 'echo ready; while :; do sleep 0.05; done';

  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
    ['SIGHUP', 129],
    ['SIGUSR1', 138],
  ] as const)('%s reaches the program', async (signal, code) => {
    const { child, end } = await ready(WAIT);
    child.kill(signal);
    expect((await end()).code).toBe(code);
  });

  it('which may handle it', async () => {
    const { child, end } = await ready(`trap 'echo bye; exit 5' TERM; ${WAIT}`);
    child.kill('SIGTERM');
    expect(await end()).toMatchObject({ code: 5, stdout: 'ready\nbye\n' });
  });

  it('a second one ends what does not listen', async () => {
    const { child, end } = await ready(`trap '' TERM; ${WAIT}`);
    child.kill('SIGTERM');
    await new Promise((resolve) => setTimeout(resolve, 50));
    child.kill('SIGTERM');
    expect((await end()).code).toBe(137);
  });

  it('SIGINT reaches the children too, as from a terminal', async () => {
    const { child, end } = await ready(
      `trap 'echo parent' INT; sh -c 'echo ready; exec sleep 60'; echo after`,
    );
    child.kill('SIGINT');
    expect((await end()).stdout).toBe('ready\nparent\nafter\n');
  });

  it('nothing is left when this process is killed', async () => {
    const { child } = await ready('sleep 300 & echo ready; wait');
    const stubs = descendants(child.pid!);
    // In virtual machines guests are no processes of the host's.
    if (platform !== 'kvm') expect(stubs.length).toBeGreaterThan(0);
    child.kill('SIGKILL');
    await once(child, 'close');
    await expect.poll(() => stubs.filter(alive), { timeout: 5000 }).toEqual([]);
  });

  it('nor when a background program outlives the main one', async () => {
    const r = await sandbox(['run', '--', 'sh', '-c', 'sleep 300 & echo $!']);
    expect(r.code).toBe(0);
  });
});

function descendants(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .split(' ')
      .filter(Boolean)
      .map(Number);
    return children.flatMap((child) => [child, ...descendants(child)]);
  } catch {
    return [];
  }
}

function alive(pid: number): boolean {
  try {
    closeSync(openSync(`/proc/${pid}/stat`, 'r'));
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}
