import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { askRunc, withoutRunc } from './runc/ask-runc.js';
import { defaultConfig, missing, titled, useRuntime } from './support/runtime.js';

const { run, dir } = useRuntime();

/** What a program sees of what it was given; what belongs to the host's machine is left out. */
const SCRIPT = `
id; hostname; umask; pwd; env | grep -v SHLVL
grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp)' /proc/self/status
grep -E '^Max (cpu|file|data|stack|core|resident|open|locked|address|file locks|msgqueue|nice|realtime)' /proc/self/limits
cat /proc/self/oom_score_adj /proc/self/uid_map /proc/sys/fs/mqueue/msg_max
grep -E '^[^ ]+ (/proc|/dev|/dev/pts|/dev/shm|/dev/mqueue|/mnt|/sys|/tmp) ' /proc/mounts
ls -l /dev | grep -E ' (null|zero|full|random|urandom|tty|mine)$' | while read -r mode n user group major minor rest; do echo $mode $user $group $major $minor; done
for l in fd stdin stdout stderr ptmx; do readlink /dev/$l; done
stat -c '%A %U %G' /dev/shm /dev/mqueue /mnt /tmp
head -c 1 /proc/kcore | wc -c; ls /sys/firmware | wc -l; cat /proc/keys | wc -c
try() { "$@" >/dev/null 2>&1; echo "$1 $?"; }
try touch /proc/sys/kernel/hostname; try sh -c 'echo x > /proc/sys/kernel/hostname'; try mkdir /proc/x; try mkdir /sys/x
try mount -t tmpfs x /tmp; try hostname other; try chown 1 /tmp/mine; try chmod 700 /tmp/mine; try kill -9 1; try touch /mnt/f; try umount /tmp
cat /proc/1/comm; ls /proc | grep -c '^[0-9][0-9]*$'
`;

describe.skipIf(missing || withoutRunc)(titled('what a program sees', missing || withoutRunc), () => {
  it('is what it sees with runc', { timeout: 300_000 }, async () => {
    const bundle = mkdtempSync(join(dir(), 'view-'));
    const config = defaultConfig(join(dir(), 'rootfs'), ['/bin/sh', '-c', SCRIPT]);
    mkdirSync(join(dir(), 'volume'));
    Object.assign(config.process, {
      user: { uid: 0, gid: 0, additionalGids: [3, 7], umask: 0o27 },
      env: ['PATH=/bin', 'A=1', 'B=2=3', 'A=4'],
      cwd: '/tmp',
      noNewPrivileges: true,
      oomScoreAdj: 200,
      rlimits: [
        { type: 'RLIMIT_NOFILE', soft: 100, hard: 200 },
        { type: 'RLIMIT_CORE', soft: 0, hard: 0 },
        { type: 'RLIMIT_STACK', soft: 8 << 20, hard: 16 << 20 },
        { type: 'RLIMIT_MEMLOCK', soft: 65536, hard: 65536 },
      ],
    });
    Object.assign(config.linux, {
      maskedPaths: ['/proc/kcore', '/proc/keys', '/sys/firmware', '/nothere'],
      readonlyPaths: ['/proc/sys', '/nothere'],
      sysctl: { 'fs.mqueue.msg_max': '17' },
      devices: [{ path: '/dev/mine', type: 'c', major: 1, minor: 3, fileMode: 0o640, uid: 0, gid: 0 }],
      seccomp: {
        defaultAction: 'SCMP_ACT_ALLOW',
        architectures: ['SCMP_ARCH_X86_64'],
        syscalls: [{ names: ['chmod', 'fchmodat', 'fchmodat2'], action: 'SCMP_ACT_ERRNO', errnoRet: 1 }],
      },
    });
    const kept = ['nosuid', 'noexec', 'nodev'];
    config.mounts = [
      ...config.mounts,
      { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...kept, 'ro'] },
      { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: [...kept, 'mode=1777', 'size=64k'] },
      { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: kept },
      { destination: '/tmp', type: 'tmpfs', source: 'tmp', options: ['noatime', 'size=1m'] },
      { destination: '/mnt', type: 'bind', source: join(dir(), 'volume'), options: ['rbind', 'ro'] },
    ];
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(config));
    const state = join(dir(), 'runc-state');
    const theirs = await askRunc(['--root', state, 'run', '-b', bundle, 'view'], dir());
    rmSync(state, { recursive: true, force: true });
    const ours = await run(['run', '-b', bundle, 'view']);
    // The host's directory is of another file system in each.
    const plain = (text: string) => text.replace(/^\S+ \/mnt .*\n/m, '');
    expect(ours.stderr).toBe(theirs.stderr);
    expect(plain(ours.stdout)).toBe(plain(theirs.stdout));
    expect(ours.code).toBe(theirs.code);
  });
});
