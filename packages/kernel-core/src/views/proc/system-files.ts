import type { KernelCore } from '../../process/kernel/kernel-core.js';
import { UTS_RELEASE, UTS_SYSNAME, UTS_VERSION } from '../../process/ns/uts.js';
import type { PseudoDir } from '../../pseudo/inode.js';
import { GeneratedFile } from '../../pseudo/text.js';
import { cpuinfoText } from './cpuinfo.js';
import { cpuMaskText } from './format.js';
import { keysText, keyUsersText } from './keys.js';
import type { ProcFs } from './procfs.js';
import { slabinfoText } from './slabinfo.js';
import { meminfoText, vmstatText, zoneinfoText } from './system-memory.js';
import { installTotals, loadavgText, locksText, systemStatText, uptimeText } from './system-stat.js';
import { msgText, semText, shmText } from './sysvipc.js';

const DEVICES = `Character devices:
  1 mem
  5 /dev/tty
  5 /dev/console
  5 /dev/ptmx
128 ptm
136 pts

Block devices:
`;

const TTY_DRIVERS = `/dev/tty             /dev/tty        5       0 system:/dev/tty
/dev/console         /dev/console    5       1 system:console
/dev/ptmx            /dev/ptmx       5       2 system
pty_slave            /dev/pts      136 0-1048575 pty:slave
pty_master           /dev/ptm      128 0-1048575 pty:master
`;

/** /proc/cgroups: all in the one hierarchy of version 2. */
function cgroupsText({ cgroups }: KernelCore): string {
  const rows = ['cpuset', 'cpu', 'memory', 'pids'];
  const count = cgroups.root.descendants + 1;
  return `#subsys_name\thierarchy\tnum_cgroups\tenabled\n${rows.map((r) => `${r}\t0\t${count}\t1\n`).join('')}`;
}

const SOFTIRQS = [
  'HI',
  'TIMER',
  'NET_TX',
  'NET_RX',
  'BLOCK',
  'IRQ_POLL',
  'TASKLET',
  'SCHED',
  'HRTIMER',
  'RCU',
];

function cpuColumns(kernel: KernelCore, indent: number): string {
  let t = ' '.repeat(indent);
  for (let i = 0; i < kernel.cpus; i++) t += `CPU${i}`.padEnd(11);
  return `${t}\n`;
}

function softirqsText(kernel: KernelCore): string {
  let t = cpuColumns(kernel, 20);
  for (const name of SOFTIRQS)
    t += `${`${name}:`.padStart(13)}${' '.repeat(10)}0`.concat('          0'.repeat(kernel.cpus - 1), '\n');
  return t;
}

/** /proc/filesystems: what mount(2) can make. */
function filesystemsText(kernel: KernelCore): string {
  let t = '';
  for (const name of kernel.vfs.fsTypes.keys()) t += `nodev\t${name}\n`;
  return t;
}

type Make = (kernel: KernelCore) => string;
const same =
  (t: string): Make =>
  () =>
    t;

/**
 * Files of /proc that are about the system: path, content, permission bits where others than root may not
 * read it.
 */
/** Timers of processors are the host's; the clock is not. */
function timerListText({ clock }: KernelCore): string {
  return `Timer List Version: v0.10\nHRTIMER_MAX_CLOCK_BASES: 8\nnow at ${clock.monotonic()} nsecs\n\n`;
}

const FILES: readonly (readonly [string, Make, number?])[] = [
  ['cgroups', cgroupsText],
  ['cmdline', same('\n')],
  ['consoles', same('')],
  ['cpuinfo', cpuinfoText],
  ['devices', same(DEVICES)],
  ['diskstats', same('')],
  ['execdomains', same('0-0\tLinux           \t[kernel]\n')],
  ['filesystems', filesystemsText],
  ['interrupts', (k) => cpuColumns(k, 11)],
  ['irq/default_smp_affinity', (k) => `${cpuMaskText(2 ** k.cpus - 1, k.cpus)}\n`],
  ['key-users', keyUsersText],
  ['keys', keysText],
  ['loadavg', loadavgText],
  ['locks', locksText],
  ['meminfo', meminfoText],
  ['misc', same('')],
  ['modules', same('')],
  ['partitions', same('major minor  #blocks  name\n\n')],
  ['slabinfo', slabinfoText, 0o400],
  ['softirqs', softirqsText],
  ['stat', systemStatText],
  ['swaps', same('Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n')],
  ['sysvipc/msg', msgText],
  ['sysvipc/sem', semText],
  ['sysvipc/shm', shmText],
  ['timer_list', timerListText, 0o400],
  ['tty/drivers', same(TTY_DRIVERS)],
  ['tty/ldiscs', same('n_tty       0\n')],
  ['uptime', uptimeText],
  ['version', same(`${UTS_SYSNAME} version ${UTS_RELEASE} (sandbox@sandbox) (TypeScript) ${UTS_VERSION}\n`)],
  ['vmstat', vmstatText],
  ['zoneinfo', zoneinfoText],
];

export function addSystemFiles(fs: ProcFs, root: PseudoDir): void {
  const { kernel } = fs;
  installTotals(kernel);
  for (const [path, make, mode = 0o444] of FILES) {
    const slash = path.indexOf('/');
    const dir = slash < 0 ? root : root.dir(path.slice(0, slash));
    dir.add(path.slice(slash + 1), new GeneratedFile(fs, mode, () => make(kernel)));
  }
  // There on every Linux, whatever is in them: drivers and file systems put it there, of which this kernel
  // has none that does.
  for (const name of ['bus', 'driver', 'fs']) root.dir(name);
}
