import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmdirSync,
  write,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { OciConfig, OciResources } from '../config/types.js';

/**
 * Control groups of the host (cgroups(7)): the supervisor and its stubs are put into the group the
 * configuration names, as far as that may be written. CPU time is limited there; memory and processes are
 * limited by the kernel inside, which knows what belongs to guests.
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

/** What came of entering the groups of a container. */
export interface Stay {
  /** Directories that are the container's own, to be removed with it. */
  readonly made: readonly string[];
  /** Groups this process was in before, to go back to. */
  readonly before: readonly string[];
}

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

/** The groups this process is in: another one is about to put it into a container's. */
export function presentGroups(): string[] {
  return hierarchies().flatMap((hierarchy) => groupOf(process.pid, hierarchy) ?? []);
}

/** Go back to the groups this process was in before. A group cannot be removed from within. */
export async function leaveGroups(before: readonly string[]): Promise<void> {
  await move(before, process.pid);
}

/**
 * Put `pid` into groups. Which of them took it. The first move after a while takes the host tens of
 * milliseconds (it waits until every processor has passed through its scheduler) but no processor: threads of
 * the pool do it while this one goes on, with what needs no control groups.
 */
async function move(dirs: readonly string[], pid: number): Promise<boolean[]> {
  // Nothing can be opened once the first move has begun.
  const files = dirs.map(openMembers);
  return Promise.all(files.map((fd) => (fd === null ? false : moveInto(fd, pid))));
}

/** null: not ours to write. */
function openMembers(dir: string): number | null {
  try {
    return openSync(join(dir, 'cgroup.procs'), 'w');
  } catch {
    return null;
  }
}

function moveInto(members: number, pid: number): Promise<boolean> {
  return new Promise((resolve) => {
    write(members, String(pid), (error) => {
      closeSync(members);
      resolve(error === null);
    });
  });
}

/** Is nobody in a group? It was made for this container, or left of one of its name that was lost. */
const isEmpty = (dir: string): boolean => readFileSync(join(dir, 'cgroup.procs'), 'utf8') === '';

/** Make the groups and have `pid` enter them. */
export async function enterGroups(path: string, pid: number): Promise<Stay> {
  const made: string[] = [];
  const dirs: string[] = [];
  const before: (string | null)[] = [];
  if (path.split('/').includes('..')) return { made, before: [] };
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
      before.push(pid === process.pid ? groupOf(pid, hierarchy) : null);
      dirs.push(dir);
    } catch {
      // Not ours to write: another hierarchy may be.
    }
  }
  const moved = await move(dirs, pid);
  return { made, before: before.filter((dir, i) => dir !== null && moved[i]) as string[] };
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

/** Put one more process into the groups, before it does anything. */
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
