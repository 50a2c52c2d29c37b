import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useCli } from './support/cli.js';

const { sandbox } = useCli();
let dir: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'sandbox-cli-'));
  chmodSync(dir, 0o755);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** A file in the scratch directory, which `--bind` shows as /t. */
function file(name: string, content: string | Uint8Array, mode = 0o755): string {
  writeFileSync(join(dir, name), content);
  chmodSync(join(dir, name), mode);
  return `/t/${name}`;
}
const bound = (...rest: string[]): string[] => ['run', '--bind', `${dir}:/t`, ...rest];
const run = (...rest: string[]): string[] => ['run', ...rest];

describe('programs', () => {
  it.each([
    ['its exit status', ['sh', '-c', 'echo out; echo err >&2; exit 7'], 7, 'out\n', 'err\n'],
    ['a name is looked up in PATH', ['true'], 0, '', ''],
    ['128 and the signal', ['sh', '-c', 'kill -TERM $$'], 143, '', 'sandbox: sh: killed by SIGTERM\n'],
    ['options of the program are its own', ['echo', '-n', '--help', '--', '-x'], 0, '--help -- -x', ''],
  ])('%s', async (_what, command, code, stdout, stderr) => {
    expect(await sandbox(run('--', ...command))).toMatchObject({ code, stdout, stderr });
  });

  it('needs no -- before a command', async () => {
    expect(await sandbox(['run', 'echo', '-n', 'x'])).toMatchObject({ code: 0, stdout: 'x' });
  });
});

describe('programs that do not start', () => {
  it.each([
    ['nowhere', 127, 'nowhere: not found in PATH of the sandbox'],
    ['/nowhere/at/all', 127, 'cannot start /nowhere/at/all: ENOENT (no such file)'],
    ['/etc/passwd/x', 126, 'cannot start /etc/passwd/x: ENOTDIR'],
    ['/usr', 126, 'cannot start /usr: EACCES (it is a directory)'],
    ['/etc/passwd', 126, 'cannot start /etc/passwd: EACCES (it is not executable for uid 0)'],
    ['/dev/null', 126, 'cannot start /dev/null: EACCES (it is not a regular file)'],
  ])('%s', async (path, code, message) => {
    const r = await sandbox(run('--', path));
    expect(r.stderr).toContain(`sandbox: ${message}`);
    expect(r.code).toBe(code);
  });

  it('names what is wrong with the file', async () => {
    const elf = readFileSync('/bin/true');
    const text = elf.toString('latin1');
    const lost = Buffer.from(text.replace('ld-linux-x86-64.so.2', 'ld-linux-x86-64.so.9'), 'latin1');
    const arm = Buffer.from(elf);
    arm.writeUInt16LE(183, 18);
    const cases: [string, string | Uint8Array, number, string][] = [
      ['text', 'hello\n', 126, 'ENOEXEC (neither an ELF program nor a script)'],
      ['empty', '', 126, 'ENOEXEC (neither an ELF program nor a script)'],
      ['arm', arm, 126, 'ENOEXEC (not an ELF program for x86-64'],
      ['short', elf.subarray(0, 100), 126, 'ENOEXEC'],
      ['lost', lost, 126, 'ENOENT (its interpreter /lib64/ld-linux-x86-64.so.9: no such file)'],
      ['script', '#!/no/such -x\n', 126, 'ENOENT (its interpreter /no/such: no such file)'],
      ['script2', '#!/etc/passwd\n', 126, 'EACCES (its interpreter /etc/passwd: it is not executable'],
    ];
    for (const [name, content, code, message] of cases) {
      const path = file(name, content);
      const r = await sandbox(bound('--', path));
      expect(r.stderr).toContain(`sandbox: cannot start ${path}: ${message}`);
      expect(r.code).toBe(code);
    }
  });

  it('a loop of links', async () => {
    symlinkSync('loop', join(dir, 'loop'));
    const r = await sandbox(bound('--', '/t/loop'));
    expect(r).toMatchObject({
      code: 126,
      stderr: 'sandbox: cannot start /t/loop: ELOOP (too many symbolic links)\n',
    });
  });
});

describe('options that make no sense', () => {
  it.each([
    [['run']],
    [['nonsense']],
    [run('--nonsense', '--', 'true')],
    [run('--memory', 'much', '--', 'true')],
    [run('--memory', '1k', '--', 'true')],
    [run('--pids', '0', '--', 'true')],
    [run('--timeout', 'soon', '--', 'true')],
    [run('--user', 'root', '--', 'true')],
    [run('--bind', 'x', '--', 'true')],
    [run('--bind', '/nowhere/at/all:/mnt', '--', 'true')],
    [run('--root', '/nowhere/at/all', '--', 'true')],
    [run('--root', '/etc/passwd', '--', 'true')],
    [run('--cwd', '/nowhere', '--', 'true')],
    [run('--hostname', 'x'.repeat(65), '--', 'true')],
    [run('--platform', 'magic', '--', 'true')],
    [run('--env', '=x', '--', 'true')],
    [run('--strace=/nowhere/at/all', '--', 'true')],
  ])('%j is 125', async (args) => {
    const r = await sandbox(args);
    expect(r.stderr).toMatch(/^sandbox: /);
    expect(r.stderr).not.toMatch(/\n\s+at /);
    expect(r).toMatchObject({ code: 125, stdout: '' });
  });

  it('a platform that is not there fails closed', async () => {
    const r = await sandbox(run('--', 'echo', 'ran'), { env: { ...process.env, SANDBOX_PLATFORM: 'magic' } });
    expect(r).toMatchObject({ code: 125, stdout: '' });
    expect(r.stderr).toMatch(/^sandbox: .*'magic' is none of auto, kvm, ptrace/);
  });
});

describe('the surroundings', () => {
  it('environment', async () => {
    const env = { PATH: '/bin', LANG: 'C.UTF-8', SECRET: 'x', FOO: 'foo' };
    const r = await sandbox(
      run('-e', 'A=1', '-e', 'FOO', '-e', 'B=x=y', '-e', 'NONE', '--', '/usr/bin/env'),
      { env },
    );
    const lines = r.stdout.trim().split('\n');
    expect(lines).toEqual(
      expect.arrayContaining(['A=1', 'FOO=foo', 'B=x=y', 'LANG=C.UTF-8', 'HOME=/root', 'HOSTNAME=sandbox']),
    );
    expect(r.stdout).not.toMatch(/SECRET|NONE|TERM/);
  });

  it('working directory: the given one, the current one, /', async () => {
    expect((await sandbox(run('--cwd', '/usr', '--', 'pwd'))).stdout).toBe('/usr\n');
    expect((await sandbox(run('--', 'pwd'), { cwd: '/usr/bin' })).stdout).toBe('/usr/bin\n');
    // The host's /tmp is not there.
    expect((await sandbox(run('--', 'pwd'), { cwd: dir })).stdout).toBe('/\n');
  });

  it('user and group', async () => {
    const r = await sandbox(
      run('--user', '1000:1001', '--', 'sh', '-c', 'id -u; id -g; id -G; touch /x || echo no'),
    );
    expect(r.stdout).toBe('1000\n1001\n1001\nno\n');
    expect((await sandbox(run('--user', '1000', '--', 'id', '-g'))).stdout).toBe('1000\n');
  });

  it('host name', async () => {
    const r = await sandbox(run('--hostname', 'box', '--', 'sh', '-c', 'uname -n; echo $HOSTNAME'));
    expect(r.stdout).toBe('box\nbox\n');
  });

  it('writes stay in the sandbox', async () => {
    const name = `/sandbox-cli-${process.pid}`;
    const r = await sandbox(
      run('--', 'sh', '-c', `echo mine > ${name}; cat ${name}; echo t > /tmp/x; ls /tmp`),
    );
    expect(r).toMatchObject({ code: 0, stdout: 'mine\nx\n' });
    expect(() => readFileSync(name)).toThrow('ENOENT');
  });

  it('--read-only: only /tmp can be written', async () => {
    const script = 'touch /x 2>/dev/null || echo ro; touch /tmp/x && echo tmp; ls /new/place';
    mkdirSync(join(dir, 'sub'), { recursive: true });
    file('sub/seen', '');
    const r = await sandbox([
      'run',
      '--read-only',
      '--bind',
      `${dir}/sub:/new/place:ro`,
      '--',
      'sh',
      '-c',
      script,
    ]);
    expect(r).toMatchObject({ stdout: 'ro\ntmp\nseen\n', code: 0 });
  });

  it('--bind: real writes, or none', async () => {
    const r = await sandbox([
      ...['run', '--bind', `${dir}:/rw`, '--bind', `${dir}:/deep/ro:ro`, '--'],
      ...[
        'sh',
        '-c',
        'echo real > /rw/written; cat /deep/ro/written; touch /deep/ro/x 2>/dev/null || echo ro',
      ],
    ]);
    expect(r.stdout).toBe('real\nro\n');
    expect(readFileSync(join(dir, 'written'), 'utf8')).toBe('real\n');
  });

  it('--root: another tree', async () => {
    const tree = join(dir, 'tree');
    mkdirSync(join(tree, 'bin'), { recursive: true });
    execFileSync('cp', ['/usr/bin/busybox', join(tree, 'bin/sh')]);
    const r = await sandbox(
      run('--root', tree, '--', '/bin/sh', '-c', 'pwd; echo /*; echo x > /new; cat /new'),
    );
    expect(r).toMatchObject({ code: 0, stdout: '/\n/bin /dev /proc /sys\nx\n' });
    expect(() => readFileSync(join(tree, 'new'))).toThrow('ENOENT');
  });
});

describe('limits', () => {
  it('--memory', async () => {
    const script = 'tail /dev/zero; echo $?; dd if=/dev/zero of=/dev/null bs=200M count=1; echo $?';
    const r = await sandbox(run('-m', '64m', '--', 'sh', '-c', script));
    expect(r.stdout).toBe('137\n137\n');
    expect(r.stderr).toMatch(/Killed/);
  });

  it('--pids', async () => {
    const r = await sandbox(run('--pids', '3', '--', 'sh', '-c', 'sleep 9 & sleep 9 & sleep 9 & echo never'));
    expect(r.stdout).toBe('');
    expect(r.stderr).toContain('fork');
  });

  it('--timeout kills everything', async () => {
    const before = performance.now();
    const r = await sandbox(
      run('--timeout', '3s', '--', 'sh', '-c', 'trap "" TERM; sleep 60 & echo on; wait'),
    );
    expect(r).toMatchObject({ code: 124, stdout: 'on\n', stderr: 'sandbox: sh: killed after 3000 ms\n' });
    expect(performance.now() - before).toBeLessThan(20_000);
  });
});

describe('tools', () => {
  it('--stats', async () => {
    const r = await sandbox(run('--stats', '--', 'echo', 'x'));
    expect(r.stdout).toBe('x\n');
    expect(r.stderr).toMatch(/^ +1 +[\d.]+ +[\d.]+ {2}write$/m);
    expect(r.stderr).toContain('guest memory');
  });

  it('--strace to standard error, or to a file', async () => {
    const a = await sandbox(run('--strace', '--', 'echo', 'x'));
    expect(a.stdout).toBe('x\n');
    expect(a.stderr).toContain('write(1, "x\\n", 2) ');
    const log = join(dir, 'log');
    const b = await sandbox(run(`--strace=${log}`, '--', 'echo', 'x'));
    expect(b).toMatchObject({ stdout: 'x\n', stderr: '' });
    expect(readFileSync(log, 'utf8')).toContain('write(1, "x\\n", 2) ');
  });

  it('doctor', async () => {
    const r = await sandbox(['doctor', '--json']);
    expect(r.code).toBe(0);
    expect(JSON.parse(r.stdout)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ name: 'ptrace', result: expect.objectContaining({ ok: true }) }),
      ]),
    );
    expect((await sandbox(['doctor'])).stdout).toMatch(/^ok +ptrace/m);
  });

  it('syscalls', async () => {
    const r = await sandbox(['syscalls']);
    expect(r.code).toBe(0);
    expect(r.stdout).toMatch(/^ +0 +read +full/m);
    expect(JSON.parse((await sandbox(['syscalls', '--json'])).stdout).calls.length).toBeGreaterThan(300);
  });

  it('help and version', async () => {
    expect((await sandbox(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect((await sandbox(['run', '--help'])).stdout).toContain('The exit status');
    expect((await sandbox([])).code).toBe(125);
  });
});
