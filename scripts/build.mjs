// Builds every package with tsup. A package starts as soon as the ones it depends on are done (its
// types are checked against their dist), so independent packages build side by side.
import { spawn } from 'node:child_process';
import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { root, workspaces } from './workspaces.mjs';

const tsup = join(root, 'node_modules/tsup/dist/cli-default.js');

function run(pkg) {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn(process.execPath, [tsup, '--silent'], {
      cwd: pkg.dir,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code !== 0) return reject(new Error(`${pkg.name} does not build:\n${output}`));
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      console.log(`${pkg.name.padEnd(28)} ${seconds.padStart(5)}s`);
      resolve();
    });
  });
}

const builds = new Map();
for (const pkg of workspaces()) {
  // The license text travels with every published package.
  copyFileSync(join(root, 'LICENSE'), join(pkg.dir, 'LICENSE'));
  if (!existsSync(join(pkg.dir, 'src'))) {
    builds.set(pkg.name, Promise.resolve());
    continue;
  }
  builds.set(
    pkg.name,
    Promise.all(pkg.needs.map((name) => builds.get(name))).then(() => run(pkg)),
  );
}

const results = await Promise.allSettled(builds.values());
// A failed package fails everything above it with the same error: say it once.
const failures = new Set(
  results.filter((result) => result.status === 'rejected').map((result) => result.reason),
);
for (const failure of failures) console.error(failure.message);
process.exitCode = failures.size > 0 ? 1 : 0;
