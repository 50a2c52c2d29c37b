import { once } from 'node:events';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Container,
  type ContainerOptions,
  InvalidOptionError,
  type Kernel,
  MountError,
  type Process,
  SpawnError,
  type SpawnOptions,
} from '@sandbox/kernel';
import { hostfs, overlay, tmpfs } from '@sandbox/vfs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeKernel } from './support.js';

let kernel: Kernel;
beforeAll(async () => {
  kernel = await makeKernel();
});
afterAll(() => kernel.dispose());

function make(options: Partial<ContainerOptions> = {}): Container {
  const root = overlay({ lower: hostfs('/', { readOnly: true }), upper: tmpfs() });
  const container = kernel.createContainer({ root, ...options });
  container.mount({ path: '/proc', what: { type: 'proc' } });
  return container;
}

async function collect(child: Process): Promise<string> {
  const parts: Buffer[] = [];
  const read = async (stream: AsyncIterable<Buffer>): Promise<void> => {
    for await (const part of stream) parts.push(part);
  };
  await Promise.all([read(child.stdout!), ...(child.stderr ? [read(child.stderr)] : [])]);
  return Buffer.concat(parts).toString();
}

async function sh(container: Container, script: string, options: SpawnOptions = {}): Promise<string> {
  const child = container.spawn('/bin/sh', ['-c', script], options);
  child.stdin?.end();
  const output = await collect(child);
  await child.exited;
  return output;
}

describe('namespaces', () => {
  it('the first program is process 1, and takes all others along', async () => {
    using container = make();
    const init = container.spawn('/bin/sh', ['-c', 'echo $$; read x']);
    const [first] = await once(init.stdout!, 'data');
    expect(String(first)).toBe('1\n');
    const other = container.spawn('/bin/sleep', ['1000']);
    expect(container.processes().map((p) => [p.ownPid, p.ppid, p.name])).toEqual([
      [1, 0, 'sh'],
      [2, 0, 'sleep'],
    ]);
    init.stdin!.end('\n');
    expect(await init.exited).toEqual({ code: 0, signal: null });
    expect(await other.exited).toEqual({ code: null, signal: 'SIGKILL' });
    expect(container.processes()).toEqual([]);
    expect(() => container.spawn('/bin/true')).toThrow(SpawnError);
  });

  it('a program that does not start leaves the number 1 to the next', async () => {
    using container = make();
    expect(() => container.spawn('/nowhere')).toThrow(SpawnError);
    expect(await sh(container, 'echo $$')).toBe('1\n');
  });

  it('what prepares it is not its process 1', async () => {
    using container = make({ hostname: 'inside' });
    const first = container.spawnOutside('/bin/sh', ['-c', 'cat /proc/sys/kernel/hostname > /tmp/name']);
    expect(await first.exited).toEqual({ code: 0, signal: null });
    expect(await sh(container, 'echo $$; cat /tmp/name')).toBe('1\ninside\n');
  });

  it('has names of its own', async () => {
    using container = make({ hostname: 'inside', domainname: 'example' });
    expect(await sh(container, 'cat /proc/sys/kernel/hostname /proc/sys/kernel/domainname')).toBe(
      'inside\nexample\n',
    );
    expect(await container.fs.readFile('/proc/sys/kernel/hostname', 'utf8')).toBe('inside\n');
    const outside = await kernel.run('/bin/cat', ['/proc/sys/kernel/hostname']);
    expect(outside.stdout).toBe('sandbox\n');
  });

  it('shares what it is told to share', async () => {
    using a = make({ hostname: 'shared' });
    const init = a.spawn('/bin/sleep', ['1000']);
    using b = make({ namespaces: { pid: a, uts: a, ipc: 'kernel' } });
    expect(await sh(b, 'cat /proc/sys/kernel/hostname /proc/1/comm')).toBe('shared\nsleep\n');
    const [of1, own, ipc] = (await sh(b, 'readlink /proc/1/ns/uts /proc/self/ns/uts /proc/1/ns/ipc')).split(
      '\n',
    );
    expect(own).toBe(of1);
    expect((await sh(b, 'readlink /proc/self/ns/ipc')).trim()).not.toBe(ipc);
    init.kill('SIGKILL');
    await init.exited;
  });

  it('a user namespace spells ids its way', async () => {
    using container = make({
      ids: {
        uids: [{ inside: 0, outside: 1000, count: 10 }],
        gids: [{ inside: 0, outside: 2000, count: 10 }],
      },
    });
    container.mount({ path: '/mnt', what: { fs: tmpfs() } });
    await container.fs.chown('/mnt', 1000, 2000);
    const init = container.spawn('/bin/sleep', ['1000']);
    expect(
      await sh(container, 'id -u; touch /mnt/a; stat -c %u:%g /mnt/a /; cat /proc/self/uid_map'),
    ).toMatch(/^0\n0:0\n65534:65534\n\s+0\s+1000\s+10\n$/);
    expect((await container.fs.stat('/mnt/a')).uid).toBe(1000);
    expect(() => container.spawn('/bin/true', [], { user: { uid: 11 } })).toThrow(InvalidOptionError);
    init.kill('SIGKILL');
    await init.exited;
  });
});

describe('the tree', () => {
  it('is mounted as told', async () => {
    using container = make();
    container.mount({
      path: '/mnt/t',
      what: { type: 'tmpfs', source: 'mine' },
      options: ['nosuid', 'size=64k', 'mode=700'],
    });
    container.mount({ path: '/mnt/passwd', what: { fs: hostfs('/etc'), inner: '/passwd' }, options: ['ro'] });
    container.mount({ path: '/mnt/b', what: { bind: '/mnt/t' }, options: ['ro', 'noexec'] });
    const output = await sh(
      container,
      'grep -E " /mnt" /proc/mounts; head -c 4 /mnt/passwd; echo; echo x > /mnt/t/a; cat /mnt/b/a; touch /mnt/b/c 2>/dev/null || echo refused; touch /mnt/passwd 2>/dev/null || echo refused',
    );
    expect(output).toBe(
      [
        'mine /mnt/t tmpfs rw,nosuid,relatime,size=64k,mode=700 0 0',
        '/etc /mnt/passwd hostfs ro,relatime,cache=shared 0 0',
        'mine /mnt/b tmpfs ro,nosuid,noexec,relatime,size=64k,mode=700 0 0',
        readFileSync('/etc/passwd', 'latin1').slice(0, 4),
        'x',
        'refused',
        'refused',
        '',
      ].join('\n'),
    );
    expect(() => container.mount({ path: '/x', what: { type: 'nonsense' } })).toThrow(MountError);
    expect(() => container.mount({ path: 'x', what: { type: 'tmpfs' } })).toThrow(InvalidOptionError);
  });

  it('hides and protects', async () => {
    using container = make();
    expect(container.hide('/nowhere')).toBe(false);
    expect(container.makeReadOnly('/nowhere')).toBe(false);
    expect(container.hide('/etc')).toBe(true);
    expect(container.hide('/proc/version')).toBe(true);
    expect(container.makeReadOnly('/tmp')).toBe(true);
    container.makeNode({ path: '/dev/zero', kind: 'char', major: 1, minor: 5, mode: 0o604, gid: 3 });
    const output = await sh(
      container,
      'ls -a /etc; cat /proc/version; touch /tmp/x 2>/dev/null || echo refused; touch /srv/x && echo fine; stat -c "%F %t:%T %a %g" /dev/zero; head -c 3 /dev/zero | od -An -tx1',
    );
    expect(output).toBe('.\n..\nrefused\nfine\ncharacter special file 1:5 604 3\n 00 00 00\n');
    container.makeReadOnly('/');
    using other = make();
    expect(await sh(other, 'touch /srv/x && echo fine')).toBe('fine\n');
  });

  it('shows the message queues of its ipc namespace', async () => {
    using container = make();
    container.mount({ path: '/dev/mqueue', what: { type: 'mqueue' } });
    expect(
      await sh(
        container,
        'cd /dev/mqueue; stat -f -c %T .; touch q; ls; cat q; rm q; ls; mkdir d 2>/dev/null || echo refused',
      ),
    ).toBe('mqueue\nq\nQSIZE:0          NOTIFY:0     SIGNO:0     NOTIFY_PID:0     \nrefused\n');
  });
});

describe('rights', () => {
  it('capabilities, limits, no_new_privs, the OOM score', async () => {
    using container = make();
    const output = await sh(
      container,
      'grep -E "^Cap|^NoNew" /proc/self/status; ulimit -n; ulimit -Hn; ulimit -c; cat /proc/self/oom_score_adj',
      {
        capabilities: {
          bounding: ['CAP_KILL', 'CAP_CHOWN'],
          permitted: ['CAP_KILL'],
          effective: ['CAP_KILL'],
          inheritable: ['CAP_KILL'],
          ambient: ['CAP_KILL', 'CAP_CHOWN'],
        },
        user: { uid: 1000 },
        rlimits: {
          RLIMIT_NOFILE: { soft: 99, hard: 100 },
          RLIMIT_CORE: { soft: 'unlimited', hard: 'unlimited' },
        },
        noNewPrivileges: true,
        oomScoreAdj: 77,
      },
    );
    const kill = '0000000000000020';
    expect(output).toBe(
      `CapInh:\t${kill}\nCapPrm:\t${kill}\nCapEff:\t${kill}\nCapBnd:\t0000000000000021\nCapAmb:\t${kill}\nNoNewPrivs:\t1\n99\n100\nunlimited\n77\n`,
    );
    const bad: SpawnOptions[] = [
      { capabilities: { bounding: ['CAP_NOTHING'] } },
      { rlimits: { RLIMIT_NOTHING: { soft: 1, hard: 1 } } },
      { rlimits: { RLIMIT_CPU: { soft: 2, hard: 1 } } },
      { seccomp: [{ program: new Uint8Array(7) }] },
      { oomScoreAdj: 1001 },
    ];
    for (const options of bad)
      expect(() => container.spawn('/bin/true', [], options)).toThrow(InvalidOptionError);
  });

  it('seccomp', async () => {
    using container = make();
    // ld nr; jeq uname: errno 99; allow.
    const words = [0x20, 0, 0x01000015, 63, 0x06, 0x00050063, 0x06, 0x7fff0000];
    const program = new Uint8Array(Uint32Array.from(words).buffer);
    expect(
      await sh(container, 'uname -s 2>/dev/null || echo refused; grep Seccomp: /proc/self/status', {
        seccomp: [{ program }],
      }),
    ).toBe('refused\nSeccomp:\t2\n');
  });
});

describe('descriptors of the embedder', () => {
  it('are passed on, also beyond 2, and closed after their last use', async () => {
    using container = make();
    const path = join(tmpdir(), `sandbox-container-${process.pid}`);
    const out = openSync(path, 'w');
    const input = openSync('/etc/hostname', 'r');
    const child = container.spawn('/bin/sh', ['-c', 'cat <&3; echo err >&2'], {
      stdio: ['ignore', { fd: out, close: true }, { fd: out }, { fd: input, close: true }],
    });
    await child.exited;
    expect(readFileSync(path, 'utf8')).toBe(`${readFileSync('/etc/hostname', 'utf8')}err\n`);
    expect(() => fstatSync(input)).toThrow();
    expect(() => closeSync(out)).toThrow();
  });
});

describe('pause', () => {
  it('holds those that run and those that sleep; SIGKILL gets through', async () => {
    using container = make();
    const script = 'while :; do i=$((i+1)); done & while read x; do echo $x; done';
    const child = container.spawn('/bin/sh', ['-c', script]);
    child.stdin!.write('a\n');
    expect(String((await once(child.stdout!, 'data'))[0])).toBe('a\n');
    container.pause();
    expect(container.paused).toBe(true);
    child.stdin!.write('b\n');
    // Another program runs meanwhile: time passes in the kernel.
    await kernel.run('/bin/sleep', ['0.2']);
    const before = kernel.stats().calls;
    await kernel.run('/bin/true');
    expect(child.stdout!.readableLength).toBe(0);
    expect(kernel.stats().calls.read).toBeGreaterThanOrEqual(before.read!);
    container.resume();
    expect(String((await once(child.stdout!, 'data'))[0])).toBe('b\n');
    container.pause();
    child.kill('SIGKILL');
    expect(await child.exited).toEqual({ code: null, signal: 'SIGKILL' });
    expect(container.processes()).toEqual([]);
  });
});

describe('terminals', () => {
  it('are of the container’s own devpts', async () => {
    using container = make();
    container.mount({
      path: '/dev/pts',
      what: { type: 'devpts' },
      options: ['newinstance', 'ptmxmode=0666'],
    });
    const output = await sh(container, 'tty; test -c $(tty) && echo there', { tty: true });
    expect(output).toBe('/dev/pts/0\r\nthere\r\n');
  });
});

describe('limits', () => {
  it('can be changed', async () => {
    const before = await kernel.run('/bin/cat', ['/sys/fs/cgroup/pids.max']);
    kernel.setLimits({ processes: 123 });
    expect((await kernel.run('/bin/cat', ['/sys/fs/cgroup/pids.max'])).stdout).toBe('123\n');
    kernel.setLimits({ processes: Number(before.stdout) });
    expect(() => kernel.setLimits({ memory: 1 })).toThrow(InvalidOptionError);
  });
});

describe('limits', () => {
  it('of tasks: EAGAIN, and other containers have theirs', async () => {
    using small = make({ limits: { processes: 3 } });
    using other = make();
    const out = await sh(small, 'sleep 0.1 & sleep 0.1 & sleep 0.1 & wait; echo end', { stdio: 'pipe' });
    expect(out).toMatch(/fork|Resource temporarily unavailable/i);
    expect(await sh(other, 'sleep 0 & sleep 0 & sleep 0 & wait; echo end')).toBe('end\n');
    expect(small.stats()).toMatchObject({ tasks: 0, tasksLimit: 3, memoryLimit: null });
    expect(() => small.setLimits({ processes: 0 })).toThrow(InvalidOptionError);
  });

  it('of memory: who takes more is killed, in its container alone', async () => {
    using small = make({ limits: { memory: 48 << 20 } });
    using other = make({ limits: { memory: null } });
    const take = 'x = bytearray(int(__import__("sys").argv[1]) << 20); print(len(x) >> 20)';
    const run = (container: Container, mib: number): Process =>
      container.spawn('/usr/bin/python3', ['-c', `import time\n${take}\ntime.sleep(0.5)`, String(mib)]);
    const told = new Promise((resolve) => kernel.once('oom-kill', resolve));
    const [much, same] = [run(small, 100), run(other, 100)];
    expect(await much.exited).toEqual({ code: null, signal: 'SIGKILL' });
    expect(await same.exited).toEqual({ code: 0, signal: null });
    expect(await told).toMatchObject({ path: expect.stringMatching(/python3/) });
    expect([small.stats().oomKills, other.stats().oomKills]).toEqual([1, 0]);
    // Files in memory count, once.
    small.mount({ path: '/mnt', what: { type: 'tmpfs' } });
    await small.fs.writeFile('/mnt/file', Buffer.alloc(8 << 20));
    expect(small.stats().memory).toBeGreaterThanOrEqual(8 << 20);
    expect(small.stats().memory).toBeLessThan(12 << 20);
    small.mount({ path: '/sys/fs/cgroup', what: { type: 'cgroup2' } });
    expect(await small.fs.readFile('/sys/fs/cgroup/memory.max', 'utf8')).toBe(`${48 << 20}\n`);
    expect(await small.fs.readFile('/sys/fs/cgroup/memory.events', 'utf8')).toMatch(/oom_kill 1/);
  });
});
