import { InvalidOptionError, Kernel, OutputLimitError, SpawnError } from '@sandbox/kernel';
import { type Platform, PlatformUnavailableError } from '@sandbox/platform';
import { hostfs, tmpfs } from '@sandbox/vfs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeKernel } from './support.js';

let kernel: Kernel;
beforeAll(async () => {
  kernel = await makeKernel();
});
afterAll(() => kernel.dispose());

const sh = (script: string, options = {}) => kernel.run('/bin/sh', ['-c', script], options);

describe('run', () => {
  it('gives output and exit code', async () => {
    expect(await sh('echo out; echo err >&2; exit 3')).toEqual({
      code: 3,
      signal: null,
      stdout: 'out\n',
      stderr: 'err\n',
      timedOut: false,
    });
  });

  it('names the signal that killed it', async () => {
    expect(await sh('kill -SEGV $$')).toMatchObject({ code: null, signal: 'SIGSEGV' });
    expect(await sh('kill -s RTMIN $$').then((r) => r.code === null)).toBe(true);
  });

  it('passes input', async () => {
    expect((await kernel.run('/bin/cat', [], { input: 'für\n' })).stdout).toBe('für\n');
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    const r = await kernel.run('/bin/cat', [], { input: bytes, encoding: 'buffer' });
    expect(r.stdout).toEqual(Buffer.from(bytes));
    // A program that reads none of it is not disturbed.
    expect((await kernel.run('/bin/true', [], { input: 'x'.repeat(1_000_000) })).code).toBe(0);
  });

  it('arguments and environment in UTF-8, argv[0], umask, directory, user', async () => {
    const r = await kernel.run('/bin/sh', ['-c', 'echo "$0 $1 $V"; pwd; umask; id -u; id -G', 'ä', '日本'], {
      env: { V: 'ö', PATH: '/usr/bin:/bin' },
      cwd: '/usr',
      umask: 0o077,
      user: { uid: 7, gid: 8, groups: [9] },
    });
    expect(r.stdout).toBe('ä 日本 ö\n/usr\n0077\n7\n8 9\n');
    expect((await kernel.run('/bin/sh', ['-c', 'echo $0'], { argv0: 'other' })).stdout).toBe('other\n');
  });

  it('waits for background programs that hold the output', async () => {
    expect((await sh('(sleep 0.2; echo late) & echo early')).stdout).toBe('early\nlate\n');
  });

  it('stops when there is too much output', async () => {
    await expect(sh('yes', { maxBuffer: 1000 })).rejects.toThrow(OutputLimitError);
    expect((await sh('head -c 1000 /dev/zero', { maxBuffer: 1000 })).stdout.length).toBe(1000);
  });

  it('several at once', async () => {
    const all = await Promise.all(Array.from({ length: 20 }, (_, i) => sh(`sleep 0.05; echo ${i}`)));
    expect(all.map((r) => r.stdout.trim())).toEqual(all.map((_, i) => String(i)));
  });

  it('processes() lists what runs', async () => {
    const child = kernel.spawn('/bin/sleep', ['60']);
    expect(kernel.processes()).toContainEqual({ pid: child.pid, ppid: 1, name: 'sleep', state: 'running' });
    child.kill();
    await child.exited;
    expect(kernel.processes().some((p) => p.pid === child.pid)).toBe(false);
  });

  it('stats() counts calls', async () => {
    await sh('echo x');
    const stats = kernel.stats();
    expect(stats.calls.write).toBeGreaterThan(0);
    expect(stats.memory).toBeGreaterThan(0);
    expect(stats.latencies).toEqual({});
  });
});

it('measure: stats() tells how long calls took, sleeps included', async () => {
  await using timed = await Kernel.create({ root: hostfs('/', { readOnly: true }), measure: true });
  await timed.run('/bin/sh', ['-c', 'sleep 0.05; echo x']);
  const { calls, latencies } = timed.stats();
  const sleep = latencies.clock_nanosleep;
  expect(sleep.count).toBe(1);
  expect(sleep.maxNs).toBeGreaterThan(50e6);
  expect(sleep.histogram.at(-1)!.belowNs).toBeGreaterThan(sleep.maxNs);
  expect(latencies.write.count).toBe(calls.write);
  expect(latencies.write.histogram.reduce((n, b) => n + b.count, 0)).toBe(calls.write);
});

describe('what cannot be started', () => {
  const failure = async (path: string, options = {}): Promise<SpawnError> =>
    kernel.run(path, [], options).then(
      () => expect.unreachable(),
      (error: unknown) => error as SpawnError,
    );

  it.each([
    ['/nowhere', 'ENOENT', 'program'],
    ['/etc', 'EACCES', 'program'],
    ['/etc/passwd', 'EACCES', 'program'],
    ['relative/nowhere', 'ENOENT', 'program'],
    ['', 'ENOENT', 'program'],
  ])('%j', async (path, errno, culprit) => {
    const error = await failure(path);
    expect(error).toBeInstanceOf(SpawnError);
    expect(error).toMatchObject({ code: 'ERR_SPAWN', errno, culprit, path });
  });

  it('a bad format, a missing interpreter, a missing directory', async () => {
    await kernel.fs.writeFile('/text', 'text');
    await kernel.fs.writeFile('/script', '#!/missing/interpreter\n');
    await kernel.fs.chmod('/text', 0o755);
    await kernel.fs.chmod('/script', 0o755);
    expect(await failure('/text')).toMatchObject({ errno: 'ENOEXEC', culprit: 'program' });
    expect(await failure('/script')).toMatchObject({
      errno: 'ENOENT',
      culprit: 'interpreter',
      culpritPath: '/missing/interpreter',
    });
    expect(await failure('/bin/true', { cwd: '/missing' })).toMatchObject({
      errno: 'ENOENT',
      culprit: 'cwd',
    });
    expect(await failure('/bin/true', { cwd: '/etc/passwd' })).toMatchObject({
      errno: 'ENOTDIR',
      culprit: 'cwd',
    });
  });

  it('no execute permission for this user', async () => {
    await kernel.fs.copyFile('/bin/true', '/mine');
    await kernel.fs.chmod('/mine', 0o700);
    expect(await failure('/mine', { user: { uid: 5 } })).toMatchObject({ errno: 'EACCES' });
    expect((await kernel.run('/mine')).code).toBe(0);
  });

  it('too long arguments', async () => {
    const error = await kernel.run('/bin/true', ['x'.repeat(200_000)]).catch((e: unknown) => e);
    expect(error).toMatchObject({ errno: 'E2BIG', culprit: 'limits' });
  });

  it('more processes than allowed', async () => {
    await using small = await makeKernel({ limits: { processes: 2 } });
    small.spawn('/bin/sleep', ['60']);
    small.spawn('/bin/sleep', ['60']);
    expect(() => small.spawn('/bin/true')).toThrow(
      expect.objectContaining({ errno: 'EAGAIN', culprit: 'limits' }),
    );
  });
});

describe('options are checked before anything happens', () => {
  const root = tmpfs();
  it.each([
    ['nothing', undefined],
    ['no root', {}],
    ['a root that is none', { root: '/' }],
    ['unknown names', { root, rooot: 1 }],
    ['platform', { root, platform: 'magic' }],
    ['mount point', { root, mounts: { relative: tmpfs() } }],
    ['mount', { root, mounts: { '/x': 5 } }],
    ['memory', { root, limits: { memory: -1 } }],
    ['processes', { root, limits: { processes: 1.5 } }],
    ['openFiles', { root, limits: { openFiles: Number.NaN } }],
    ['variable name', { root, env: { 'A=': 'x' } }],
    ['variable', { root, env: { A: 'x\0' } }],
    ['uid', { root, user: { uid: -1 } }],
    ['host name', { root, hostname: '' }],
    ['network', { root, network: 'bridge' }],
    ['readOnlyRoot', { root, readOnlyRoot: 'yes' }],
  ])('%s', async (_what, options) => {
    const created = Kernel.create(options as never);
    await expect(created).rejects.toThrow(InvalidOptionError);
    await expect(created).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
  });

  it.each([
    ['timeout', { timeout: -1 }],
    ['timeout', { timeout: Number.NaN }],
    ['stdio', { stdio: 'inherited' }],
    ['stdio', { stdio: ['pipe', 'pipe', 5] }],
    ['env', { env: { '': 'x' } }],
    ['user', { user: { uid: 2 ** 32 } }],
    ['tty', { tty: { rows: -1, columns: 80 } }],
  ])('spawn: %s', (_what, options) => {
    expect(() => kernel.spawn('/bin/true', [], options as never)).toThrow(InvalidOptionError);
  });

  it('spawn: NUL', () => {
    expect(() => kernel.spawn('/bin/true\0', [])).toThrow(InvalidOptionError);
    expect(() => kernel.spawn('/bin/true', ['a\0b'])).toThrow(InvalidOptionError);
  });

  it('a platform that is not there', async () => {
    const why = 'there is no device';
    const nowhere: Platform = {
      name: 'nowhere',
      preference: 0,
      probe: () => ({ ok: false, code: 'kvm-missing', why }),
      open: () => {
        throw new PlatformUnavailableError('nowhere', 'kvm-missing', why);
      },
    };
    await expect(makeKernel({ platform: nowhere })).rejects.toMatchObject({
      code: 'ERR_PLATFORM_UNAVAILABLE',
      platform: 'nowhere',
      reason: 'kvm-missing',
    });
  });

  it('a directory of the host that is not there, a place that cannot be', async () => {
    await expect(Kernel.create({ root: hostfs('/no/such/place') })).rejects.toMatchObject({
      code: 'ERR_VFS_HOST_DIRECTORY',
    });
    await expect(makeKernel({ mounts: { '/etc/passwd/x': tmpfs() } })).rejects.toMatchObject({
      code: 'ERR_MOUNT',
      path: '/etc/passwd/x',
    });
  });
});

describe('the file tree', () => {
  it('is shared with programs', async () => {
    await kernel.fs.mkdir('/shared/deep', { recursive: true });
    await kernel.fs.writeFile('/shared/deep/in', 'from outside');
    const r = await sh('cat /shared/deep/in; echo from inside > /shared/out; ln -s out /shared/link');
    expect(r.stdout).toBe('from outside');
    expect(await kernel.fs.readFile('/shared/link', 'utf8')).toBe('from inside\n');
    expect((await kernel.fs.readdir('/shared')).sort()).toEqual(['deep', 'link', 'out']);
  });

  it('has /proc, /dev and /sys of its own', async () => {
    expect(await kernel.fs.readFile('/proc/sys/kernel/hostname', 'utf8')).toBe('sandbox\n');
    expect((await kernel.fs.stat('/dev/null')).isCharacterDevice()).toBe(true);
  });

  it('readOnlyRoot', async () => {
    await using fixed = await makeKernel({ readOnlyRoot: true, mounts: { '/new/data': tmpfs() } });
    const r = await fixed.run('/bin/sh', ['-c', 'touch /x || touch /new/data/x && ls /new/data']);
    expect(r.stdout).toBe('x\n');
    await expect(fixed.fs.writeFile('/x', '')).rejects.toMatchObject({ code: 'EROFS' });
  });
});

describe('events', () => {
  it('processes come and go', async () => {
    await using own = await makeKernel();
    const events: string[] = [];
    own.on('process-start', ({ pid, path }) => events.push(`start ${pid} ${path}`));
    own.on('process-exit', ({ pid, path, code, signal }) =>
      events.push(`exit ${pid} ${path} ${code ?? signal}`),
    );
    await own.run('/bin/sh', ['-c', '/bin/sh -c "exit 4"; kill -9 $$']);
    const path = await own.fs.realpath('/bin/sh');
    expect(events).toEqual([
      `start 2 ${path}`,
      `start 3 ${path}`,
      `exit 3 ${path} 4`,
      `exit 2 ${path} SIGKILL`,
    ]);
  });

  it('what is not implemented is reported once a program, and answers ENOSYS', async () => {
    await using own = await makeKernel();
    const reports: object[] = [];
    own.on('unimplemented', (what) => reports.push(what));
    const script =
      'import ctypes; c = ctypes.CDLL(None, use_errno=True); [c.syscall(500) for _ in range(3)]; print(ctypes.get_errno())';
    const r = await own.run('/usr/bin/env', ['python3', '-c', script], {
      env: { PATH: process.env.PATH ?? '/usr/bin' },
    });
    expect(r.stdout).toBe('38\n');
    const calls = reports.filter((what) => 'name' in what && what.name === 'syscall_500');
    expect(calls).toEqual([{ name: 'syscall_500', detail: '', program: expect.stringMatching(/^python3/) }]);
  });
});
