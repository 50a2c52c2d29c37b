/** What `sandbox doctor` says of KVM, in mount namespaces in which /dev/kvm is as it is elsewhere. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { useCli } from './support/cli.js';

const { script } = useCli();

const canUnshare =
  process.getuid?.() === 0 &&
  spawnSync('unshare', ['--mount', 'sh', '-c', 'mount -t tmpfs x /mnt && mknod /mnt/n c 1 3 && : > /mnt/n'])
    .status === 0;
const readable = (path: string): boolean =>
  path === '/' ? true : (statSync(path).mode & 5) === 5 && readable(dirname(path));
const canBeOther = readable(dirname(fileURLToPath(new URL('../../../package.json', import.meta.url))));
const OTHER = 60123;
const GROUP = 60124;

interface Probe {
  readonly name: string;
  readonly result: { ok: boolean; code?: string; why?: string; detail?: string };
}

type User = 'root' | 'other';

/**
 * `sandbox ARGS` with `device` (arguments of mknod, and a mode) for /dev/kvm, as root or as another user in
 * `groups`.
 */
function sandbox(device: string | null, mode: string, as: User, groups: string[], args: string) {
  const make =
    device === null
      ? 'mkdir /mnt/dev && for d in null zero random urandom; do mknod -m 666 /mnt/dev/$d $(stat -c "c %Hr %Lr" /dev/$d); done && mount --bind /mnt/dev /dev'
      : `mknod /mnt/kvm ${device} && chgrp ${GROUP} /mnt/kvm && chmod ${mode} /mnt/kvm && { [ -e /dev/kvm ] || : > /dev/kvm; } && mount --bind /mnt/kvm /dev/kvm`;
  const user =
    as === 'root'
      ? ''
      : `setpriv --reuid=${OTHER} --regid=${OTHER} ${groups.length > 0 ? `--groups=${groups.join()}` : '--clear-groups'} --inh-caps=-all`;
  const command = `mount -t tmpfs -o mode=755 x /mnt && ${make} && exec ${user} ${process.execPath} ${script} ${args}`;
  return spawnSync('unshare', ['--mount', 'sh', '-c', command], {
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, SANDBOX_PLATFORM: '' },
  });
}

/** Doctor's word on KVM. */
function doctor(device: string | null, mode: string, as: User = 'root', groups: string[] = []) {
  const { stdout, stderr } = sandbox(device, mode, as, groups, 'doctor --json');
  expect(stderr).toBe('');
  return (JSON.parse(stdout) as Probe[]).find((probe) => probe.name === 'kvm')!.result;
}

const NULL = 'c 1 3';
const NOBODYS = 'c 10 254';
const title = canUnshare ? 'doctor' : 'doctor (cannot make mount namespaces and devices here)';

describe.skipIf(!canUnshare)(title, { timeout: 120_000 }, () => {
  it('no device', () => {
    expect(doctor(null, '')).toMatchObject({ ok: false, code: 'kvm-missing' });
  });

  it('a device without a driver', () => {
    expect(doctor(NOBODYS, '660')).toMatchObject({ ok: false, code: 'kvm-missing' });
  });

  it('another device', () => {
    expect(doctor(NULL, '660')).toEqual({
      ok: false,
      code: 'kvm-capability',
      why: '/dev/kvm is some other device',
    });
  });

  it.skipIf(!canBeOther)('a device for root alone', () => {
    expect(doctor(NULL, '600', 'other')).toMatchObject({
      code: 'kvm-permission',
      why: expect.stringContaining('its mode is 0600, which keeps all but user 0 from it'),
    });
  });

  it.skipIf(!canBeOther)('a device for a group the user is not in', () => {
    expect(doctor(NULL, '660', 'other')).toMatchObject({
      code: 'kvm-permission',
      why: expect.stringContaining(`user ${OTHER} is not in its group, ${GROUP} (usermod -aG`),
    });
  });

  const real = existsSync('/dev/kvm')
    ? execFileSync('stat', ['-c', 'c %Hr %Lr', '/dev/kvm'], { encoding: 'utf8' }).trim()
    : '';
  const opens = real !== '' && doctorWorks();
  function doctorWorks(): boolean {
    return spawnSync('sh', ['-c', 'exec 3<>/dev/kvm']).status === 0;
  }

  it.skipIf(!canBeOther || !opens)('a group the user is in is all it needs', () => {
    expect(doctor(real, '660', 'other', [`${GROUP}`])).toMatchObject({
      ok: true,
      detail: expect.stringMatching(
        /^(hardware virtualisation|software KVM \(PVM\).*); a system call in [\d.]+ us/,
      ),
    });
    const run = 'run --platform kvm -- echo from there';
    expect(sandbox(real, '660', 'other', [`${GROUP}`], run)).toMatchObject({
      stdout: 'from there\n',
      stderr: '',
    });
    // It is nothing but the group: without it, the same device is refused.
    expect(doctor(real, '660', 'other')).toMatchObject({ ok: false, code: 'kvm-permission' });
    expect(sandbox(real, '660', 'other', [], run)).toMatchObject({
      status: 125,
      stderr: expect.stringContaining('not in its group'),
    });
  });
});
