/** Source packages of Debian's, unpacked. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BASE } from './compare.js';

const CACHE = join(BASE, 'packages');
/** Where the unpacked sources are, each under its package's name. */
export const SOURCES = join(CACHE, 'sources');

/** apt with lists of its own: the machine's may name no sources. */
function apt(release: string, ...args: string[]): void {
  const lists = join(CACHE, 'apt');
  mkdirSync(join(lists, 'lists/partial'), { recursive: true });
  mkdirSync(join(lists, 'cache/archives/partial'), { recursive: true });
  const sources = [
    'Types: deb-src',
    'URIs: http://deb.debian.org/debian',
    `Suites: ${release}`,
    'Components: main',
    'Signed-By: /usr/share/keyrings/debian-archive-keyring.pgp',
  ];
  writeFileSync(join(lists, 'debian.sources'), `${sources.join('\n')}\n`);
  const settings = {
    'Dir::Etc::sourcelist': join(lists, 'debian.sources'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::State::lists': join(lists, 'lists'),
    'Dir::Cache': join(lists, 'cache'),
    'APT::Sandbox::User': 'root',
  };
  const options = Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  execFileSync('apt-get', ['-q', ...options, ...args], {
    cwd: CACHE,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/** Unpack the source of package `name`, once, under `SOURCES`; false where it cannot be had. */
export function fetchSource(name: string, release: string): boolean {
  const target = join(SOURCES, name);
  if (existsSync(target)) return true;
  mkdirSync(SOURCES, { recursive: true });
  try {
    apt(release, 'update');
    apt(release, 'source', name);
    const made = readdirSync(CACHE).find(
      (entry) => entry.startsWith(`${name}-`) && statSync(join(CACHE, entry)).isDirectory(),
    );
    if (made === undefined) return false;
    renameSync(join(CACHE, made), target);
    return true;
  } catch {
    return false;
  }
}
