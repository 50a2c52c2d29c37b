import type { Container, Kernel } from '@sandbox/kernel';
import { hostfs, overlay, tmpfs } from '@sandbox/vfs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeKernel } from '../embedder/support.js';

/**
 * Controllers of cgroup2 as Documentation/admin-guide/cgroup-v2.rst has them: the hosts of tests seldom have
 * them to compare with.
 */

let kernel: Kernel;

const root = () => overlay({ lower: hostfs('/'), upper: tmpfs() });

beforeAll(async () => {
  kernel = await makeKernel();
});
afterAll(() => kernel.dispose());

async function sh(script: string, where: Kernel | Container = kernel): Promise<string> {
  const child = where.spawn('/bin/sh', ['-c', `cd /sys/fs/cgroup && { ${script}\n}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  child.stdout!.on('data', (bytes: Buffer) => (out += bytes));
  child.stderr!.on('data', (bytes: Buffer) => (out += bytes));
  await child.exited;
  return out;
}

const TAKE =
  'python3 -c "import sys, time; x = bytearray(int(sys.argv[1]) << 20); print(len(x) >> 20); time.sleep(float(sys.argv[2]))"';

describe('cgroup.subtree_control', () => {
  it('brings files to the children and takes them away, with what was set', async () => {
    expect(
      await sh(`mkdir a a/b; echo '+pids +memory' > cgroup.subtree_control; cat cgroup.subtree_control a/cgroup.controllers
        ls a | grep -c -E '^(pids|memory)\\.'; ls a | grep -c '^cpu\\.max'
        echo 7 > a/pids.max; echo '+pids' > a/cgroup.subtree_control; ls a/b | grep pids.max
        (echo -pids > cgroup.subtree_control) 2>/dev/null || echo busy
        echo -pids > a/cgroup.subtree_control; echo -pids > cgroup.subtree_control; ls a | grep pids
        echo +pids > cgroup.subtree_control; cat a/pids.max
        (echo +cpu > a/cgroup.subtree_control) 2>/dev/null || echo no such controller
        echo '-pids -memory' > cgroup.subtree_control; rmdir a/b a`),
    ).toBe('memory pids\nmemory pids\n21\n0\npids.max\nbusy\nmax\nno such controller\n');
  });

  it('is not for groups with processes, but for the root', async () => {
    expect(
      await sh(`mkdir a a/b; echo +memory > cgroup.subtree_control; sleep 100 & echo $! > a/cgroup.procs
        (echo +memory > a/cgroup.subtree_control) 2>&1 | grep -o 'busy'; cat a/cgroup.subtree_control
        kill $!; wait; echo +memory > a/cgroup.subtree_control; cat a/cgroup.subtree_control
        sleep 100 & (echo $! > a/cgroup.procs) 2>&1 | grep -o busy; echo $! > a/b/cgroup.procs; wc -l < a/b/cgroup.procs
        kill $!; wait; rmdir a/b a; echo -memory > cgroup.subtree_control`),
    ).toMatch(/1\n$/);
  });
});

describe('pids', () => {
  it('refuses forks beyond pids.max, of the group and of those above', async () => {
    expect(
      await sh(`mkdir p p/q; echo +pids > cgroup.subtree_control; echo +pids > p/cgroup.subtree_control; echo 3 > p/pids.max
        sh -c 'echo 0 > p/q/cgroup.procs; sleep 0.1 & sleep 0.1 & sleep 0.1 & wait' 2>/dev/null
        while grep -q . p/q/cgroup.procs; do :; done; cat p/pids.current p/pids.peak p/pids.events p/pids.events.local p/q/pids.events p/q/pids.events.local
        (echo x > p/pids.max) 2>/dev/null || echo refused; echo max > p/pids.max; cat p/pids.max; rmdir p/q p; echo -pids > cgroup.subtree_control`),
    ).toMatch(/^\d\n3\nmax [1-9]\d*\nmax [1-9]\d*\nmax 0\nmax 0\n.*refused\nmax\n$/s);
  });

  it('counts what is moved in, whatever the limit', async () => {
    expect(
      await sh(`mkdir p; echo +pids > cgroup.subtree_control; echo 1 > p/pids.max; sleep 100 & echo $! > p/cgroup.procs
        sleep 100 & echo $! > p/cgroup.procs; cat p/pids.current; echo 1 > p/cgroup.kill; wait; cat p/pids.current
        rmdir p; echo -pids > cgroup.subtree_control`),
    ).toBe('2\n0\n');
  });
});

describe('memory', () => {
  it('kills within the group what goes beyond memory.max', async () => {
    expect(
      await sh(`mkdir m m/n; echo +memory > cgroup.subtree_control; echo +memory > m/cgroup.subtree_control; echo 64M > m/memory.max
        cat m/memory.max
        sh -c 'echo 0 > m/n/cgroup.procs; exec ${TAKE} 200 5'; echo $?
        grep -E '^oom_kill ' m/memory.events m/memory.events.local m/n/memory.events m/n/memory.events.local
        grep -E '^(oom|max) [1-9]' m/memory.events | wc -l
        ${TAKE} 200 0; echo max > m/memory.max; sh -c 'echo 0 > m/n/cgroup.procs; exec ${TAKE} 200 0'
        rmdir m/n m; echo -memory > cgroup.subtree_control`),
    ).toMatch(
      /^67108864\n(200\n)?(Killed\n)?137\nm\/memory.events:oom_kill 1\nm\/memory.events.local:oom_kill 0\nm\/n\/memory.events:oom_kill 1\nm\/n\/memory.events.local:oom_kill 1\n2\n200\n200\n$/,
    );
  });

  it('all of the group, where memory.oom.group says so', async () => {
    expect(
      await sh(`mkdir m; echo +memory > cgroup.subtree_control; echo 64M > m/memory.max; echo 1 > m/memory.oom.group
        sleep 100 & a=$!; echo $a > m/cgroup.procs; sh -c 'echo 0 > m/cgroup.procs; exec ${TAKE} 200 5' > /dev/null; wait $a; echo $?
        grep -E 'group_kill|oom_kill' m/memory.events; cat m/cgroup.events; rmdir m; echo -memory > cgroup.subtree_control`),
    ).toMatch(/137\noom_kill 2\noom_group_kill 1\npopulated 0\nfrozen 0\n$/);
  });

  it('tells what is used, and the most there was', async () => {
    const out = await sh(`mkdir m; echo +memory > cgroup.subtree_control; cat m/memory.current m/memory.high
        sh -c 'echo 0 > m/cgroup.procs; exec ${TAKE} 100 100' > /dev/null & while ! grep -q . m/cgroup.procs; do :; done
        while [ $(cat m/memory.current) -lt 104857600 ]; do :; done; echo filled
        echo 50M > m/memory.high; grep -E 'high [1-9]' m/memory.events | wc -l
        echo 1 > m/cgroup.kill; wait; cat m/memory.current; [ $(cat m/memory.peak) -ge 104857600 ] && echo peak
        rmdir m; echo -memory > cgroup.subtree_control`);
    expect(out).toMatch(/^0\nmax\nfilled\n1\n(.*Killed\n)?0\npeak\n$/s);
  });

  it('takes bytes with suffixes, in whole pages', async () => {
    expect(
      await sh(`mkdir m; echo +memory > cgroup.subtree_control
        for n in 5000 1M 1k 0x2000 max; do echo $n > m/memory.low; cat m/memory.low; done
        for n in -1 1Mx x; do (echo $n > m/memory.low) 2>&1 | grep -o 'nvalid\\|error'; done
        rmdir m; echo -memory > cgroup.subtree_control`),
    ).toMatch(/^4096\n1048576\n0\n8192\nmax\n/);
  });
});

describe('cpu', () => {
  it('throttles what is beyond cpu.max', async () => {
    const out =
      await sh(`mkdir c; echo +cpu > cgroup.subtree_control; echo '1000 100000' > c/cpu.max; cat c/cpu.max
        sh -c 'echo 0 > c/cgroup.procs; while :; do :; done' &
        while ! grep -q '^throttled_usec [1-9]' c/cpu.stat; do sleep 0.1; done
        echo 1 > c/cgroup.kill; wait; cat c/cpu.stat; rmdir c; echo -cpu > cgroup.subtree_control`);
    expect(out).toMatch(/^1000 100000\n.*nr_throttled [1-9]/s);
  });

  it('has bounds', async () => {
    expect(
      await sh(`mkdir c; echo +cpu > cgroup.subtree_control
        for v in '1000 1000' '999 1000' max '5000' '5000 999' '5000 1000001' x '' 'max 50000'; do (echo "$v" > c/cpu.max) 2>/dev/null; cat c/cpu.max; done
        for v in 1 10000 0 10001; do (echo $v > c/cpu.weight) 2>/dev/null; cat c/cpu.weight; done
        rmdir c; echo -cpu > cgroup.subtree_control`),
    ).toBe(
      '1000 1000\n1000 1000\nmax 1000\n5000 1000\n5000 1000\n5000 1000\n5000 1000\n5000 1000\nmax 50000\n1\n10000\n10000\n10000\n',
    );
  });
});

describe('containers', () => {
  it('have a group each, which nobody leaves and whose limits are the embedder’s', async () => {
    using container = kernel.createContainer({ root: root(), limits: { processes: 20 } });
    container.mount({ path: '/proc', what: { type: 'proc' } });
    container.mount({ path: '/sys', what: { type: 'sysfs' } });
    container.mount({ path: '/sys/fs/cgroup', what: { type: 'cgroup2' } });
    expect(
      await sh(
        `cat /proc/self/cgroup pids.max cgroup.type; (echo max > pids.max) 2>/dev/null || echo refused
        mkdir in; echo 0 > in/cgroup.procs; cat /proc/self/cgroup
        echo '+pids' > cgroup.subtree_control; cat in/pids.max; (echo 0 > cgroup.procs) 2>/dev/null || echo busy`,
        container,
      ),
    ).toBe('0::/\n20\ndomain\nrefused\n0::/in\nmax\nbusy\n');
    const name = /container-\d+/.exec(await sh('ls'))![0];
    expect(
      await sh(`cat ${name}/pids.max; sleep 100 & (echo $! > ${name}/cgroup.procs) 2>&1; kill $!`),
    ).toMatch(/^20\n.*(not permitted|error)/s);
    container.dispose();
    expect(await sh(`while [ -e ${name} ]; do :; done; echo gone`)).toBe('gone\n');
  });
});
