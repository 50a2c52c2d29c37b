import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SPEC_VERSION } from '../cli/help.js';
import type { OciConfig } from '../config/types.js';
import { errnoText, Failure } from '../failure.js';
import { isSameProcess } from './host-process.js';

export type Status = 'creating' | 'created' | 'running' | 'paused' | 'stopped';

/** What is kept of a container in `ROOT/ID/state.json`, by its supervisor. */
export interface Stored {
  readonly id: string;
  readonly bundle: string;
  readonly rootfs: string;
  readonly config: OciConfig;
  /** RFC 3339 with nanoseconds. */
  readonly created: string;
  /**
   * The host's process that lives as long as the container's first one, and when it was started
   * (proc_pid_stat(5)).
   */
  pid: number;
  pidStarted: string;
  status: Status;
  /**
   * The container whose supervisor has its kernel; its own id when it has that to itself, or is the first in
   * it.
   */
  readonly sandbox: string;
  /** Network namespace of the host its kernel is the owner of, as `namespaceKey` has it; null: none. */
  readonly network: string | null;
  /** Where its supervisor listens. */
  readonly socket: string;
  /** Directories of host control groups made for it. */
  readonly cgroups: readonly string[];
}

/** The state the specification describes (runtime.md, "State"), and what callers of runc find beside it. */
export interface OciState {
  ociVersion: string;
  id: string;
  pid: number;
  status: Status;
  bundle: string;
  rootfs: string;
  created: string;
  annotations?: Readonly<Record<string, string>>;
  owner: string;
}

const FILE = 'state.json';

export function checkId(id: string): void {
  if (id === '') throw new Failure('container id cannot be empty');
  if (id === '.' || id === '..' || id.length > 1024 || !/^[\w+.-]+$/.test(id))
    throw new Failure('invalid container ID format');
}

/** Take the name `id`. Throws Failure. */
export function claim(root: string, id: string): string {
  checkId(id);
  const dir = join(root, id);
  try {
    makeRoot(root);
    mkdirSync(dir, { mode: 0o711 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST')
      throw new Failure('container with given ID already exists');
    throw new Failure(`mkdir ${dir}: ${errnoText(error)}`);
  }
  return dir;
}

/**
 * mkdirSync's `recursive` tries for ever where a directory cannot be made although its parent is there
 * (/proc).
 */
function makeRoot(path: string): void {
  if (existsSync(path)) return;
  const parent = dirname(path);
  if (!existsSync(parent)) makeRoot(parent);
  try {
    mkdirSync(path, { mode: 0o711 });
  } catch (error) {
    // Another command was faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

export function release(root: string, id: string): void {
  rmSync(join(root, id), { recursive: true, force: true });
}

export function save(root: string, stored: Stored): void {
  const path = join(root, stored.id, FILE);
  writeFileSync(`${path}.new`, JSON.stringify(stored), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** A container whose directory is there; its state null when it was never written. Throws Failure. */
export function find(root: string, id: string): Stored | null {
  checkId(id);
  if (!existsSync(join(root, id))) throw new Failure('container does not exist');
  return read(root, id);
}

/** The same; null also when there is nothing of that name. */
export function read(root: string, id: string): Stored | null {
  let stored: Stored;
  try {
    stored = JSON.parse(readFileSync(join(root, id, FILE), 'utf8')) as Stored;
  } catch {
    return null;
  }
  if (stored.status !== 'stopped' && !isSameProcess(stored.pid, stored.pidStarted)) {
    stored.status = 'stopped';
    stored.pid = 0;
  }
  return stored;
}

/** The same; one without state does not exist for most commands. Throws Failure. */
export function load(root: string, id: string): Stored {
  const stored = find(root, id);
  if (stored === null) throw new Failure('container does not exist');
  return stored;
}

export function all(root: string): Stored[] {
  let names: string[];
  try {
    names = readdirSync(root);
  } catch {
    return [];
  }
  return names.flatMap((id) => read(root, id) ?? []).sort((a, b) => (a.id < b.id ? -1 : 1));
}

export function ociState(stored: Stored): OciState {
  const { annotations } = stored.config;
  return {
    ociVersion: SPEC_VERSION,
    id: stored.id,
    pid: stored.status === 'stopped' ? 0 : stored.pid,
    status: stored.status,
    bundle: stored.bundle,
    rootfs: stored.rootfs,
    created: stored.created,
    ...(annotations && Object.keys(annotations).length > 0 ? { annotations } : {}),
    owner: '',
  };
}
