import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));

/**
 * The workspace packages, each after those it depends on.
 *
 * @returns {{ name: string, dir: string, manifest: Record<string, any>, needs: string[] }[]}
 */
export function workspaces() {
  const all = readJson(join(root, 'package.json')).workspaces.map((path) => {
    const dir = join(root, path);
    const manifest = readJson(join(dir, 'package.json'));
    return { name: manifest.name, dir, manifest };
  });
  const names = new Set(all.map((pkg) => pkg.name));
  const pending = all.map((pkg) => ({
    ...pkg,
    needs: Object.keys({ ...pkg.manifest.dependencies, ...pkg.manifest.devDependencies }).filter((name) =>
      names.has(name),
    ),
  }));
  const ordered = [];
  while (pending.length > 0) {
    const next = pending.findIndex((pkg) =>
      pkg.needs.every((name) => ordered.some((done) => done.name === name)),
    );
    if (next < 0)
      throw new Error(`packages depend on each other: ${pending.map((pkg) => pkg.name).join(', ')}`);
    ordered.push(...pending.splice(next, 1));
  }
  return ordered;
}

/** Whether the package has been built. */
export const isBuilt = (pkg) => existsSync(join(pkg.dir, 'dist'));
