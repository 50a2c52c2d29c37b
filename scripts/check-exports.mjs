// Checks what an embedder gets from npm: publint reads each package's manifest against the files it
// would publish, attw resolves its types the way TypeScript does for an ESM consumer.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { isBuilt, root, workspaces } from './workspaces.mjs';

const attw = join(root, 'node_modules/.bin/attw');
let failed = false;

for (const pkg of workspaces()) {
  if (!isBuilt(pkg)) {
    console.error(`${pkg.name}: not built, run \`npm run build\` first`);
    failed = true;
    continue;
  }
  const { messages } = await publint({ pkgDir: pkg.dir, level: 'suggestion', strict: true, pack: 'npm' });
  for (const message of messages) console.error(`${pkg.name}: ${formatMessage(message, pkg.manifest)}`);
  if (messages.length > 0) failed = true;

  // A package that is only a command has no types to resolve.
  const hasEntry = Object.keys(pkg.manifest.exports ?? {}).some((subpath) => subpath !== './package.json');
  if (hasEntry) {
    const result = spawnSync(
      process.execPath,
      [attw, '--pack', pkg.dir, '--profile', 'esm-only', '--format', 'table-flipped', '--no-emoji'],
      { cwd: root, encoding: 'utf8' },
    );
    if (result.status !== 0) {
      console.error(`${pkg.name}:\n${result.stdout}${result.stderr}`);
      failed = true;
    }
  }
  console.log(`${pkg.name.padEnd(28)} checked`);
}
process.exitCode = failed ? 1 : 0;
