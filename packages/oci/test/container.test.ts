import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { messageOf, missing, useRuntime } from './support/runtime.js';

const { run, bundle, dir } = useRuntime();
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

  it('memory: who takes more is killed inside', { timeout: LIMIT }, async () => {
    const hungry = 'x=0123456789; while :; do x=$x$x; done';
    const at = bundle(hungry, (c) => {
      c.linux.resources = { memory: { limit: 32 << 20 }, pids: { limit: 10 } };
    });
    const { stderr, code } = await run(['run', '-b', at, 'm']);
    // The shell is told there is no memory, or is killed.
    expect(code === 137 || /out of memory/.test(stderr)).toBe(true);
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
