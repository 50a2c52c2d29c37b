import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SPEC_VERSION } from '../cli/help.js';
import { type Flags, on } from '../cli/parser.js';
import type { OciConfig } from '../config/types.js';
import type { Context } from '../context.js';
import { Failure } from '../failure.js';
import { bundleOf } from './bundle.js';

/** `spec`: a config.json to start from. */
export async function run(_context: Context, flags: Flags, _args: readonly string[]): Promise<number> {
  const path = join(bundleOf(flags), 'config.json');
  if (existsSync(path)) throw new Failure('File config.json exists. Remove it first');
  const config = template();
  const whole = on(flags, 'rootless') ? rootless(config) : config;
  writeFileSync(path, `${JSON.stringify(whole, null, '\t')}\n`, { mode: 0o666 });
  return 0;
}

const CAPABILITIES = ['CAP_AUDIT_WRITE', 'CAP_KILL', 'CAP_NET_BIND_SERVICE'];

function template(): OciConfig {
  return {
    ociVersion: SPEC_VERSION,
    process: {
      terminal: true,
      user: { uid: 0, gid: 0 },
      args: ['sh'],
      env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'TERM=xterm'],
      cwd: '/',
      capabilities: {
        bounding: CAPABILITIES,
        effective: CAPABILITIES,
        permitted: CAPABILITIES,
        ambient: CAPABILITIES,
      },
      rlimits: [{ type: 'RLIMIT_NOFILE', hard: 1024, soft: 1024 }],
      noNewPrivileges: true,
    },
    root: { path: 'rootfs', readonly: true },
    hostname: 'sandbox',
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      {
        destination: '/dev',
        type: 'tmpfs',
        source: 'tmpfs',
        options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
      },
      {
        destination: '/dev/pts',
        type: 'devpts',
        source: 'devpts',
        options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
      },
      {
        destination: '/dev/shm',
        type: 'tmpfs',
        source: 'shm',
        options: ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k'],
      },
      {
        destination: '/dev/mqueue',
        type: 'mqueue',
        source: 'mqueue',
        options: ['nosuid', 'noexec', 'nodev'],
      },
      { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
      {
        destination: '/sys/fs/cgroup',
        type: 'cgroup',
        source: 'cgroup',
        options: ['nosuid', 'noexec', 'nodev', 'relatime', 'ro'],
      },
    ],
    linux: {
      resources: {},
      namespaces: ['pid', 'network', 'ipc', 'uts', 'mount', 'cgroup'].map((type) => ({ type })),
      maskedPaths: [
        '/proc/kcore',
        '/proc/keys',
        '/proc/latency_stats',
        '/proc/timer_list',
        '/proc/sched_debug',
        '/proc/scsi',
        '/sys/firmware',
      ],
      readonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
    },
  };
}

/** For a user without privileges on the host: who it is appears as root. */
function rootless(config: OciConfig): OciConfig {
  const map = (hostID: number) => [{ containerID: 0, hostID, size: 1 }];
  const namespaces = [
    ...(config.linux?.namespaces ?? []).filter((ns) => ns.type !== 'network'),
    { type: 'user' },
  ];
  return {
    ...config,
    linux: {
      ...config.linux,
      resources: undefined,
      namespaces,
      uidMappings: map(process.geteuid!()),
      gidMappings: map(process.getegid!()),
    },
  };
}
