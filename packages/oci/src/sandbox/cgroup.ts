import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { OciConfig, OciResources } from '../config/types.js';

/**
 * Control groups of the host (cgroups(7)): the supervisor and its stubs are put into the group the configuration names, as far as that may be
 * written. CPU time is limited there; memory and processes are limited by the kernel inside, which knows what belongs to guests.
 */

const MOUNTS = '/sys/fs/cgroup';

interface Hierarchy {
  readonly path: string;
  /** Controllers of version 1; empty for version 2. */
  readonly controllers: readonly string[];
}

function hierarchies(): Hierarchy[] {
  const found: Hierarchy[] = [];
  let mounts: string;
  try {
    mounts = readFileSync('/proc/self/mounts', 'utf8');
  } catch {
    return [];
  }
  for (const line of mounts.split('\n')) {
    const [, path = '', type, options = ''] = line.split(' ');
    if (!path.startsWith(MOUNTS)) continue;
    if (type === 'cgroup2') found.push({ path, controllers: [] });
    else if (type === 'cgroup') found.push({ path, controllers: options.split(',') });
  }
  return found;
}

/** The group's path: as given, or "slice:prefix:name" as systemd nests it. */
export function groupPath(config: OciConfig, id: string, systemd: boolean): string {
  const given = config.linux?.cgroupsPath ?? '';
  if (given === '') return `/${id}`;
  if (!systemd || !given.includes(':')) return given.startsWith('/') ? given : `/${given}`;
  const [slice = '', prefix = '', name = ''] = given.split(':');
  const unit = name.endsWith('.slice') ? name : `${prefix === '' ? '' : `${prefix}-`}${name}.scope`;
  return `${expandSlice(slice === '' ? 'system.slice' : slice)}/${unit}`;
}

/** "a-b.slice" lies within "a.slice" (systemd.slice(5)). */
function expandSlice(slice: string): string {
  const parts = slice.replace(/\.slice$/, '').split('-');
  if (slice === '-.slice' || parts.some((p) => p === '')) return '';
  return parts.map((_, i) => `/${parts.slice(0, i + 1).join('-')}.slice`).join('');
}

/** Groups this process was in before it entered others, to go back to. */
const left: string[] = [];

/** The group of `pid` in a hierarchy (cgroups(7), /proc/pid/cgroup). */
function groupOf(pid: number, { path, controllers }: Hierarchy): string | null {
  for (const line of readFileSync(`/proc/${pid}/cgroup`, 'utf8').split('\n')) {
    const [number, names = '', group = ''] = line.split(':');
    const same =
      controllers.length === 0 ? number === '0' : names.split(',').some((name) => controllers.includes(name));
    if (same) return join(path, group);
  }
  return null;
}

/** Another process is about to put this one into a container's groups: note those it is in, to go back to. */
export function rememberGroups(): void {
  for (const hierarchy of hierarchies()) {
    const dir = groupOf(process.pid, hierarchy);
    if (dir !== null) left.push(dir);
  }
}

/** Go back to the groups this process was in before `enterGroups`, or `rememberGroups`. A group cannot be removed from within. */
export function leaveGroups(): void {
  for (const dir of left.splice(0)) joinGroups([dir], process.pid);
}

/** Is nobody in a group? It was made for this container, or left of one of its name that was lost. */
const isEmpty = (dir: string): boolean => readFileSync(join(dir, 'cgroup.procs'), 'utf8') === '';

/** Make the groups and have `pid` enter them. Directories that are the container's own, to be removed with it. */
export function enterGroups(path: string, pid: number): string[] {
  const made: string[] = [];
  if (path.split('/').includes('..')) return made;
  for (const hierarchy of hierarchies()) {
    const mount = hierarchy.path;
    const dir = join(mount, path);
    if (dir === mount) continue;
    try {
      const isOurs = !existsSync(dir) || isEmpty(dir);
      mkdirSync(dir, { recursive: true, mode: 0o755 });
      if (isOurs) made.push(dir);
      // A group for sets of processors takes nobody before it has some.
      for (const name of ['cpuset.cpus', 'cpuset.mems']) inherit(dir, mount, name);
      const before = pid === process.pid ? groupOf(pid, hierarchy) : null;
      writeFileSync(join(dir, 'cgroup.procs'), String(pid));
      if (before !== null) left.push(before);
    } catch {
      // Not ours to write: another hierarchy may be.
    }
  }
  return made;
}

/** Every group above a new one needs the parent's processors (version 1). */
function inherit(dir: string, mount: string, name: string): void {
  const file = join(dir, name);
  if (dir === mount || !existsSync(file) || readFileSync(file, 'utf8').trim() !== '') return;
  const parent = join(dir, '..');
  inherit(parent, mount, name);
  try {
    const value = readFileSync(join(parent, name), 'utf8').trim();
    if (value !== '') writeFileSync(file, value);
  } catch {
    // Version 2 shows what is in effect elsewhere.
  }
}

/** Put one more process into the groups. */
export function joinGroups(dirs: readonly string[], pid: number): void {
  for (const dir of dirs) {
    try {
      writeFileSync(join(dir, 'cgroup.procs'), String(pid));
    } catch {
      // As above.
    }
  }
}

/** Set limits of CPU time. Those the host does not take are left out: nothing inside depends on them. */
export function limitCpu(dirs: readonly string[], { cpu, blockIO }: OciResources): void {
  const set = (name: string, value: string | undefined): void => {
    if (value === undefined) return;
    for (const dir of dirs) {
      const file = join(dir, name);
      if (!existsSync(file)) continue;
      try {
        writeFileSync(file, value);
      } catch {
        // See above.
      }
    }
  };
  const number = (n: number | undefined): string | undefined =>
    n === undefined || n === 0 ? undefined : String(n);
  if (cpu !== undefined) {
    set('cpu.cfs_period_us', number(cpu.period));
    set('cpu.cfs_quota_us', number(cpu.quota));
    set('cpu.shares', number(cpu.shares));
    set('cpuset.cpus', cpu.cpus || undefined);
    set('cpuset.mems', cpu.mems || undefined);
    if (cpu.quota || cpu.period) {
      set(
        'cpu.max',
        `${cpu.quota !== undefined && cpu.quota > 0 ? cpu.quota : 'max'} ${cpu.period || 100000}`,
      );
    }
    if (cpu.shares) set('cpu.weight', String(weightOf(cpu.shares)));
  }
  set('blkio.weight', number(blockIO?.weight));
}

/** Shares of version 1 (2 to 262144) as a weight of version 2 (1 to 10000). */
function weightOf(shares: number): number {
  const s = Math.min(Math.max(shares, 2), 262144);
  return 1 + Math.floor(((s - 2) * 9999) / 262142);
}

/** A killed process is mostly gone within a millisecond or two; on a busy machine it takes longer. */
const FIRST_STEP_MS = 1;
const LONGEST_STEP_MS = 20;
const PATIENCE_MS = 5000;

/** What is in them is ended; a process that has been killed takes a moment to go. */
export async function removeGroups(dirs: readonly string[]): Promise<void> {
  for (const dir of [...dirs].reverse()) {
    let step = FIRST_STEP_MS;
    for (let waited = 0; waited < PATIENCE_MS && !tryRemove(dir); waited += step) {
      await pause(step);
      step = Math.min(step * 2, LONGEST_STEP_MS);
    }
  }
}

function tryRemove(dir: string): boolean {
  try {
    rmdirSync(dir);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EBUSY') return true;
    killAll(dir);
    return false;
  }
}

function killAll(dir: string): void {
  try {
    for (const pid of readFileSync(join(dir, 'cgroup.procs'), 'utf8').split('\n')) {
      if (pid !== '' && Number(pid) !== process.pid) process.kill(Number(pid), 'SIGKILL');
    }
  } catch {
    // Gone meanwhile.
  }
}
