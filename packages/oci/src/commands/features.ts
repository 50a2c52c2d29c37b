import { CAPABILITY_NAMES } from '@sandbox/kernel';
import { SPEC_VERSION } from '../cli/help.js';
import type { Flags } from '../cli/parser.js';
import { HOOK_STAGES } from '../config/types.js';
import type { Context } from '../context.js';

/** `features`: what of the specification this runtime does (features.md, features-linux.md). */
export async function run(_context: Context, _flags: Flags, _args: readonly string[]): Promise<number> {
  const features = {
    ociVersionMin: '1.0.0',
    ociVersionMax: SPEC_VERSION,
    hooks: HOOK_STAGES,
    mountOptions: [
      ...[
        'async',
        'atime',
        'bind',
        'defaults',
        'dev',
        'diratime',
        'dirsync',
        'exec',
        'noatime',
        'nodev',
        'nodiratime',
      ],
      ...[
        'noexec',
        'norelatime',
        'nostrictatime',
        'nosuid',
        'nosymfollow',
        'private',
        'rbind',
        'relatime',
        'ro',
      ],
      ...[
        'rprivate',
        'rshared',
        'tmpcopyup',
        'rslave',
        'runbindable',
        'rw',
        'shared',
        'slave',
        'strictatime',
        'suid',
        'symfollow',
      ],
      ...['sync', 'unbindable'],
    ],
    linux: {
      namespaces: ['cgroup', 'ipc', 'mount', 'network', 'pid', 'time', 'user', 'uts'],
      capabilities: CAPABILITY_NAMES,
      cgroup: { v1: true, v2: true, systemd: false, systemdUser: false, rdma: false },
      seccomp: {
        enabled: true,
        actions: ['ALLOW', 'ERRNO', 'KILL', 'KILL_PROCESS', 'KILL_THREAD', 'LOG', 'TRACE', 'TRAP'].map(
          (a) => `SCMP_ACT_${a}`,
        ),
        operators: ['EQ', 'GE', 'GT', 'LE', 'LT', 'MASKED_EQ', 'NE'].map((o) => `SCMP_CMP_${o}`),
        archs: ['SCMP_ARCH_X86_64'],
        knownFlags: ['SECCOMP_FILTER_FLAG_LOG'],
        supportedFlags: ['SECCOMP_FILTER_FLAG_LOG'],
      },
      apparmor: { enabled: false },
      selinux: { enabled: false },
      intelRdt: { enabled: false },
      mountExtensions: { idmap: { enabled: true } },
    },
    annotations: { 'dev.sandbox.overlay': 'none, memory, auto or a directory: where writes to the root go' },
  };
  process.stdout.write(`${JSON.stringify(features, null, 4)}\n`);
  return 0;
}
