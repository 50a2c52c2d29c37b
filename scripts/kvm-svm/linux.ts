/** A Debian kernel and the modules the machine needs, unpacked from its package; nothing is installed. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';

export interface Linux {
  /** Path of the kernel image. */
  readonly image: string;
  /** Modules in the order they are to be loaded, decompressed. */
  readonly modules: readonly { readonly name: string; readonly data: Buffer }[];
}

const WANTED = ['virtio_pci', '9pnet_virtio', '9p', 'overlay', 'kvm-amd'];
const MAX_MODULE = 64 * 2 ** 20;

/** The present kernel of this Debian's `linux-image-amd64`, kept in `cache`. Throws when it cannot be had. */
export function fetchLinux(cache: string): Linux {
  const { dependency, unpacked } = locate(cache);
  if (!existsSync(unpacked)) download(dependency, cache, unpacked);
  const image = readdirSync(join(unpacked, 'boot')).find((name) => name.startsWith('vmlinuz-'));
  if (!image) throw new Error(`${dependency} has no kernel image`);
  return { image: join(unpacked, 'boot', image), modules: collect(unpacked) };
}

function locate(cache: string): { dependency: string; unpacked: string } {
  const text = execFileSync('apt-cache', ['depends', '--important', 'linux-image-amd64'], {
    encoding: 'utf8',
  });
  const dependency = /Depends: (linux-image-\S+)/.exec(text)?.[1];
  if (!dependency) throw new Error('apt knows no linux-image-amd64');
  return { dependency, unpacked: join(cache, dependency) };
}

function download(dependency: string, cache: string, unpacked: string): void {
  const temporary = `${unpacked}.${process.pid}`;
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary, { recursive: true });
  try {
    execFileSync('apt-get', ['-qq', 'download', dependency], {
      cwd: temporary,
      stdio: ['ignore', 'inherit', 'pipe'],
      timeout: 600_000,
    });
    const archive = readdirSync(temporary).find((name) => name.endsWith('.deb'));
    if (!archive) throw new Error('no package came');
    execFileSync('dpkg', ['-x', archive, '.'], { cwd: temporary, timeout: 300_000 });
    rmSync(join(temporary, archive));
    mkdirSync(cache, { recursive: true });
    // Another run may have been quicker.
    if (!existsSync(unpacked)) renameSync(temporary, unpacked);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** The wanted modules, each behind those it depends on. What is built in has no file. */
function collect(unpacked: string): { name: string; data: Buffer }[] {
  const paths = new Map<string, string>();
  const top = join(unpacked, 'usr/lib/modules');
  for (const path of readdirSync(top, { recursive: true, encoding: 'utf8' })) {
    const name = /^([^.]+)\.ko(\.xz)?$/.exec(basename(path))?.[1];
    if (name) paths.set(canonical(name), join(top, path));
  }
  const found = new Map<string, Buffer>();
  const add = (name: string): void => {
    const path = paths.get(name);
    if (!path || found.has(name)) return;
    const data = execFileSync('xz', ['--decompress', '--stdout', '--force', path], { maxBuffer: MAX_MODULE });
    for (const needed of dependencies(data)) add(needed);
    found.set(name, data);
  };
  for (const name of WANTED) add(canonical(name));
  return [...found].map(([name, data]) => ({ name, data }));
}

/** A module is named by either sign. */
function canonical(name: string): string {
  return name.replaceAll('-', '_');
}

/** What the module says of itself: `depends=a,b` in its section .modinfo. */
function dependencies(data: Buffer): string[] {
  const at = data.indexOf('\0depends=');
  if (at < 0) return [];
  const start = at + '\0depends='.length;
  const list = data.toString('latin1', start, data.indexOf(0, start));
  return list === '' ? [] : list.split(',').map(canonical);
}
