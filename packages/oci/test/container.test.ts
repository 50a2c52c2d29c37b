import { cpSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { messageOf, missing, useRuntime } from './support/runtime.js';

const { run, start, bundle, dir } = useRuntime();
const LIMIT = 300_000;

describe.skipIf(missing)('what config.json asks for', () => {
  it('process, mounts, devices, rights', { timeout: LIMIT }, async () => {
    writeFileSync(join(dir(), 'file'), 'of the host\n');
    const script = [
      'hostname; pwd; umask; id; echo $HOME $A',
      'grep -E "^(CapEff|CapBnd|NoNewPrivs|Seccomp):" /proc/self/status',
      'cat /proc/self/oom_score_adj; cat /mnt/file; cat /proc/sys/fs/mqueue/msg_max',
      'grep -c . /proc/version; touch /proc/sys/x 2>/dev/null || echo read-only',
      'ls -l /dev | grep -E " (null|mine)$" | sed "s/ .*//"; readlink /dev/ptmx; readlink /dev/stdin',
      'chmod 700 /tmp 2>/dev/null || echo refused; echo x > /tmp/new && cat /tmp/new; echo $$',
    ].join('\n');
    const at = bundle(script, (c) => {
      Object.assign(c.process, {
        user: { uid: 0, gid: 0, umask: 0o77, additionalGids: [5, 6] },
        cwd: '/tmp/made',
        env: ['PATH=/bin', 'A=b'],
        noNewPrivileges: true,
        oomScoreAdj: 33,
      });
      c.mounts = [
        ...c.mounts!,
        { destination: '/mnt/file', type: 'bind', source: join(dir(), 'file'), options: ['rbind', 'ro'] },
      ];
      c.linux.maskedPaths = ['/proc/version'];
      c.linux.devices = [{ path: '/dev/mine', type: 'c', major: 1, minor: 3, fileMode: 0o600 }];
      c.linux.sysctl = { 'fs.mqueue.msg_max': '17' };
      const names = ['chmod', 'fchmod', 'fchmodat', 'fchmodat2'];
      c.linux.seccomp = {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names, action: 'SCMP_ACT_ERRNO', errnoRet: 1 }],
      };
    });
    const { stdout, stderr, code } = await run(['run', '-b', at, 'c']);
    expect([stderr, code]).toEqual(['', 0]);
    expect(stdout).toBe(
      [
        'inside',
        '/tmp/made',
        '0077',
        'uid=0(root) gid=0 groups=5,6',
        '/root b',
        'CapEff:\t0000000000000021',
        'CapBnd:\t0000000000000021',
        'NoNewPrivs:\t1',
        'Seccomp:\t2',
        '33',
        'of the host',
        '17',
        '0',
        'read-only',
        'crw-------',
        'crw-rw-rw-',
        'pts/ptmx',
        '/proc/self/fd/0',
        'refused',
        'x',
        '1',
        '',
      ].join('\n'),
    );
  });

  it('time, personality, propagation of the root, copies in memory', { timeout: LIMIT }, async () => {
    mkdirSync(join(dir(), 'rootfs/data/sub'), { recursive: true });
    writeFileSync(join(dir(), 'rootfs/data/sub/file'), 'of the image\n', { mode: 0o640 });
    symlinkSync('sub/file', join(dir(), 'rootfs/data/link'));
    const script = [
      'cat /data/link; stat -c %a /data/sub/file; grep -c " /data tmpfs " /proc/mounts',
      'uname -m; cut -d. -f1 /proc/uptime; grep " / / " /proc/self/mountinfo | grep -o "shared:[0-9]*"',
    ].join('\n');
    const at = bundle(script, (c) => {
      c.linux.namespaces = [...c.linux.namespaces!, { type: 'time' }];
      c.linux.timeOffsets = { boottime: { secs: 100_000_000 }, monotonic: { secs: 7 } };
      c.linux.personality = { domain: 'LINUX32' };
      c.linux.rootfsPropagation = 'shared';
      c.mounts = [
        ...c.mounts!,
        { destination: '/data', type: 'tmpfs', source: 'tmpfs', options: ['tmpcopyup', 'mode=700'] },
      ];
    });
    const { stdout, stderr } = await run(['run', '-b', at, 'more']);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^of the image\n640\n1\ni686\n1\d{8}\nshared:\d+\n$/);
    const refused = async (change: Parameters<typeof bundle>[1], message: RegExp): Promise<void> =>
      expect(messageOf(await run(['run', '-b', bundle(['/bin/true'], change), 'no']))).toMatch(message);
    await refused((c) => {
      c.linux.timeOffsets = { monotonic: { secs: 1 } };
    }, /time namespace offsets specified, but time namespace isn't enabled/);
    await refused((c) => {
      c.linux.personality = { domain: 'LINUX', flags: ['x'] };
    }, /personality flags are not supported/);
    await refused((c) => {
      const names = ['mkdir'];
      c.linux.seccomp = {
        defaultAction: 'SCMP_ACT_ALLOW',
        listenerPath: '/none',
        syscalls: [{ names, action: 'SCMP_ACT_NOTIFY' }],
      };
    }, /SCMP_ACT_NOTIFY is not supported/);
    await refused((c) => {
      c.mounts = [{ destination: '/data', type: 'bind', source: dir(), options: ['bind', 'idmap'] }];
    }, /ids are mapped by two maps/);
  });

  it('mounts with id mappings', { timeout: LIMIT }, async () => {
    const from = join(dir(), 'mapped');
    mkdirSync(from);
    writeFileSync(join(from, 'f'), '');
    const { uid, gid } = statSync(from);
    const at = bundle('stat -c %u:%g /data /data/f; echo $(stat -c %u /plain)', (c) => {
      const bind = { type: 'bind', source: from, options: ['bind'] };
      c.mounts = [
        ...c.mounts!,
        {
          ...bind,
          destination: '/data',
          uidMappings: [{ containerID: uid, hostID: 1000, size: 1 }],
          gidMappings: [{ containerID: gid, hostID: 2000, size: 1 }],
        },
        { ...bind, destination: '/plain' },
      ];
    });
    expect((await run(['run', '-b', at, 'ids'])).stdout).toBe(`1000:2000\n1000:2000\n${uid}\n`);
    expect(JSON.parse((await run(['features'])).stdout).linux.mountExtensions.idmap).toEqual({
      enabled: true,
    });
  });

  it('events tell that memory was short, update changes limits', { timeout: LIMIT }, async () => {
    const at = bundle('while :; do sleep 0.05; done', (c) => {
      c.linux.resources = { memory: { limit: 64 << 20 } };
    });
    expect((await run(['run', '--detach', '-b', at, 'ev'])).code).toBe(0);
    const events = start(['events', '--interval', '50ms', 'ev']);
    let text = '';
    events.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    const told = (pattern: RegExp) =>
      new Promise<void>((resolve) => {
        const look = (): void => {
          if (pattern.test(text)) resolve();
        };
        events.stdout!.on('data', look);
        look();
      });
    await told(/"type":"stats"/);
    // What holds most is killed: files in memory are filled by one that keeps a page more.
    expect((await run(['update', '--memory', String(16 << 20), 'ev'])).code).toBe(0);
    // In small steps: a shell that asks for more than there can be at once is told so, and ends without
    // having taken it.
    const grows =
      'x=0123456789abcdef; for i in 1 2 3 4 5 6 7 8 9 10 11; do x=$x$x; done; while :; do y=$y$x; done';
    await run(['exec', 'ev', 'sh', '-c', grows]);
    await told(/"type":"oom","id":"ev"/);
    expect((await run(['delete', '-f', 'ev'])).code).toBe(0);
    await new Promise((resolve) => (events.exitCode === null ? events.once('exit', resolve) : resolve(0)));
  });

  it('memory: who takes more is killed inside', { timeout: LIMIT }, async () => {
    const hungry = 'x=0123456789; while :; do x=$x$x; done';
    const at = bundle(hungry, (c) => {
      c.linux.resources = { memory: { limit: 32 << 20 }, pids: { limit: 10 } };
    });
    const { stderr, code } = await run(['run', '-b', at, 'm']);
    // The shell is told there is no memory, or is killed.
    expect(code === 137 || /out of memory/.test(stderr)).toBe(true);
  });

  it('what is written to the root: to itself, in memory, to a directory', { timeout: LIMIT }, async () => {
    const keep = async (overlay: string, id: string): Promise<string> => {
      const at = bundle('echo x >> /tmp/kept; grep -c . /tmp/kept', (c) => {
        c.root = { path: join(dir(), 'own') };
      });
      return (await run(['--overlay', overlay, 'run', '-b', at, id])).stdout.trim();
    };
    cpSync(join(dir(), 'rootfs'), join(dir(), 'own'), { recursive: true, verbatimSymlinks: true });
    const upper = join(dir(), 'upper');
    expect(await keep('memory', 'o')).toBe('1');
    expect(await keep(upper, 'o')).toBe('1');
    expect(await keep(upper, 'o')).toBe('2');
    expect(await keep(upper, 'p')).toBe('1');
    expect(readFileSync(join(upper, 'o/tmp/kept'), 'utf8')).toBe('x\nx\n');
    expect(await keep('none', 'o')).toBe('1');
    expect(readFileSync(join(dir(), 'own/tmp/kept'), 'utf8')).toBe('x\n');
    expect(await keep('none', 'p')).toBe('2');
  });

  it('hooks of all stages, in their order', { timeout: LIMIT }, async () => {
    const log = join(dir(), 'hooks');
    const hook = (name: string) => ({
      path: '/bin/sh',
      args: ['sh', '-c', `echo ${name} $(grep -o '"status":"[a-z]*"') >> ${log}`],
      env: ['PATH=/bin:/usr/bin'],
    });
    const at = bundle(['/bin/true'], (c) => {
      c.hooks = {
        prestart: [hook('prestart')],
        createRuntime: [hook('createRuntime')],
        createContainer: [hook('createContainer')],
        startContainer: [{ path: '/bin/sh', args: ['sh', '-c', 'echo inside > /mnt/log/inside'] }],
        poststart: [hook('poststart')],
        poststop: [hook('poststop')],
      };
      c.mounts = [...c.mounts!, { destination: '/mnt/log', type: 'bind', source: dir(), options: ['bind'] }];
    });
    expect((await run(['run', '-b', at, 'h'])).code).toBe(0);
    expect(readFileSync(join(dir(), 'inside'), 'utf8')).toBe('inside\n');
    const lines = readFileSync(log, 'utf8').trim().split('\n');
    expect(lines.map((line) => line.split(' ')[0])).toEqual([
      'prestart',
      'createRuntime',
      'createContainer',
      'poststart',
      'poststop',
    ]);
    const failing = bundle(['/bin/true'], (c) => {
      c.hooks = { createRuntime: [{ path: '/bin/false' }] };
    });
    expect(messageOf(await run(['run', '-b', failing, 'h']))).toMatch(
      /error running createRuntime hook #0: error running hook: exit status 1, stdout: , stderr: $/,
    );
  });
});
