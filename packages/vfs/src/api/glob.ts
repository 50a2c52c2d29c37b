import picomatch from 'picomatch';
import type { Dirent } from './stats.js';

export interface GlobOptions {
  /** Where patterns that are not absolute start; default: the working directory. */
  cwd?: string;
  withFileTypes?: boolean;
  /**
   * What is left out, with all below it: patterns, or a function that says so of a path (of a `Dirent` with
   * `withFileTypes`).
   */
  exclude?: readonly string[] | ((entry: never) => boolean);
}

/** A name the pattern matches. */
export interface GlobMatch {
  /** From `cwd`, or absolute as the pattern is. */
  readonly path: string;
  readonly entry: Dirent;
}

/** Lists a directory by its path; null when it cannot be. */
type List = (path: string) => Dirent[] | null;

/** All paths that match one of `patterns`, each once, directories before what is in them. */
export function* globWalk(
  patterns: readonly string[],
  list: List,
  exclude: (match: GlobMatch) => boolean,
): Generator<GlobMatch, void, undefined> {
  const seen = new Set<string>();
  for (const pattern of patterns) {
    const { base, glob } = picomatch.scan(pattern);
    const whole = glob === '';
    const slash = whole ? base.lastIndexOf('/') : -1;
    // A pattern without wildcards names one entry of its directory.
    const top = whole ? base.slice(0, Math.max(slash, 0)) || (base.startsWith('/') ? '/' : '') : base;
    const matches = whole ? (path: string) => path === base : picomatch(pattern);
    const depth = whole ? 1 : depthOf(glob);
    const pending: [string, number][] = [[top, 0]];
    for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
      const [dir, level] = at;
      const inside: [string, number][] = [];
      for (const entry of list(dir) ?? []) {
        const path = dir === '' ? entry.name : dir === '/' ? `/${entry.name}` : `${dir}/${entry.name}`;
        const match = { path, entry };
        if (exclude(match)) continue;
        if (entry.isDirectory() && level + 1 < depth) inside.push([path, level + 1]);
        if (seen.has(path) || !matches(path)) continue;
        seen.add(path);
        yield match;
      }
      pending.push(...inside.reverse());
    }
  }
}

/** How deep a pattern reaches. Braces may hold slashes, so they count as the longest they can be. */
function depthOf(glob: string): number {
  return glob.includes('**') ? Number.POSITIVE_INFINITY : glob.split('/').length;
}

/** What `exclude` says, as a test. */
export function exclusion(options: GlobOptions): (match: GlobMatch) => boolean {
  const { exclude, withFileTypes } = options;
  if (exclude === undefined) return () => false;
  if (typeof exclude === 'function') {
    return ({ path, entry }) =>
      (exclude as (entry: Dirent | string) => boolean)(withFileTypes ? entry : path);
  }
  const test = picomatch([...exclude]);
  return ({ path }) => test(path);
}
