import { PseudoDir, PseudoLink } from '../../pseudo/inode.js';
import { cpuField } from '../proc/cpuinfo.js';
import { cpuListText, cpuMaskText, kib } from '../proc/format.js';
import { memoryUse } from '../proc/system-memory.js';
import { attributes } from './attributes.js';
import { NetClassDir } from './net-class.js';
import { addNotes } from './notes.js';
import type { SysFs } from './sysfs.js';

const ALL = 0xffffffff;
const NR_CPUS = 8192;
/** Bytes of a block of memory (Linux: memory_block_size_bytes). */
const MEMORY_BLOCK = 128 * 1024 * 1024;

/** Directories that are there and empty. */
const EMPTY = [
  'block',
  'bus',
  'class/block',
  'class/mem',
  'class/tty',
  'dev/block',
  'dev/char',
  'devices/virtual',
  'firmware',
  'fs/cgroup',
  'kernel/debug',
  'kernel/security',
  'module',
  'power',
];

function at(root: PseudoDir, path: string): PseudoDir {
  let dir = root;
  for (const part of path.split('/')) dir = dir.dir(part, 0o755);
  return dir;
}

export function fillSysfs(fs: SysFs, root: PseudoDir): void {
  for (const path of EMPTY) at(root, path);
  at(root, 'devices/system').add('cpu', new PseudoDir(fs, 0o755, undefined, (dir) => cpus(fs, dir)));
  at(root, 'class').add('net', new NetClassDir(fs));
  nodes(fs, at(root, 'devices/system/node'));
  memory(fs, at(root, 'kernel/mm'));
  at(root, 'devices/system').add('memory', new PseudoDir(fs, 0o755, undefined, (dir) => blocks(fs, dir)));
  attributes(fs, at(root, 'kernel'), {
    address_bits: '64',
    cpu_byteorder: 'little',
    fscaps: '1',
    profiling: '0',
    uevent_seqnum: '0',
  });
  addNotes(fs, at(root, 'kernel'));
  attributes(fs, at(root, 'devices/system/clocksource/clocksource0'), {
    available_clocksource: 'tsc',
    current_clocksource: 'tsc',
  });
}

function cpus(fs: SysFs, dir: PseudoDir): void {
  dir.dir('cpufreq', 0o755);
  const count = fs.kernel.cpus;
  const all = cpuListText(ALL, count);
  attributes(fs, dir, {
    online: all,
    possible: all,
    present: all,
    offline: '',
    isolated: '',
    kernel_max: String(NR_CPUS - 1),
  });
  attributes(fs, dir.dir('smt', 0o755), { active: '0', control: 'notsupported' });
  const cache = cpuField('cache size').replace(' KB', 'K');
  for (let i = 0; i < count; i++) {
    const cpu = dir.dir(`cpu${i}`, 0o755);
    if (i > 0) attributes(fs, cpu, { online: '1' });
    const one = { mask: cpuMaskText(2 ** i, count), list: String(i) };
    const every = { mask: cpuMaskText(ALL, count), list: all };
    attributes(fs, cpu.dir('topology', 0o755), {
      core_id: String(i),
      physical_package_id: '0',
      die_id: '0',
      core_cpus: one.mask,
      core_cpus_list: one.list,
      thread_siblings: one.mask,
      thread_siblings_list: one.list,
      core_siblings: every.mask,
      core_siblings_list: every.list,
      die_cpus: every.mask,
      die_cpus_list: every.list,
      package_cpus: every.mask,
      package_cpus_list: every.list,
    });
    // What /proc/cpuinfo tells of caches is the size of the last private one.
    if (cache === '') continue;
    attributes(fs, cpu.dir('cache', 0o755).dir('index0', 0o755), {
      level: '2',
      type: 'Unified',
      size: cache,
      coherency_line_size: cpuField('clflush size') || '64',
      shared_cpu_map: one.mask,
      shared_cpu_list: one.list,
    });
  }
}

function nodes(fs: SysFs, dir: PseudoDir): void {
  const { kernel } = fs;
  attributes(fs, dir, { online: '0', possible: '0', has_cpu: '0', has_memory: '0', has_normal_memory: '0' });
  const node = dir.dir('node0', 0o755);
  attributes(fs, node, {
    cpulist: cpuListText(ALL, kernel.cpus),
    cpumap: cpuMaskText(ALL, kernel.cpus),
    distance: '10',
    numastat: 'numa_hit 0\nnuma_miss 0\nnuma_foreign 0\ninterleave_hit 0\nlocal_node 0\nother_node 0',
    meminfo: () => {
      const { total, free } = memoryUse(kernel);
      const row = (name: string, n: number): string => `Node 0 ${`${name}:`.padEnd(16)}${kib(n)}`;
      return [row('MemTotal', total), row('MemFree', free), row('MemUsed', total - free)].join('\n');
    },
  });
  for (let i = 0; i < kernel.cpus; i++) node.add(`cpu${i}`, new PseudoLink(fs, `../../cpu/cpu${i}`));
}

/**
 * What memory there is in blocks, as lsmem(1) counts it: the first are online, as many as the limit fills.
 */
function blocks(fs: SysFs, dir: PseudoDir): void {
  attributes(fs, dir, { block_size_bytes: MEMORY_BLOCK.toString(16), auto_online_blocks: 'online' });
  const count = Math.max(1, Math.floor(fs.kernel.limits.memory / MEMORY_BLOCK));
  for (let i = 0; i < count; i++) {
    attributes(fs, dir.dir(`memory${i}`, 0o755), {
      online: '1',
      state: 'online',
      removable: '0',
      phys_device: '0',
      phys_index: i.toString(16).padStart(8, '0'),
      valid_zones: 'Normal',
    });
  }
}

/** Pages of more than 4 KiB are the host's business. */
function memory(fs: SysFs, dir: PseudoDir): void {
  attributes(fs, dir.dir('transparent_hugepage', 0o755), {
    enabled: 'always madvise [never]',
    defrag: 'always defer defer+madvise madvise [never]',
    shmem_enabled: 'always within_size advise [never] deny force',
    hpage_pmd_size: '2097152',
    use_zero_page: '0',
  });
  dir.dir('hugepages', 0o755);
  attributes(fs, dir.dir('ksm', 0o755), { run: '0' });
}
