import { mkdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Container, ContainerMount } from '@sandbox/kernel';
import { type FileSystemSpec, hostfs, overlay, tmpfs } from '@sandbox/vfs';
import type { OciConfig, OciIdMapping, OciMount } from '../config/types.js';
import { errnoText, Failure, messageOf } from '../failure.js';
import { restore, snapshot } from './copy-up.js';

/**
 * The root of a container: its directory on the host, or a layer for what is written above that. `keep`: see
 * the option --overlay. Who is not root cannot have files of several users in a directory, as images do.
 * Throws Failure.
 */
export function rootOf(directory: string, keep: string, id: string): FileSystemSpec {
  const where = keep === 'auto' ? (process.geteuid!() === 0 ? 'none' : 'memory') : keep;
  if (where === 'none') return hostfs(directory);
  const lower = hostfs(directory, { readOnly: true });
  return overlay({ lower, upper: where === 'memory' ? tmpfs() : hostfs(upperOf(where, id)) });
}

/** It stays when the container is deleted: one of the same name goes on with it. */
function upperOf(directory: string, id: string): string {
  const upper = join(directory, id);
  try {
    mkdirSync(upper, { recursive: true, mode: 0o755 });
  } catch (error) {
    throw new Failure(`mkdir ${upper}: ${errnoText(error)}`);
  }
  return upper;
}

/** Devices every container has (config-linux.md, "Default Devices"): name, major, minor. */
const DEVICES = [
  ['null', 1, 3],
  ['zero', 1, 5],
  ['full', 1, 7],
  ['random', 1, 8],
  ['urandom', 1, 9],
  ['tty', 5, 0],
] as const;

const LINKS = [
  ['/proc/self/fd', '/dev/fd'],
  ['/proc/self/fd/0', '/dev/stdin'],
  ['/proc/self/fd/1', '/dev/stdout'],
  ['/proc/self/fd/2', '/dev/stderr'],
  ['pts/ptmx', '/dev/ptmx'],
] as const;

/** Put the tree of a container together as its configuration says. Throws Failure. */
export async function buildTree(container: Container, config: OciConfig): Promise<void> {
  for (const mount of config.mounts ?? []) await addMount(container, mount, config);
  await addDevices(container, config);
  for (const [name, value] of Object.entries(config.linux?.sysctl ?? {}))
    await setSysctl(container, name, value);
  // Relative ones are so to the root, where runc's process is by then.
  for (const path of config.linux?.readonlyPaths ?? []) container.makeReadOnly(join('/', path));
  for (const path of config.linux?.maskedPaths ?? []) container.hide(join('/', path));
  if (config.root?.readonly) container.makeReadOnly('/');
  const { rootfsPropagation } = config.linux ?? {};
  if (rootfsPropagation) container.propagate('/', rootfsPropagation);
}

/**
 * The owners a mount with `idmap`, or with maps of its own, shows: without those, the ones of the container's
 * user namespace.
 */
function mountIds(mount: OciMount, { linux }: OciConfig): ContainerMount['ids'] {
  const { options = [], source = '', destination } = mount;
  const own = (mount.uidMappings?.length ?? 0) > 0 || (mount.gidMappings?.length ?? 0) > 0;
  if (!own && !options.includes('idmap') && !options.includes('ridmap')) return undefined;
  const { uidMappings = [], gidMappings = [] } = own ? mount : (linux ?? {});
  if (uidMappings.length === 0 || gidMappings.length === 0)
    throw new Failure(
      `error mounting "${source}" to rootfs at "${destination}": ids are mapped by two maps, or not`,
    );
  return { uids: idMap(uidMappings), gids: idMap(gidMappings) };
}

export const idMap = (list: readonly OciIdMapping[]) =>
  list.map(({ containerID, hostID, size }) => ({ inside: containerID, outside: hostID, count: size }));

async function addMount(container: Container, mount: OciMount, config: OciConfig): Promise<void> {
  const { source = '', options = [] } = mount;
  const ids = mountIds(mount, config);
  const destination = mount.destination.startsWith('/') ? mount.destination : `/${mount.destination}`;
  const type = mount.type ?? (options.some((o) => o === 'bind' || o === 'rbind') ? 'bind' : 'none');
  try {
    if (type === 'bind' || options.includes('bind') || options.includes('rbind')) {
      container.mount({ path: destination, what: hostPath(source, options), options: forBind(options), ids });
    } else {
      const name = type === 'cgroup' ? 'cgroup2' : type;
      // What is about groups of the host means nothing to the one group inside.
      const given = name === 'cgroup2' ? options.filter((o) => /^(ro|rw|no)/.test(o)) : options;
      const copy = options.includes('tmpcopyup') ? await snapshot(container.fs, destination) : null;
      container.mount({
        path: destination,
        what: { type: name, source: source || name },
        ids,
        options: [...plain(given), ...(name === 'tmpfs' ? await modeOf(container, destination, given) : [])],
      });
      if (copy !== null) await restore(container.fs, destination, copy);
    }
  } catch (error) {
    const isMount = error instanceof Error && 'code' in error && error.code === 'ERR_MOUNT';
    const why = isMount
      ? `mount ${source}:${mount.destination}: ${mountReason(error)}`
      : `create mount destination for ${mount.destination} mount: bind mount source stat: stat ${source}: ${errnoText(error)}`;
    throw new Failure(`error mounting "${source}" to rootfs at "${mount.destination}": ${why}`);
  }
}

/** The errno at the end of a MountError's message, in words. */
function mountReason(error: Error): string {
  const errno = /: (E[A-Z0-9]+)$/.exec(error.message)?.[1];
  return errno === undefined ? messageOf(error) : errnoText({ errno, message: errno });
}

/** A file or directory of the host. Of a file, the directory is the file system, and it alone is shown. */
function hostPath(source: string, options: readonly string[]) {
  const readOnly = options.includes('ro') || options.includes('rro');
  const stat = statSync(source);
  if (stat.isDirectory()) return { fs: hostfs(source, { readOnly }), source };
  return { fs: hostfs(dirname(source), { readOnly }), inner: `/${basename(source)}`, source };
}

/** A tmpfs nobody chose a mode for has that of the directory it covers, as with runc. */
async function modeOf(container: Container, path: string, options: readonly string[]): Promise<string[]> {
  if (options.some((o) => o.startsWith('mode='))) return [];
  const stat = await container.fs.stat(path).catch(() => null);
  return stat === null ? [] : [`mode=${(stat.mode & 0o7777).toString(8)}`];
}

/** Options that say how runtimes mount, not what. */
const OWN = new Set([
  'bind',
  'rbind',
  'tmpcopyup',
  'rro',
  'rrw',
  'idmap',
  'ridmap',
  'mand',
  'nomand',
  'loud',
  'silent',
  'iversion',
  'noiversion',
  'lazytime',
  'nolazytime',
  'acl',
  'noacl',
]);

const plain = (options: readonly string[]): string[] => options.filter((o) => !OWN.has(o));

/** A bind mount takes no options of the file system; 'ro' is for it alone. */
const forBind = (options: readonly string[]): string[] => plain(options).filter((o) => !o.includes('='));

async function addDevices(container: Container, config: OciConfig): Promise<void> {
  // Where /dev is the host's or the image's own, nothing is put into it.
  const own = (config.mounts ?? []).some((m) => m.destination === '/dev' && m.type === 'tmpfs');
  const given = config.linux?.devices ?? [];
  if (own) {
    for (const [name, major, minor] of DEVICES) {
      const path = `/dev/${name}`;
      if (!given.some((d) => d.path === path))
        container.makeNode({ path, kind: 'char', major, minor, mode: 0o666 });
    }
    for (const [target, path] of LINKS) await container.fs.symlink(target, path).catch(() => {});
    if (config.process?.terminal)
      container.makeNode({ path: '/dev/console', kind: 'char', major: 5, minor: 1, mode: 0o620 });
  }
  for (const d of given) {
    const kind = ({ c: 'char', u: 'char', b: 'block', p: 'fifo' } as const)[d.type];
    if (kind === undefined) throw new Failure(`invalid device type "${d.type}" of ${d.path}`);
    const { major, minor, uid, gid, fileMode: mode } = d;
    const path = d.path.startsWith('/') ? d.path : `/${d.path}`;
    container.makeNode({ path, kind, major, minor, mode, uid, gid });
  }
}

async function setSysctl(container: Container, name: string, value: string): Promise<void> {
  const path = `/proc/sys/${name.includes('/') ? name : name.replaceAll('.', '/')}`;
  try {
    await container.fs.writeFile(path, value, { flag: 'r+' });
  } catch (error) {
    const what = (error as { code?: string }).code === 'ENOENT' ? 'open' : 'write';
    throw new Failure(`${what} ${path}: ${errnoText(error)}`);
  }
}
